/* SPDX-License-Identifier: MIT */
/* Intentions: the list, one of them, and those that match a name. How they are made is in intention_change.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/admin/api.h"
#include "server/admin/intention_change.h"
#include "server/admin/intention_json.h"
#include "server/admin/intention_scope.h"
#include "api/page.h"

/* ---- Lists ---- */

/* "web redis": where a page ends. Names have no blank. */
static bool cursor_parse(const char *cursor, char source[POLICY_NAME_SIZE],
	char destination[POLICY_NAME_SIZE])
{
	return sscanf(cursor, "%63s %63s", source, destination) == 2;
}

/* The place in the order behind the pair at which the page before ended; it may be gone since. */
static size_t behind(const struct catalog_intentions *c, const char *cursor)
{
	char source[POLICY_NAME_SIZE], destination[POLICY_NAME_SIZE];
	if (!*cursor)
		return 0;
	if (!cursor_parse(cursor, source, destination))
		return c->n;
	return catalog_intention_position(c, source, destination) +
	       (catalog_find_intention(c, source, destination) != NULL);
}

static void rows_that(struct api_page *p,
	bool (*shown)(const struct api_request *rq, const struct policy_intention *i))
{
	const struct catalog_intentions *c = &admin_of(p->request)->catalog->intentions;
	for (size_t at = behind(c, p->cursor); at < c->n; at++) {
		const struct policy_intention *i = c->v[at];
		char cursor[INTENTION_SUBJECT_SIZE];
		if (!api_page_room(p))
			return;
		bool has = shown(p->request, i);
		json_t *item = has ? intention_json(i) : NULL;
		if (has && !item) {
			api_page_fail(p);
			return;
		}
		snprintf(cursor, sizeof(cursor), "%s %s", i->source, i->destination);
		api_page_add(p, cursor, item);
	}
	api_page_end(p);
}

static bool is_seen(const struct api_request *rq, const struct policy_intention *i)
{
	return intention_scope_sees(admin_of(rq)->catalog, &rq->actor, i);
}

static void list_rows(struct api_page *p)
{
	rows_that(p, is_seen);
}

static void intentions_list(struct api_request *rq)
{
	api_page_start(rq, list_rows);
}

/* ---- Those that concern one name ---- */

static bool by_source(const struct api_request *rq)
{
	return strcmp(api_query(rq, "by"), "source") == 0;
}

static bool covers(const char *name, const char *other)
{
	return strcmp(name, POLICY_ANY) == 0 || strcmp(name, other) == 0;
}

/*
 * Of what concerns his own private service its owner sees all. A source is not told the names of private services by
 * what was said of all sources.
 */
static bool is_match(const struct api_request *rq, const struct policy_intention *i)
{
	char name[POLICY_NAME_SIZE];
	struct error err;
	/* It was good when the list was begun. */
	policy_intention_check_name(str_from(api_query(rq, "name")), name, &err);
	if (!by_source(rq))
		return covers(i->destination, name);
	return covers(i->source, name) &&
	       (strcmp(i->destination, POLICY_ANY) == 0 || is_seen(rq, i));
}

static void match_rows(struct api_page *p)
{
	rows_that(p, is_match);
}

static void intentions_match(struct api_request *rq)
{
	const char *by = api_query(rq, "by"), *given = api_query(rq, "name");
	char name[POLICY_NAME_SIZE];
	if (!by || (strcmp(by, "source") != 0 && strcmp(by, "destination") != 0))
		api_refuse(rq, API_INVALID,
			"\"by\" of the query must be \"source\" or \"destination\"");
	else if (!given)
		api_refuse(rq, API_INVALID, "\"name\" of the query is missing");
	else if (!intention_scope_name(rq, "name", given, name))
		return;
	else if (by_source(rq) ? !intention_scope_is(&rq->actor, name)
			       : !intention_scope_owns(admin_of(rq)->catalog, &rq->actor, name))
		api_refuse(rq, API_DENIED,
			"%s sees what concerns itself and private services of its own, and \"%s\" "
			"is "
			"neither; for others it takes an identity with --operator",
			rq->actor.name, name);
	else
		api_page_start(rq, match_rows);
}

/* ---- One ---- */

static void intention_show(struct api_request *rq)
{
	struct policy_intention pair = {0};
	char source[POLICY_NAME_SIZE], destination[POLICY_NAME_SIZE];
	if (!intention_scope_name(rq, "source", api_parameter(rq, 0), source) ||
		!intention_scope_name(rq, "destination", api_parameter(rq, 1), destination))
		return;
	pair.source = source;
	pair.destination = destination;
	const struct policy_intention *i =
		catalog_find_intention(&admin_of(rq)->catalog->intentions, source, destination);
	if (!i || !is_seen(rq, &pair)) {
		api_refuse(rq, API_NOT_FOUND,
			"there is no intention with source \"%s\" and destination \"%s\"", source,
			destination);
		return;
	}
	api_set_etag(rq, i->rev);
	api_answer(rq, 200, intention_json(i));
}

/* ---- The table ---- */

static const char *const list_query[] = {API_PAGE_QUERY, NULL};
static const char *const match_query[] = {API_PAGE_QUERY, "by", "name", NULL};
static const char *const change_query[] = {"keepLive", NULL};

static const struct api_member create_members[] = {
	{"source", API_TEXT, .max = POLICY_NAME_MAX, .required = true},
	{"destination", API_TEXT, .max = POLICY_NAME_MAX, .required = true},
	INTENTION_MEMBERS,
	{0},
};
static const struct api_member put_members[] = {
	INTENTION_MEMBERS,
	{0},
};

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/intentions", API_ANYBODY, .query = list_query, .run = intentions_list},
	{API_GET, "/api/v1/intentions/match", API_ANYBODY, .query = match_query,
		.run = intentions_match},
	{API_POST, "/api/v1/intentions", API_ANYBODY, .query = change_query,
		.members = create_members, .run = intention_create},
	{API_GET, "/api/v1/intentions/{source}/{destination}", API_ANYBODY, .run = intention_show},
	{API_PUT, "/api/v1/intentions/{source}/{destination}", API_ANYBODY, .query = change_query,
		.members = put_members, .run = intention_put},
	{API_DELETE, "/api/v1/intentions/{source}/{destination}", API_ANYBODY,
		.query = change_query, .run = intention_delete},
};
const struct api_operations admin_intentions = {rows, ARRAY_LEN(rows)};
