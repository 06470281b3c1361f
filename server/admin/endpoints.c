/* SPDX-License-Identifier: MIT */
/* Endpoints: the list, and one of them. How they are decided is in endpoint_change.c, how asked for in endpoint_new.c. */
#include <string.h>

#include "crypto/key_pair.h"
#include "server/admin/api.h"
#include "server/admin/endpoint_change.h"
#include "server/admin/endpoint_new.h"
#include "api/page.h"
#include "server/admin/private_json.h"
#include "server/admin/private_scope.h"

/* ---- The list ---- */

static const enum policy_endpoint_state states[] = {POLICY_PENDING, POLICY_APPROVED,
	POLICY_REJECTED, POLICY_DISCONNECTED};

/* The state of that word, whatever its case; POLICY_ENDPOINT_NONE: it is none. */
static enum policy_endpoint_state state_of(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (strcasecmp(word, policy_endpoint_state_name(states[i])) == 0)
			return states[i];
	return POLICY_ENDPOINT_NONE;
}

/* By its name or its alias. */
static bool is_of(const struct private_service *s, const char *text)
{
	struct policy_alias alias;
	struct error err;
	return policy_alias_parse(str_from(text), &alias, &err) == 0 &&
	       policy_alias_is(&alias, s->name, s->value.tag);
}

static bool is_listed(const struct api_request *rq, const struct endpoint *e)
{
	const char *status = api_query(rq, "status"), *service = api_query(rq, "service"),
		   *consumer = api_query(rq, "consumer");
	return (!status || state_of(status) == e->value.state) &&
	       (!consumer || strcasecmp(consumer, e->consumer->name) == 0) &&
	       private_scope_sees_endpoint(&rq->actor, e) &&
	       (!service || is_of(e->service, service));
}

/* As Google's AIP-157 has it: "basic" or "full". */
static bool wants_basic(const struct api_request *rq)
{
	const char *view = api_query(rq, "view");
	return view && strcmp(view, "basic") == 0;
}

static void add(struct api_page *p, const struct endpoint *e)
{
	struct buf text = BUF_NULL;
	int r = wants_basic(p->request) ? endpoint_write_basic(e, &text)
					: endpoint_write(admin_of(p->request), e, &text);
	if (r < 0)
		api_page_fail(p);
	else
		api_page_add_text(p, e->value.id,
			(struct str){(const char *)buf_head(&text), buf_len(&text)});
	buf_deinit(&text);
}

static void endpoints_rows(struct api_page *p)
{
	const struct api_request *rq = p->request;
	const struct catalog *c = admin_of(rq)->catalog;
	size_t at = *p->cursor ? catalog_endpoint_position(c, api_page_number(p) + 1) : 0;
	for (; at < c->private.n_endpoints; at++) {
		const struct endpoint *e = c->private.endpoints[at];
		if (!api_page_room(p))
			return;
		if (is_listed(rq, e))
			add(p, e);
		else
			api_page_add_numbered(p, e->value.id, NULL);
	}
	api_page_end(p);
}

static void endpoints_list(struct api_request *rq)
{
	const char *status = api_query(rq, "status"), *view = api_query(rq, "view");
	char room[API_QUOTE_SIZE];
	if (view && strcmp(view, "full") != 0 && !wants_basic(rq))
		api_refuse(rq, API_INVALID, "\"%s\" is no view: basic or full",
			api_quote(view, room));
	else if (status && !state_of(status))
		api_refuse(rq, API_INVALID,
			"\"%s\" is no status: Pending, Approved, Rejected or Disconnected",
			api_quote(status, room));
	else
		api_page_start(rq, endpoints_rows);
}

/* ---- One ---- */

static void endpoint_show(struct api_request *rq)
{
	const struct endpoint *e = private_scope_endpoint(rq, api_parameter(rq, 0));
	if (!e)
		return;
	api_set_etag(rq, e->value.rev);
	api_answer(rq, 200, endpoint_json(admin_of(rq), e));
}

/* ---- The table ---- */

static const char *const list_query[] = {API_PAGE_QUERY, "status", "service", "consumer", "view",
	NULL};

/* An id is also written behind the path of its private service. */
static const char *const id_query[] = {"service", NULL};

static const struct api_member create_members[] = {
	{"service", API_TEXT, .max = POLICY_ALIAS_SIZE - 1, .required = true},
	{"name", API_TEXT, .max = POLICY_NAME_MAX},
	{"consumer", API_TEXT, .max = POLICY_NAME_MAX},
	{"message", API_TEXT, .max = POLICY_MESSAGE_SIZE},
	{0},
};
static const struct api_member decision_members[] = {
	{"description", API_TEXT, .max = POLICY_TEXT_MAX, .nullable = true},
	{"endToEndKey", API_TEXT, .max = KEY_TEXT_LEN, .nullable = true},
	{0},
};

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/endpoints", API_ANYBODY, .query = list_query, .run = endpoints_list},
	{API_POST, "/api/v1/endpoints", API_ANYBODY, .members = create_members,
		.run = endpoint_create},
	{API_GET, "/api/v1/endpoints/{id}", API_ANYBODY, .query = id_query, .run = endpoint_show},
	{API_DELETE, "/api/v1/endpoints/{id}", API_ANYBODY, .query = id_query,
		.run = endpoint_delete},
	{API_POST, "/api/v1/endpoints/{id}/approve", API_ANYBODY, .query = id_query,
		.members = decision_members, .run = endpoint_approve},
	{API_POST, "/api/v1/endpoints/{id}/reject", API_ANYBODY, .query = id_query,
		.members = decision_members, .run = endpoint_reject},
};
const struct api_operations admin_endpoints = {rows, ARRAY_LEN(rows)};
