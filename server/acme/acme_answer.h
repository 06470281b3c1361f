/* SPDX-License-Identifier: MIT */
#pragma once
/* What a CA answers: the parts of it that orders look at, and its problems (RFC 7807; RFC 8555, 6.7). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/str.h"

/* Bytes of an answer's body: a chain of certificates is the longest. */
#define ACME_ANSWER_MAX (64u << 10)

#define ACME_URL_MAX   1024 /* characters of a URL that a CA names: they have about 80 */
#define ACME_NONCE_MAX 256  /* of a nonce: they have about 40 */
#define ACME_TOKEN_MAX \
	128 /* of a challenge's token: they have 43 (RFC 8555, 8.3: 128 bits at least) */

/* Seconds: whatever a CA says, it is asked again within a week. */
#define ACME_RETRY_MAX (7 * 86400)

struct acme_answer {
	unsigned status;
	struct str nonce;       /* Replay-Nonce; empty: none came */
	struct str location;    /* likewise */
	struct str retry_after; /* seconds, or a date */
	struct str body;
};

#define ACME_DETAIL_SIZE 256

struct acme_problem {
	char type[64];                 /* behind "urn:ietf:params:acme:error:"; "": none was said */
	char detail[ACME_DETAIL_SIZE]; /* for people; printable */
};

/* The problem of an answer, as far as there is one. */
void acme_problem_read(const struct acme_answer *a, struct acme_problem *out);
/* The same of "error" in an authorization's challenge or in an order. Accepts NULL. */
void acme_problem_take(const json_t *json, struct acme_problem *out);
/* "DETAIL (TYPE)", for a sentence. */
const char *acme_problem_text(const struct acme_problem *p, char out[2 * ACME_DETAIL_SIZE]);

/* The object that the body is, which the caller lets go; NULL: it is none. */
json_t *acme_answer_json(const struct acme_answer *a);

/* Seconds from `now` (since 1970) on until it may be asked again; 0: not said. */
uint64_t acme_retry_after(struct str text, int64_t now);

/* A URL of an object's member, if it is one that may be asked; the caller frees it. NULL: it is not. */
char *acme_url_of(const json_t *object, const char *member);
char *acme_url(struct str text);

/* Whether it is base64url, of at most `max` characters and at least one (RFC 8555, 6.5.1 and 8.1). */
bool acme_is_token(struct str text, size_t max);
