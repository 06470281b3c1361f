/* SPDX-License-Identifier: MIT */
/* Private services: the list, and one of them. How they are made and changed is in service_change.c. */
#include <stdlib.h>
#include <string.h>

#include "server/admin/api.h"
#include "server/admin/page.h"
#include "server/admin/private_json.h"
#include "server/admin/private_scope.h"
#include "server/admin/service_change.h"

/* ---- The list ---- */

/* At the operator's socket there is nobody of whom anything could be one's own. */
static bool lists_all(const struct admin_request *rq)
{
	bool all = !rq->actor.identity;
	const char *text = admin_query(rq, "all");
	return all || (text && strcmp(text, "true") == 0);
}

static bool is_listed(const struct admin_request *rq, const struct private_service *s)
{
	const char *owner = admin_query(rq, "owner");
	if (s->value.deleted || (owner && strcasecmp(owner, s->owner->name) != 0))
		return false;
	if (lists_all(rq) || s->owner == rq->actor.identity)
		return true;
	return policy_visible(&s->value, rq->actor.identity->name, false, false);
}

static void services_rows(struct admin_page *p)
{
	const struct admin_request *rq = p->request;
	const struct catalog *c = rq->admin->catalog;
	size_t at = *p->cursor ? catalog_service_position(c, admin_page_number(p) + 1) : 0;
	for (; at < c->private.n_services; at++) {
		const struct private_service *s = c->private.services[at];
		if (!admin_page_room(p))
			return;
		bool listed = is_listed(rq, s);
		json_t *item =
			listed ? service_json(rq->admin, s, private_scope_owns(&rq->actor, s))
			       : NULL;
		if (listed && !item) {
			admin_page_fail(p);
			return;
		}
		admin_page_add_numbered(p, s->value.id, item);
	}
	admin_page_end(p);
}

static void services_list(struct admin_request *rq)
{
	bool all = false;
	if (!admin_query_flag(rq, "all", &all))
		return;
	if (all && !rq->actor.may_all)
		admin_refuse(rq, ADMIN_DENIED,
			"%s sees its own private services, and those whose visibility names it; "
			"for all of them it takes an identity with --operator",
			rq->actor.name);
	else
		admin_page_start(rq, services_rows);
}

/* ---- One ---- */

static void service_show(struct admin_request *rq)
{
	struct private_service *s = private_scope_service(rq, admin_parameter(rq, 0));
	if (!s)
		return;
	admin_set_etag(rq, s->value.rev);
	admin_answer(rq, 200, service_json(rq->admin, s, private_scope_owns(&rq->actor, s)));
}

/* ---- The table ---- */

static const char *const list_query[] = {ADMIN_PAGE_QUERY, "owner", "all", NULL};

static const struct admin_member create_members[] = {
	{"name", ADMIN_TEXT, .max = POLICY_NAME_MAX, .required = true},
	{"owner", ADMIN_TEXT, .max = POLICY_NAME_MAX},
	{"kind", ADMIN_TEXT, .max = sizeof "tcp" - 1},
	SERVICE_MEMBERS,
	{0},
};
static const struct admin_member update_members[] = {
	SERVICE_MEMBERS,
	{0},
};

static const struct admin_operation rows[] = {
	{ADMIN_GET, "/api/v1/services", ADMIN_ANYBODY, .query = list_query, .run = services_list},
	{ADMIN_POST, "/api/v1/services", ADMIN_ANYBODY, .members = create_members,
		.run = service_create},
	{ADMIN_GET, "/api/v1/services/{name}", ADMIN_ANYBODY, .run = service_show},
	{ADMIN_PATCH, "/api/v1/services/{name}", ADMIN_ANYBODY, .members = update_members,
		.run = service_update},
	{ADMIN_DELETE, "/api/v1/services/{name}", ADMIN_ANYBODY, .run = service_delete},
};
const struct admin_operations admin_services = {rows, ARRAY_LEN(rows)};
