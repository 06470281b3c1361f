/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A row of the table of requests: what can be asked and by whom, and how it is answered. For the files that have
 * handlers; each of them has a table of its own, which its side lists.
 */
#include <jansson.h>

#include "api/api.h"
#include "api/members.h"
#include "base/clock.h"

enum api_who {
	API_OPEN,     /* everybody, known or not */
	API_SCRAPER,  /* operators, and strangers whom the panel lets in to it (--metrics-open) */
	API_ANYBODY,  /* who has come in by a transport */
	API_OWNER,    /* and whose the thing is, which `owns` says; or an operator */
	API_OPERATOR, /* api_actor::may_all */
};

struct api_operation {
	enum api_method method;
	const char *path; /* as OpenAPI writes it: "/api/v1/identities/{name}" */
	enum api_who who;
	/* API_OWNER's. Asked before anything else, so it must not tell what is there. */
	bool (*owns)(const struct api_request *rq);
	const char *const *query; /* parameters that it knows, the last one NULL; NULL: none */
	const struct api_member *members; /* of the body; NULL: none */
	/* Answers by one of the functions below, at once or later. */
	void (*run)(struct api_request *rq);
};

struct api_operations {
	const struct api_operation *rows;
	size_t n;
};

/* ---- What is asked ---- */

/* The n-th "{parameter}" of the path, from 0. */
const char *api_parameter(const struct api_request *rq, unsigned n);
/* NULL: it is not in the query. */
const char *api_query(const struct api_request *rq, const char *name);
/* A whole number of the query: false when it was refused. It is `number_out` as it was when it is not there. */
bool api_query_number(struct api_request *rq, const char *name, uint64_t min, uint64_t max,
	uint64_t *number_out);
/* A flag of the query, true or false, or 1 or 0: likewise. */
bool api_query_flag(struct api_request *rq, const char *name, bool *flag_out);

/* If-Match (RFC 9110, 13.1.1) against the revision that is: false when it was refused. Without one it holds. */
bool api_if_match(struct api_request *rq, uint64_t revision);

/* ---- Answers: exactly one for each request ---- */

/* api_request::work is over, or goes: nothing is dropped at the process's end. Each answer below says so too. */
static inline void api_work_ends(struct api_request *rq)
{
	rq->work = NULL;
	rq->drop = NULL;
}

/* Takes the value; NULL: memory is out. */
void api_answer(struct api_request *rq, unsigned status, json_t *value);
/* Takes the text. */
void api_answer_text(struct api_request *rq, unsigned status, const char *content_type, char *text,
	size_t n);

/* Before the answer: ETag of a row with this revision. */
void api_set_etag(struct api_request *rq, uint64_t revision);

/* RFC 9457. */
enum api_reason {
	API_NOT_FOUND,   /* 404 */
	API_DENIED,      /* 403 */
	API_INVALID,     /* 400 */
	API_TAKEN,       /* 409 */
	API_STALE,       /* 412 */
	API_LIMIT,       /* 429 */
	API_BUSY,        /* 503, with Retry-After */
	API_NOT_STORED,  /* 507, "store" */
	API_UNSUPPORTED, /* 501 */
	API_NO_METHOD,   /* 405, "unsupported" */
	API_UNKNOWN,     /* 401 */
	API_TOO_LARGE,   /* 413, "limit" */
};
void api_refuse(struct api_request *rq, enum api_reason reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
