/* SPDX-License-Identifier: MIT */
/* What clients publish, how each of it stands and what it carries: by session, and by its number there. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/admin/api.h"
#include "server/admin/figures_json.h"
#include "server/admin/session_json.h"
#include "server/base/worker.h"
#include "server/control/public_address.h"
#include "server/control/service_rules.h"

/* "0123456789abcdef-4294967295" */
#define ID_SIZE (SESSION_NAME_SIZE + 11)

static const char *state_of(const struct service *s, const struct service_look *look)
{
	if (session_of(s)->closing)
		return "ending";
	return look->fails ? "failing" : "served";
}

static json_t *publication_json(struct service *s)
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
		json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:b, s:b, s:I, s:s, s:I, s:I}",
			"id", id, "session", session->base.name, "identity",
			session->base.identity->name, "number", (json_int_t)s->number, "kind",
			control_kind_name(s->kind), "place", s->place, "address", address,
			"upstream", s->upstream, "private", s->is_private, "exclusive",
			s->exclusive, "rules", (json_int_t)service_rules_count(s), "state",
			state_of(s, &look), "open", (json_int_t)(sum.begun - sum.ended), "begun",
			(json_int_t)sum.begun);
	return figures_times_set(figures_sum_set(object, &figures), look.figures);
}

/* ---- The list ---- */

static int by_number(const void *a, const void *b)
{
	uint32_t one = (*(struct service *const *)a)->number;
	uint32_t other = (*(struct service *const *)b)->number;
	return (one > other) - (one < other);
}

/* The session's, by their numbers, those from `from` on: the caller's to free. How many; -ENOMEM. */
static ssize_t services_from(const struct session *s, uint64_t from, struct service ***out)
{
	struct service **found = malloc((s->n_services + 1) * sizeof(*found));
	size_t n = 0;
	if (!found)
		return -ENOMEM;
	list_for_each (it, &s->services) {
		struct service *service = list_entry(it, struct service, of_session);
		if (service->number >= from && n < s->n_services)
			found[n++] = service;
	}
	qsort(found, n, sizeof(struct service *), by_number);
	*out = found;
	return (ssize_t)n;
}

/* False: there is no room for more, or memory is out. */
static bool add_service(struct api_page *p, struct service *service)
{
	char cursor[ID_SIZE];
	if (!api_page_room(p))
		return false;
	json_t *item = publication_json(service);
	if (!item) {
		api_page_fail(p);
		return false;
	}
	snprintf(cursor, sizeof(cursor), "%s-%" PRIu32, service->session->name, service->number);
	api_page_add(p, cursor, item);
	return true;
}

/* Those from that number on; the cursor stands behind the session then. False: as add_service(). */
static bool add_session(struct api_page *p, const struct session *s, uint64_t from)
{
	char cursor[ID_SIZE];
	auto_free struct service **services = NULL;
	ssize_t n = services_from(s, from, &services);
	if (n < 0) {
		api_page_fail(p);
		return false;
	}
	for (ssize_t i = 0; i < n; i++)
		if (!add_service(p, services[i]))
			return false;
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

static struct service *service_of(const struct session *s, uint32_t number)
{
	list_for_each (it, &s->services) {
		struct service *service = list_entry(it, struct service, of_session);
		if (service->number == number)
			return service;
	}
	return NULL;
}

static void publication_show(struct api_request *rq)
{
	char name[SESSION_NAME_SIZE] = "", room[API_QUOTE_SIZE], rest;
	uint32_t number = 0;
	const char *id = api_parameter(rq, 0);
	bool is_one = sscanf(id, "%16[^-]-%" SCNu32 "%c", name, &number, &rest) == 2;
	const struct session *s = is_one ? session_find(admin_of(rq)->registrar, name) : NULL;
	struct service *service = s ? service_of(s, number) : NULL;
	if (service)
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
