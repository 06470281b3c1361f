/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The heads of messages on their way through the exit node: what a proxy must take out, what it adds,
 * and everything else as it came, byte for byte and in order (rules 34 to 36, 40 and 41 of
 * docs/protocol.md). What writes appends to `out`: 0, or -ENOMEM with nothing appended.
 */
#include "base/buf.h"
#include "wire/http1.h"

/* The line of the protocols that are offered to the upstream begins so; no other does. */
#define FORWARD_UPGRADE "Upgrade: "

struct forward {
	struct str peer;        /* who connected, as text without the port; ends X-Forwarded-For */
	struct str request_id;  /* request_id_given()'s, else ours */
	struct str traceparent; /* in place of those that came; empty: none is written */
	const char *pseudonym;  /* for CDN-Loop: PSEUDONYM_LEN characters */
	struct str authority; /* Host, where !forward_takes_host() (RFC 9112, 3.3); may be empty */
	bool secure;          /* scheme_secure()'s: X-Forwarded-Proto is https */
	bool trusted;         /* the peer is one of --trusted-proxies */
	bool retrace;         /* a trace begins here: traceparent and tracestate go no further */
	bool upgrade;         /* pass Upgrade on, when the head has one (http1_head::upgrade) */
	struct str added;     /* whole lines that rules add */
};

/*
 * The head for the upstream, always HTTP/1.1 in origin form. Host stays; Expect and what frames the
 * body stay where they are, if they are written plainly. The fields that we add stand last: Connection with
 * TE or Upgrade where due, X-Forwarded-For, -Proto, -Host, X-Request-Id, CDN-Loop, Max-Forwards where it
 * counts (not for 0), and what rules add. `*host_at_out` is where in the head Host's value (forward_host()) begins.
 */
int forward_request(struct buf *out, const struct http1_head *h, const struct forward *f,
	size_t *host_at_out);

/* Whether Host may be passed on as it came: not if it is empty or has a zone (RFC 6874, 4). */
static inline bool forward_takes_host(const struct http1_head *h)
{
	return h->host_value.n > 0 &&
	       !(h->host_value.p[0] == '[' && memchr(h->host_value.p, '%', h->host_value.n));
}

/* Host's value in the head for the upstream. */
static inline struct str forward_host(const struct http1_head *h, const struct forward *f)
{
	return forward_takes_host(h) ? h->host_value : f->authority;
}

struct rewrite;

struct forward_response {
	const struct rewrite
		*rewrite; /* names the place as the visitor does (rule 47); NULL: as it came */
	bool http10;      /* the visitor's version: chunks and their announcement are not for it */
	bool close;       /* the visitor's connection ends behind this answer */
	struct str added; /* whole lines that rules add: they stand last */
};

/*
 * The head for the visitor. The version is our own, 1.1, for 1.0 visitors too (RFC 9110, 6.2); those
 * must not be sent a 1xx at all. Connection is set again: close, keep-alive for 1.0, or Upgrade behind a 101,
 * which the caller lets pass only if it was asked for. 0, -ENOMEM, or HTTP1_E_TOO_LARGE for a head that
 * rewriting would make longer by more than REWRITE_ANSWER_GROWTH_MAX.
 */
int forward_response(struct buf *out, const struct http1_head *h, const struct forward_response *f);

/* Only the connection's end tells the end of this response's body: set `close` then. */
static inline bool forward_ends_by_close(const struct http1_head *h, bool http10)
{
	return h->body == HTTP1_BODY_UNTIL_CLOSE || (http10 && h->body == HTTP1_BODY_CHUNKED);
}
