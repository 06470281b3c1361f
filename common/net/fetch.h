/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One HTTP request and its answer, on a connection of its own, for a thread that may wait (HTTP/1.1, RFC 9112). For
 * the few servers that the exit node itself asks: a collector of spans, a certificate authority. No redirect is
 * followed, and an answer is bounded.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "net/fetch_conn.h"
#include "wire/http1_head.h"

/* Bytes of an answer's head, and its fields: more is no answer. */
#define FETCH_HEAD_MAX   (16u << 10)
#define FETCH_FIELDS_MAX 100

#define FETCH_INTERIM_MAX 16 /* interim responses before the final one */

#define FETCH_TARGET_MAX 2048 /* bytes of a request target: URLs that a server names are short */

/*
 * "http[s]://HOST[:PORT][/PATH][?QUERY]" into where it is and what is asked for there, a view into `text`, "/" where it
 * is empty. 0, or -EINVAL with a sentence.
 */
int fetch_url_parse(struct str text, struct fetch_target *out, struct str *path_out,
	struct error *err);

/* All borrowed. */
struct fetch_request {
	const struct fetch_target *target;
	const struct address *at; /* the one address to be dialled; NULL: those of its host */
	struct tls_client *tls;   /* needed where the target has TLS */
	const char *method;
	struct str path;    /* FETCH_TARGET_MAX bytes at the most */
	const char *fields; /* further ones, each line with its end, wiped when sent; NULL: none */
	const void *body;   /* NULL: none */
	const char *type;   /* of the body */
	size_t n;
	size_t max;        /* bytes of the answer's body that are taken; 0: its head is enough */
	uint64_t deadline; /* µs, by clock_now() */
};

struct fetch_answer {
	unsigned status;
	struct http1_head head; /* of views into `bytes` */
	struct buf bytes;       /* as they came, up to the head's end at least */
	struct buf body;        /* without what framed it, with a NUL behind it */
};

/* 0, or -errno with a sentence: -EMSGSIZE when it is longer than `max`. fetch_answer_deinit() it in either case. */
int fetch(const struct fetch_request *rq, struct fetch_answer *out, struct error *err);
void fetch_answer_deinit(struct fetch_answer *a);

/* The value of a field, the first of its name, which is compared without case; empty: there is none. */
struct str fetch_field(const struct fetch_answer *a, const char *name);
