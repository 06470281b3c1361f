/* SPDX-License-Identifier: MIT */
#include "server/admin/admin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/offload.h"
#include "server/control/change.h"
#include "server/admin/operation.h"

static const char *const methods[] = {
	[ADMIN_GET] = "GET",
	[ADMIN_POST] = "POST",
	[ADMIN_PUT] = "PUT",
	[ADMIN_PATCH] = "PATCH",
	[ADMIN_DELETE] = "DELETE",
};

enum admin_method admin_method(struct str name)
{
	for (unsigned i = 0; i < ARRAY_LEN(methods); i++)
		if (str_eq(name, str_from(methods[i])))
			return (enum admin_method)i;
	return ADMIN_OTHER_METHOD;
}

int admin_init(struct admin *a, const struct admin_config *config)
{
	*a = (struct admin){.tables = config->tables,
		.loop = config->loop,
		.catalog = config->catalog,
		.store = config->store,
		.node = config->node,
		.registrar = config->registrar};
	list_init(&a->under_way);
	a->changes = changes_new(config->loop, config->catalog, config->store, config->registrar);
	if (config->registrar)
		config->registrar->changes = a->changes;
	return a->changes ? 0 : -ENOMEM;
}

void admin_close(struct admin *a)
{
	if (!a->tables)
		return;
	a->closed = true;
	a->deriving = offload_free(a->deriving);
	while (!list_empty(&a->under_way)) {
		struct admin_request *rq =
			list_first(&a->under_way, struct admin_request, under_way);
		if (rq->drop)
			rq->drop(rq);
		admin_refuse(rq, ADMIN_BUSY, "the server ends");
	}
	changes_close(a->changes);
}

void admin_deinit(struct admin *a)
{
	a->changes = changes_free(a->changes);
	authority_deinit(&a->authority);
}

void admin_request_deinit(struct admin_request *rq)
{
	free(rq->target);
	/* A body may have a token in it, and an answer, too. */
	if (rq->body)
		explicit_bzero(rq->body, rq->body_size);
	free(rq->body);
	free(rq->if_match);
	if (rq->answer)
		explicit_bzero(rq->answer, rq->answer_size);
	free(rq->answer);
	free(rq->etag);
	free(rq->location);
	free(rq->allow);
	admin_target_deinit(&rq->asked);
	json_decref(rq->json);
}

/* ---- What is asked ---- */

const char *admin_parameter(const struct admin_request *rq, unsigned n)
{
	return admin_target_parameter(&rq->asked, rq->operation->path, n);
}

const char *admin_query(const struct admin_request *rq, const char *name)
{
	return admin_target_query(&rq->asked, name);
}

bool admin_query_number(struct admin_request *rq, const char *name, uint64_t min, uint64_t max,
	uint64_t *number_out)
{
	const char *text = admin_query(rq, name);
	if (!text)
		return true;
	char *end;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || number < min || number > max) {
		admin_refuse(rq, ADMIN_INVALID,
			"\"%s\" of the query must be a whole number from %" PRIu64 " to %" PRIu64,
			name, min, max);
		return false;
	}
	*number_out = number;
	return true;
}

bool admin_query_flag(struct admin_request *rq, const char *name, bool *flag_out)
{
	const char *text = admin_query(rq, name);
	bool set = text && strcmp(text, "true") == 0;
	if (text && !set && strcmp(text, "false") != 0) {
		admin_refuse(rq, ADMIN_INVALID, "\"%s\" of the query must be true or false", name);
		return false;
	}
	if (text)
		*flag_out = set;
	return true;
}

bool admin_if_match(struct admin_request *rq, uint64_t revision)
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
	admin_refuse(rq, ADMIN_STALE,
		"it was changed meanwhile: its revision is %" PRIu64 ", not what If-Match says",
		revision);
	return false;
}

/* ---- The table ---- */

/* Of the operations at this path: the one of its method, or NULL; and which methods there are. */
static const struct admin_operation *find(const struct admin *a, const struct admin_request *rq,
	unsigned *methods_out)
{
	*methods_out = 0;
	for (const struct admin_operations *const *t = a->tables; *t; t++)
		for (size_t i = 0; i < (*t)->n; i++) {
			const struct admin_operation *o = &(*t)->rows[i];
			if (!admin_target_matches(&rq->asked, o->path))
				continue;
			if (o->method == rq->method)
				return o;
			*methods_out |= 1u << o->method;
		}
	return NULL;
}

static void refuse_method(struct admin_request *rq, unsigned there)
{
	char allow[64];
	size_t n = 0;
	for (unsigned i = 0; i < ARRAY_LEN(methods); i++)
		if (there & 1u << i)
			n += (size_t)snprintf(allow + n, sizeof(allow) - n, "%s%s", n ? ", " : "",
				methods[i]);
	rq->allow = strdup(allow);
	admin_refuse(rq, ADMIN_NO_METHOD, "this path has %s alone", allow);
}

static bool may(const struct admin_request *rq, const struct admin_operation *o)
{
	if (rq->actor.may_all || o->who == ADMIN_ANYBODY)
		return true;
	return o->who == ADMIN_OWNER && rq->actor.identity && o->owns(rq);
}

/* The first parameter of the query that the operation does not know; NULL: there is none. */
static const char *unknown_query(const struct admin_request *rq, const struct admin_operation *o)
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

static void run(struct admin_request *rq)
{
	const struct admin_operation *o = rq->operation;
	char room[ADMIN_QUOTE_SIZE];
	struct error err;
	const char *unknown = unknown_query(rq, o);
	if (unknown)
		admin_refuse(rq, ADMIN_INVALID,
			"the query has a parameter \"%s\", which is unknown here",
			admin_quote(unknown, room));
	else if (admin_members_parse(rq->body, rq->body_size, o->members, &rq->json, &err) < 0)
		admin_refuse(rq, ADMIN_INVALID, "%s", err.text);
	else
		o->run(rq);
}

void admin_ask(struct admin *a, struct admin_request *rq)
{
	struct error err;
	unsigned there;
	rq->admin = a;
	list_append(&a->under_way, &rq->under_way);
	if (a->closed) {
		admin_refuse(rq, ADMIN_BUSY, "the server ends");
		return;
	}
	if (admin_target_parse(&rq->asked, rq->target, &err) < 0) {
		admin_refuse(rq, ADMIN_INVALID, "%s", err.text);
		return;
	}
	rq->operation = find(a, rq, &there);
	if (!rq->operation && !there)
		admin_refuse(rq, ADMIN_NOT_FOUND, "there is nothing at this path");
	else if (!rq->operation)
		refuse_method(rq, there);
	else if (!may(rq, rq->operation))
		admin_refuse(rq, ADMIN_DENIED,
			"%s may not ask for this: it takes an identity with --operator",
			rq->actor.name);
	else
		run(rq);
}
