/* SPDX-License-Identifier: MIT */
#include "api/api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/operation.h"
#include "base/macros.h"

static const char *const methods[] = {
	[API_GET] = "GET",
	[API_POST] = "POST",
	[API_PUT] = "PUT",
	[API_PATCH] = "PATCH",
	[API_DELETE] = "DELETE",
};

enum api_method api_method(struct str name)
{
	for (unsigned i = 0; i < ARRAY_LEN(methods); i++)
		if (str_eq(name, str_from(methods[i])))
			return (enum api_method)i;
	return API_OTHER_METHOD;
}

void api_init(struct api *a, const struct api_operations *const *tables, struct loop *loop,
	const char *side)
{
	*a = (struct api){.tables = tables, .loop = loop, .side = side};
	list_init(&a->under_way);
}

void api_close(struct api *a)
{
	if (!a->tables)
		return;
	a->closed = true;
	while (!list_empty(&a->under_way)) {
		struct api_request *rq = list_first(&a->under_way, struct api_request, under_way);
		if (rq->drop)
			rq->drop(rq);
		api_refuse(rq, API_BUSY, "the %s ends", a->side);
	}
}

void api_request_deinit(struct api_request *rq)
{
	free(rq->target);
	/* A body may have a token in it, and an answer, too. */
	if (rq->body)
		explicit_bzero(rq->body, rq->body_size);
	free(rq->body);
	free(rq->if_match);
	free(rq->accept);
	if (rq->answer)
		explicit_bzero(rq->answer, rq->answer_size);
	free(rq->answer);
	free(rq->etag);
	free(rq->location);
	free(rq->allow);
	api_target_deinit(&rq->asked);
	json_decref(rq->json);
}

/* ---- What is asked ---- */

const char *api_parameter(const struct api_request *rq, unsigned n)
{
	return api_target_parameter(&rq->asked, rq->operation->path, n);
}

const char *api_query(const struct api_request *rq, const char *name)
{
	return api_target_query(&rq->asked, name);
}

bool api_query_number(struct api_request *rq, const char *name, uint64_t min, uint64_t max,
	uint64_t *number_out)
{
	const char *text = api_query(rq, name);
	if (!text)
		return true;
	char *end;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || number < min || number > max) {
		api_refuse(rq, API_INVALID,
			"\"%s\" of the query must be a whole number from %" PRIu64 " to %" PRIu64,
			name, min, max);
		return false;
	}
	*number_out = number;
	return true;
}

bool api_query_flag(struct api_request *rq, const char *name, bool *flag_out)
{
	const char *text = api_query(rq, name);
	bool set = str_same(text, "true") || str_same(text, "1");
	if (text && !set && !str_same(text, "false") && !str_same(text, "0")) {
		api_refuse(rq, API_INVALID, "\"%s\" of the query must be true or false", name);
		return false;
	}
	if (text)
		*flag_out = set;
	return true;
}

bool api_if_match(struct api_request *rq, uint64_t revision)
{
	char tag[32];
	int n = snprintf(tag, sizeof(tag), "\"%" PRIu64 "\"", revision);
	if (!rq->if_match || strcmp(rq->if_match, "*") == 0)
		return true;
	/* A list of tags; ours have no comma in them. */
	for (const char *at = rq->if_match; *at;) {
		at += strspn(at, " \t,");
		/* What JSON has as "etag" is weak, and meant nevertheless. */
		at += strncmp(at, "W/\"", 3) == 0 ? 2 : 0;
		size_t length = strcspn(at, " \t,");
		if (length == (size_t)n && memcmp(at, tag, length) == 0)
			return true;
		at += length;
	}
	api_refuse(rq, API_STALE,
		"it was changed meanwhile: its revision is %" PRIu64 ", not what If-Match says",
		revision);
	return false;
}

/* ---- The table ---- */

/* Of the operations at this path: the one of its method, or NULL; and which methods there are. */
static const struct api_operation *find(const struct api *a, const struct api_request *rq,
	unsigned *methods_out)
{
	*methods_out = 0;
	for (const struct api_operations *const *t = a->tables; *t; t++)
		for (size_t i = 0; i < (*t)->n; i++) {
			const struct api_operation *o = &(*t)->rows[i];
			if (!api_target_matches(&rq->asked, o->path))
				continue;
			if (o->method == rq->method)
				return o;
			*methods_out |= 1u << o->method;
		}
	return NULL;
}

static void refuse_method(struct api_request *rq, unsigned there)
{
	char allow[64];
	size_t n = 0;
	for (unsigned i = 0; i < ARRAY_LEN(methods); i++)
		if (there & 1u << i)
			n += (size_t)snprintf(allow + n, sizeof(allow) - n, "%s%s", n ? ", " : "",
				methods[i]);
	rq->allow = strdup(allow);
	api_refuse(rq, API_NO_METHOD, "this path has %s alone", allow);
}

static bool may(const struct api_request *rq, const struct api_operation *o)
{
	if (rq->actor.may_all || o->who == API_ANYBODY || o->who == API_OPEN)
		return true;
	if (o->who == API_SCRAPER && rq->actor.stranger)
		return true;
	return o->who == API_OWNER && rq->actor.identity && o->owns(rq);
}

/* The first parameter of the query that the operation does not know; NULL: there is none. */
static const char *unknown_query(const struct api_request *rq, const struct api_operation *o)
{
	for (unsigned i = 0; i < rq->asked.n_query; i++) {
		const char *const *known = o->query;
		while (known && *known && strcmp(*known, rq->asked.query[i].name) != 0)
			known++;
		if (!known || !*known)
			return rq->asked.query[i].name;
	}
	return NULL;
}

static void run(struct api_request *rq)
{
	const struct api_operation *o = rq->operation;
	char room[API_QUOTE_SIZE];
	struct error err;
	const char *unknown = unknown_query(rq, o);
	if (unknown)
		api_refuse(rq, API_INVALID,
			"the query has a parameter \"%s\", which is unknown here",
			api_quote(unknown, room));
	else if (api_members_parse(rq->body, rq->body_size, o->members, &rq->json, &err) < 0)
		api_refuse(rq, API_INVALID, "%s", err.text);
	else
		o->run(rq);
}

void api_ask(struct api *a, struct api_request *rq)
{
	struct error err;
	unsigned there;
	rq->api = a;
	list_append(&a->under_way, &rq->under_way);
	if (a->closed) {
		api_refuse(rq, API_BUSY, "the %s ends", a->side);
		return;
	}
	if (api_target_parse(&rq->asked, rq->target, &err) < 0) {
		api_refuse(rq, API_INVALID, "%s", err.text);
		return;
	}
	rq->operation = find(a, rq, &there);
	if (!rq->operation && !there)
		api_refuse(rq, API_NOT_FOUND, "there is nothing at this path");
	else if (!rq->operation)
		refuse_method(rq, there);
	else if (rq->actor.stranger && rq->operation->who != API_OPEN &&
		 rq->operation->who != API_SCRAPER)
		api_refuse(rq, API_UNKNOWN,
			"this takes the token, as \"Authorization: Bearer TOKEN\"");
	else if (!may(rq, rq->operation))
		api_refuse(rq, API_DENIED,
			"%s may not ask for this: it takes an identity with --operator",
			rq->actor.name);
	else
		run(rq);
}
