#pragma once
/*
 * The heads of messages on their way through the exit node: what a proxy must take out, what it adds,
 * and everything else as it came, byte for byte and in order (rules 34 to 36, 40 and 41 of
 * docs/protocol.md). What writes appends to `out`: 0, or -ENOMEM with nothing appended.
 */
#include "base/buf.h"
#include "wire/address.h"
#include "wire/cidr.h"
#include "wire/http1.h"

/* Addresses of X-Forwarded-For that are looked at: a longer chain of one's own proxies is a mistake. */
#define FORWARD_HOPS_MAX 32

/* The line of the protocols that are offered to the upstream begins so; no other does. */
#define FORWARD_UPGRADE "Upgrade: "

struct forward {
	struct str peer;       /* who connected, as text without the port; ends X-Forwarded-For */
	struct str request_id; /* request_id_given()'s, else ours */
	const char *pseudonym; /* for CDN-Loop: PSEUDONYM_LEN characters */
	struct str authority;  /* Host, where !forward_takes_host() (RFC 9112, 3.3); may be empty */
	bool secure;           /* scheme_secure()'s: X-Forwarded-Proto is https */
	bool trusted;          /* the peer is one of --trusted-proxies */
	bool upgrade;          /* pass Upgrade on, when the head has one (http1_head::upgrade) */
};

/*
 * The head for the upstream, always HTTP/1.1 in origin form. Host stays; Expect and what frames the
 * body stay where they are, if that is written plainly. Ours stand last: Connection with TE or Upgrade
 * where due, X-Forwarded-For, -Proto, -Host, X-Request-Id, CDN-Loop, Max-Forwards where it counts (not
 * for 0). `*host_at_out` is where in it Host's value begins: forward_host().
 */
int forward_request(struct buf *out, const struct http1_head *h, const struct forward *f,
	size_t *host_at_out);

/* Whether Host may go on as it came: not without a host, nor with a zone (RFC 6874, 4). */
static inline bool forward_takes_host(const struct http1_head *h)
{
	return h->host_value.n > 0 &&
	       !(h->host_value.p[0] == '[' && memchr(h->host_value.p, '%', h->host_value.n));
}

/* What Host is then: as it came, else the authority. */
static inline struct str forward_host(const struct http1_head *h, const struct forward *f)
{
	return forward_takes_host(h) ? h->host_value : f->authority;
}

/*
 * What a trusted peer says in its last field of that name, because earlier ones may be a visitor's, and
 * not in a twin (X_Request_Id). Empty: nothing. Ask for trusted peers only.
 */
struct str forward_claim(const struct http1_head *h, enum http1_id id);

/*
 * How often the exit node of this pseudonym passed the request on already (RFC 8586); however the
 * proxies between put its values together.
 */
unsigned forward_passed(const struct http1_head *h, const char *pseudonym);

/*
 * Rule 36's one place: the right-most X-Forwarded-For that is no trusted proxy's if the peer is one,
 * else the peer. What is no address ends the search, and the last proxy before it counts. The port is
 * the peer's or 0. Returns whether the peer is trusted.
 */
bool forward_visitor(const struct http1_head *h, const struct address *peer,
	const struct cidr_list *trusted, struct address *visitor_out);

struct rewrite;

struct forward_response {
	const struct rewrite
		*rewrite; /* names the place as the visitor does (rule 47); NULL: as it came */
	bool http10;      /* the visitor's version: chunks and their announcement are not for it */
	bool close;       /* the visitor's connection ends behind this answer */
};

/*
 * The head for the visitor. The version is our own, 1.1, for 1.0 visitors too (RFC 9110, 6.2); those
 * must not be sent a 1xx at all. Connection is set anew: close, keep-alive for 1.0, or Upgrade behind
 * a 101, which the caller lets through only where it was asked for. 0, -ENOMEM, or HTTP1_E_TOO_LARGE for one
 * that rewriting would make longer by more than REWRITE_ANSWER_GROWTH_MAX.
 */
int forward_response(struct buf *out, const struct http1_head *h, const struct forward_response *f);

/* The end of this answer's body cannot be told but by closing; set `close` then. */
static inline bool forward_ends_by_close(const struct http1_head *h, bool http10)
{
	return h->body == HTTP1_BODY_UNTIL_CLOSE || (http10 && h->body == HTTP1_BODY_CHUNKED);
}
