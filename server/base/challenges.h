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

struct tls_server;

struct challenge {
	char name[HOSTNAME_SIZE];         /* the host that is asked */
	const char *path;                 /* one of the two above; NULL: it is asked by TLS */
	char token[CHALLENGE_TEXT_SIZE];  /* behind it */
	char answer[CHALLENGE_TEXT_SIZE]; /* the body */
	/* Ends the TLS of who offers ALPN_ACME for the name, and nothing follows (RFC 8737); NULL: it is asked by HTTP */
	struct tls_server *tls;
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

/* A copy of its own, which holds the TLS. There must be room. */
void challenges_add(struct challenges *c, const struct challenge *it);

/* What ends the TLS of a CA that asks for this name (canonical); NULL: nobody is to ask for it. */
struct tls_server *challenges_tls(const struct challenges *c, struct str name);

/* What is answered to a request of this path for this host (canonical); NULL: it is none of these. */
const struct challenge *challenges_find(const struct challenges *c, struct str host,
	struct str path);
