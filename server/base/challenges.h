/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the exit node answers for names that are being proved to a certificate authority, and nothing else: each worker
 * has the same immutable table, which a broadcast replaces (server/acme/present.h). Without an order under way there is
 * none.
 */
#include <stdatomic.h>
#include <stddef.h>

#include "base/str.h"
#include "wire/hostname.h"

/* Below these a request is answered from the table, or goes its usual way (RFC 8555, 8.3). */
#define CHALLENGE_HTTP_PATH  "/.well-known/acme-challenge/"
#define CHALLENGE_CHECK_PATH "/.well-known/tunnel-check/"

/* Characters of an answer, which has a token and a thumbprint, with a NUL. */
#define CHALLENGE_TEXT_SIZE 256

struct challenge {
	char name[HOSTNAME_SIZE];         /* the host that is asked */
	const char *path;                 /* one of the two above */
	char token[CHALLENGE_TEXT_SIZE];  /* behind it */
	char answer[CHALLENGE_TEXT_SIZE]; /* the body */
};

struct challenges {
	atomic_uint refs;
	size_t n;
	struct challenge v[];
};

/* With room for `n`, of which it has none yet. NULL: memory is out. */
struct challenges *challenges_new(size_t n);
struct challenges *challenges_ref(struct challenges *c);
struct challenges *challenges_unref(struct challenges *c); /* accepts NULL; returns NULL */

/* What is answered to a request of this path for this host (canonical); NULL: it is none of these. */
const struct challenge *challenges_find(const struct challenges *c, struct str host,
	struct str path);
