/* SPDX-License-Identifier: MIT */
/* Private services: the list, and one of them. How they are made and changed is in service_change.c. */
#include <stdlib.h>
#include <string.h>

#include "server/admin/api.h"
#include "api/page.h"
#include "server/admin/private_json.h"
#include "server/admin/private_scope.h"
#include "server/admin/service_change.h"

/* ---- The list ---- */

/* At the operator's socket there is nobody of whom anything could be one's own. */
static bool lists_all(const struct api_request *rq)
{
	bool all = !rq->actor.identity;
	const char *text = api_query(rq, "all");
	return all || (text && strcmp(text, "true") == 0);
}

static bool is_listed(const struct api_request *rq, const struct private_service *s)
{
	const char *owner = api_query(rq, "owner");
	if (s->value.deleted || (owner && strcasecmp(owner, s->owner->name) != 0))
		return false;
	if (lists_all(rq) || s->owner == rq->actor.identity)
		return true;
	return policy_visible(&s->value, rq->actor.identity->name, false, false);
}

static void services_rows(struct api_page *p)
{
	const struct api_request *rq = p->request;
	const struct catalog *c = admin_of(rq)->catalog;
	size_t at = *p->cursor ? catalog_service_position(c, api_page_number(p) + 1) : 0;
	for (; at < c->private.n_services; at++) {
		const struct private_service *s = c->private.services[at];
		if (!api_page_room(p))
			return;
		bool listed = is_listed(rq, s);
		json_t *item =
			listed ? service_json(admin_of(rq), s, private_scope_owns(&rq->actor, s))
			       : NULL;
		if (listed && !item) {
			api_page_fail(p);
			return;
		}
		api_page_add_numbered(p, s->value.id, item);
	}
	api_page_end(p);
}

static void services_list(struct api_request *rq)
{
	bool all = false;
	if (!api_query_flag(rq, "all", &all))
		return;
	if (all && !rq->actor.may_all)
		api_refuse(rq, API_DENIED,
			"%s sees its own private services, and those whose visibility names it; "
			"for all of them it takes an identity with --operator",
			rq->actor.name);
	else
		api_page_start(rq, services_rows);
}

/* ---- One ---- */

static void service_show(struct api_request *rq)
{
	struct private_service *s = private_scope_service(rq, api_parameter(rq, 0));
	if (!s)
		return;
	api_set_etag(rq, s->value.rev);
	api_answer(rq, 200, service_json(admin_of(rq), s, private_scope_owns(&rq->actor, s)));
}

/* ---- The table ---- */

static const char *const list_query[] = {API_PAGE_QUERY, "owner", "all", NULL};

static const struct api_member create_members[] = {
	{"name", API_TEXT, .max = POLICY_NAME_MAX, .required = true},
	{"owner", API_TEXT, .max = POLICY_NAME_MAX},
	{"kind", API_TEXT, .max = sizeof "tcp" - 1},
	SERVICE_MEMBERS,
	{0},
};
static const struct api_member update_members[] = {
	SERVICE_MEMBERS,
	{0},
};

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/services", API_ANYBODY, .query = list_query, .run = services_list},
	{API_POST, "/api/v1/services", API_ANYBODY, .members = create_members,
		.run = service_create},
	{API_GET, "/api/v1/services/{name}", API_ANYBODY, .run = service_show},
	{API_PATCH, "/api/v1/services/{name}", API_ANYBODY, .members = update_members,
		.run = service_update},
	{API_DELETE, "/api/v1/services/{name}", API_ANYBODY, .run = service_delete},
};
const struct api_operations admin_services = {rows, ARRAY_LEN(rows)};
