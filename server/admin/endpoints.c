/* SPDX-License-Identifier: MIT */
/* Endpoints: the list, and one of them. How they are decided is in endpoint_change.c, how asked for in endpoint_new.c. */
#include <string.h>

#include "crypto/key_pair.h"
#include "server/admin/api.h"
#include "server/admin/endpoint_change.h"
#include "server/admin/endpoint_new.h"
#include "server/admin/page.h"
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

static bool is_listed(const struct admin_request *rq, const struct endpoint *e)
{
	const char *status = admin_query(rq, "status"), *service = admin_query(rq, "service"),
		   *consumer = admin_query(rq, "consumer");
	return (!status || state_of(status) == e->value.state) &&
	       (!consumer || strcasecmp(consumer, e->consumer->name) == 0) &&
	       private_scope_sees_endpoint(&rq->actor, e) &&
	       (!service || is_of(e->service, service));
}

static void add(struct admin_page *p, const struct endpoint *e)
{
	struct buf text = BUF_NULL;
	if (endpoint_write(p->request->admin, e, &text) < 0)
		admin_page_fail(p);
	else
		admin_page_add_text(p, e->value.id,
			(struct str){(const char *)buf_head(&text), buf_len(&text)});
	buf_deinit(&text);
}

static void endpoints_rows(struct admin_page *p)
{
	const struct admin_request *rq = p->request;
	const struct catalog *c = rq->admin->catalog;
	size_t at = *p->cursor ? catalog_endpoint_position(c, admin_page_number(p) + 1) : 0;
	for (; at < c->private.n_endpoints; at++) {
		const struct endpoint *e = c->private.endpoints[at];
		if (!admin_page_room(p))
			return;
		if (is_listed(rq, e))
			add(p, e);
		else
			admin_page_add_numbered(p, e->value.id, NULL);
	}
	admin_page_end(p);
}

static void endpoints_list(struct admin_request *rq)
{
	const char *status = admin_query(rq, "status");
	char room[ADMIN_QUOTE_SIZE];
	if (status && !state_of(status))
		admin_refuse(rq, ADMIN_INVALID,
			"\"%s\" is no status: Pending, Approved, Rejected or Disconnected",
			admin_quote(status, room));
	else
		admin_page_start(rq, endpoints_rows);
}

/* ---- One ---- */

static void endpoint_show(struct admin_request *rq)
{
	const struct endpoint *e = private_scope_endpoint(rq, admin_parameter(rq, 0));
	if (!e)
		return;
	admin_set_etag(rq, e->value.rev);
	admin_answer(rq, 200, endpoint_json(rq->admin, e));
}

/* ---- The table ---- */

static const char *const list_query[] = {ADMIN_PAGE_QUERY, "status", "service", "consumer", NULL};

/* An id is also written behind the path of its private service. */
static const char *const id_query[] = {"service", NULL};

static const struct admin_member create_members[] = {
	{"service", ADMIN_TEXT, .max = POLICY_ALIAS_SIZE - 1, .required = true},
	{"name", ADMIN_TEXT, .max = POLICY_NAME_MAX},
	{"consumer", ADMIN_TEXT, .max = POLICY_NAME_MAX},
	{"message", ADMIN_TEXT, .max = POLICY_MESSAGE_SIZE},
	{0},
};
static const struct admin_member decision_members[] = {
	{"description", ADMIN_TEXT, .max = POLICY_TEXT_MAX, .nullable = true},
	{"endToEndKey", ADMIN_TEXT, .max = KEY_TEXT_LEN, .nullable = true},
	{0},
};

static const struct admin_operation rows[] = {
	{ADMIN_GET, "/api/v1/endpoints", ADMIN_ANYBODY, .query = list_query, .run = endpoints_list},
	{ADMIN_POST, "/api/v1/endpoints", ADMIN_ANYBODY, .members = create_members,
		.run = endpoint_create},
	{ADMIN_GET, "/api/v1/endpoints/{id}", ADMIN_ANYBODY, .query = id_query,
		.run = endpoint_show},
	{ADMIN_DELETE, "/api/v1/endpoints/{id}", ADMIN_ANYBODY, .query = id_query,
		.run = endpoint_delete},
	{ADMIN_POST, "/api/v1/endpoints/{id}/approve", ADMIN_ANYBODY, .query = id_query,
		.members = decision_members, .run = endpoint_approve},
	{ADMIN_POST, "/api/v1/endpoints/{id}/reject", ADMIN_ANYBODY, .query = id_query,
		.members = decision_members, .run = endpoint_reject},
};
const struct admin_operations admin_endpoints = {rows, ARRAY_LEN(rows)};
