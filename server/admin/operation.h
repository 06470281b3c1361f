/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A row of the table of requests: what can be asked and by whom, and how it is answered. For the files that have
 * handlers; each of them has a table of its own, which server/admin/api.c lists.
 */
#include <jansson.h>

#include "base/clock.h"
#include "server/admin/admin.h"
#include "server/admin/members.h"

enum admin_who {
	ADMIN_ANYBODY,  /* who has come in by a transport */
	ADMIN_OWNER,    /* and whose the thing is, which `owns` says; or an operator */
	ADMIN_OPERATOR, /* admin_actor::may_all */
};

struct admin_operation {
	enum admin_method method;
	const char *path; /* as OpenAPI writes it: "/api/v1/identities/{name}" */
	enum admin_who who;
	/* ADMIN_OWNER's. Asked before anything else, so it must not tell what is there. */
	bool (*owns)(const struct admin_request *rq);
	const char *const *query; /* parameters that it knows, the last one NULL; NULL: none */
	const struct admin_member *members; /* of the body; NULL: none */
	/* Answers by one of the functions below, at once or later. */
	void (*run)(struct admin_request *rq);
};

struct admin_operations {
	const struct admin_operation *rows;
	size_t n;
};

/* ---- What is asked ---- */

/* The n-th "{parameter}" of the path, from 0. */
const char *admin_parameter(const struct admin_request *rq, unsigned n);
/* NULL: it is not in the query. */
const char *admin_query(const struct admin_request *rq, const char *name);
/* A whole number of the query: false when it was refused. It is `number_out` as it was when it is not there. */
bool admin_query_number(struct admin_request *rq, const char *name, uint64_t min, uint64_t max,
	uint64_t *number_out);
/* A flag of the query, true or false: likewise. */
bool admin_query_flag(struct admin_request *rq, const char *name, bool *flag_out);

/* If-Match (RFC 9110, 13.1.1) against the revision that is: false when it was refused. Without one it holds. */
bool admin_if_match(struct admin_request *rq, uint64_t revision);

/* ---- Answers: exactly one for each request ---- */

/* Takes the value; NULL: memory is out. */
void admin_answer(struct admin_request *rq, unsigned status, json_t *value);
/* Takes the text. */
void admin_answer_text(struct admin_request *rq, unsigned status, const char *content_type,
	char *text, size_t n);

/* Before the answer: ETag of a row with this revision. */
void admin_set_etag(struct admin_request *rq, uint64_t revision);

/* RFC 9457. */
enum admin_reason {
	ADMIN_NOT_FOUND,   /* 404 */
	ADMIN_DENIED,      /* 403 */
	ADMIN_INVALID,     /* 400 */
	ADMIN_TAKEN,       /* 409 */
	ADMIN_STALE,       /* 412 */
	ADMIN_LIMIT,       /* 429 */
	ADMIN_BUSY,        /* 503, with Retry-After */
	ADMIN_NOT_STORED,  /* 507, "store" */
	ADMIN_UNSUPPORTED, /* 501 */
	ADMIN_NO_METHOD,   /* 405, "unsupported" */
	ADMIN_TOO_LARGE,   /* 413, "limit" */
};
void admin_refuse(struct admin_request *rq, enum admin_reason reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
