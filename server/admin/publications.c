/* SPDX-License-Identifier: MIT */
/* What clients publish, how each of it stands and what it carries: by session, and by its number there. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/admin/api.h"
#include "server/admin/figures_json.h"
#include "server/admin/session_json.h"
#include "server/base/worker.h"
#include "server/control/public_address.h"

/* "0123456789abcdef-4294967295" */
#define ID_SIZE (SESSION_NAME_SIZE + 11)

static const char *state_of(const struct service *s, const struct service_look *look)
{
	if (session_of(s)->closing)
		return "ending";
	return look->fails ? "failing" : "served";
}

static json_t *publication_json(const struct service *s)
{
	char id[ID_SIZE], address[PUBLIC_ADDRESS_SIZE];
	struct service_sum sum;
	struct figures_sum figures = {0};
	const struct service_look look = figures_look(s);
	const struct session *session = session_of(s);
	snprintf(id, sizeof(id), "%s-%" PRIu32, session->base.name, s->number);
	public_address(s, address);
	service_read(s, &sum);
	figures_sum_add(&figures, &look);
	json_t *object =
		json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:I, s:I}", "id",
			id, "session", session->base.name, "identity", session->base.identity->name,
			"number", (json_int_t)s->number, "kind", control_kind_name(s->kind),
			"place", s->place, "address", address, "upstream", s->upstream, "private",
			s->is_private, "exclusive", s->exclusive, "state", state_of(s, &look),
			"open", (json_int_t)(sum.begun - sum.ended), "begun",
			(json_int_t)sum.begun);
	return figures_times_set(figures_sum_set(object, &figures), look.figures);
}

/* ---- The list ---- */

/* The session's service with the least number that is `from` or more; NULL: there is none. */
static const struct service *service_from(const struct session *s, uint64_t from)
{
	const struct service *found = NULL;
	list_for_each (it, &s->services) {
		const struct service *service = list_entry(it, struct service, of_session);
		if (service->number >= from && (!found || service->number < found->number))
			found = service;
	}
	return found;
}

/* Those from that number on; the cursor stands behind the session then. False: there is no room for more. */
static bool add_session(struct api_page *p, const struct session *s, uint64_t from)
{
	char cursor[ID_SIZE];
	const struct service *service;
	while ((service = service_from(s, from)) != NULL) {
		if (!api_page_room(p))
			return false;
		json_t *item = publication_json(service);
		if (!item) {
			api_page_fail(p);
			return false;
		}
		snprintf(cursor, sizeof(cursor), "%s-%" PRIu32, s->base.name, service->number);
		api_page_add(p, cursor, item);
		from = (uint64_t)service->number + 1;
	}
	if (!api_page_room(p))
		return false;
	snprintf(cursor, sizeof(cursor), "%s-%" PRIu32, s->base.name, UINT32_MAX);
	api_page_add(p, cursor, NULL);
	return true;
}

static void publications_rows(struct api_page *p)
{
	const struct registrar *r = admin_of(p->request)->registrar;
	char name[SESSION_NAME_SIZE] = "";
	uint32_t number = UINT32_MAX;
	sscanf(p->cursor, "%16[^-]-%" SCNu32, name, &number);
	const struct session *begun = *name ? session_find(r, name) : NULL;
	if (begun && !add_session(p, begun, (uint64_t)number + 1))
		return;
	struct api_select found = {.after = name};
	session_select(r, &found);
	for (unsigned i = 0; i < found.n; i++)
		if (!add_session(p, found.rows[i].row, 0))
			return;
	if (api_select_last(&found))
		api_page_end(p);
}

static void publications_list(struct api_request *rq)
{
	api_page_start(rq, publications_rows);
}

/* ---- One ---- */

static void publication_show(struct api_request *rq)
{
	char name[SESSION_NAME_SIZE] = "", room[API_QUOTE_SIZE], rest;
	uint32_t number = 0;
	const char *id = api_parameter(rq, 0);
	bool is_one = sscanf(id, "%16[^-]-%" SCNu32 "%c", name, &number, &rest) == 2;
	const struct session *s = is_one ? session_find(admin_of(rq)->registrar, name) : NULL;
	const struct service *service = s ? service_from(s, number) : NULL;
	if (service && service->number == number)
		api_answer(rq, 200, publication_json(service));
	else
		api_refuse(rq, API_NOT_FOUND, "nothing is published with the id \"%s\"",
			api_quote(id, room));
}

static const char *const list_query[] = {API_PAGE_QUERY, NULL};

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/publications", API_OPERATOR, .query = list_query,
		.run = publications_list},
	{API_GET, "/api/v1/publications/{id}", API_OPERATOR, .run = publication_show},
};
const struct api_operations admin_publications = {rows, ARRAY_LEN(rows)};
