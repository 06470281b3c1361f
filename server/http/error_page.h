/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a visitor reads when the exit node itself answers: a sentence, the host that was asked for and
 * the request id that is also in the access log; as text for tools, as HTML for browsers (rule 41).
 *
 * A page is a value: its status, its fields and its body. The connection writes it in its own syntax
 * (h1_page.c).
 */
#include "wire/frame.h"
#include "wire/http1.h"

/* X(cause, status, name in the access log, sentence) */
#define ERROR_PAGE_CAUSES(X)                                                                       \
	X(OPTIONS, 200, "max-forwards",                                                            \
		"this exit node is the last that Max-Forwards lets answer; it passes on all "      \
		"methods but CONNECT")                                                             \
	X(CHALLENGE, 200, "challenge", "this is answered to a certificate authority")              \
	X(HTTPS, 308, "https", "this host is served over HTTPS only")                              \
	X(NO_CERTIFICATE, 403, "no-certificate",                                                   \
		"a tunnel is opened here with a client certificate only")                          \
	X(ORIGIN, 403, "origin", "browsers may not open a tunnel")                                 \
	X(AMBIGUOUS, 400, "ambiguous-path",                                                        \
		"the path of this request can be read in two ways, which the rules of this host "  \
		"do not allow")                                                                    \
	X(NEW_RULES, 503, "new-rules",                                                             \
		"rules for this host came while this request was under way; it may be sent again") \
	X(UNDECIDED, 400, "undecided", "the rules of this host could not judge this request")      \
	X(DENIED, 403, "denied", "the rules of this host do not allow this request")               \
	X(DENIED_UNSEEN, 404, "denied", "there is nothing to be found here")                       \
	X(REDIRECT, 302, "redirected", "what is asked for is at another place")                    \
	X(ANSWERED, 200, "answered", "this is answered by the exit node")                          \
	X(UNAUTHORIZED, 401, "unauthorized", "this host asks for a name and a password")           \
	X(BODY_LIMIT, 413, "body-limit", "the body of this request is longer than allowed here")   \
	X(TIME_LIMIT, 504, "time-limit", "this request took longer than is allowed here")          \
	X(RULE_RATE, 429, "rule-rate", "more requests came than the rules of this host allow")     \
	X(PASSWORDS, 429, "passwords",                                                             \
		"too many wrong passwords came from this address; it may try again later")         \
	X(NOT_HERE, 404, "not-here", "this port takes tunnel clients only")                        \
	X(LINK_MALFORMED, 400, "link-malformed", "malformed tunnel request")                       \
	X(MISDIRECTED, 421, "misdirected",                                                         \
		"this connection was opened for another host, and its certificate is "             \
		"not for this one")                                                                \
	X(ELSEWHERE, 421, "elsewhere",                                                             \
		"this connection serves another host; a new connection may be opened for this "    \
		"one")                                                                             \
	X(DOT_SEGMENTS, 400, "dot-segments",                                                       \
		"the path of this request has a segment of dots, which is not passed on to this "  \
		"host")                                                                            \
	X(DESTINATION, 502, "destination",                                                         \
		"the Destination of this request is not on this host, or has a segment of dots")   \
	X(UPGRADE_HTTP2, 501, "upgrade-http2",                                                     \
		"the service behind this host speaks HTTP/2, on which no other protocol, such as " \
		"WebSocket, can be asked for here")                                                \
	X(TRACE, 405, "max-forwards",                                                              \
		"this exit node is the last that Max-Forwards lets answer; what came is not "      \
		"shown")                                                                           \
	X(HEAD_TIMEOUT, 408, "head-timeout", "the request took too long to arrive")                \
	X(LOCKED_OUT, 429, "locked-out",                                                           \
		"too many tunnel clients from this address had no good token; it may try again "   \
		"later")                                                                           \
	X(RATE, 429, "rate", "more requests came from this address than it may send")              \
	X(SERVICE_RATE, 429, "service-rate",                                                       \
		"more requests came for this host than it takes at the moment")                    \
	X(UPGRADE, 426, "upgrade", "a tunnel is asked for with a WebSocket handshake, version 13") \
	X(LINK_STRIPPED, 426, "no-upgrade",                                                        \
		"this request for a tunnel came without its Upgrade: a reverse proxy in front "    \
		"does not pass WebSockets on")                                                     \
	X(OVERLOADED, 503, "overloaded", "the exit node has no room for this request")             \
	X(DRAINING, 503, "draining", "the exit node is about to restart")                          \
	X(NO_ROUTE, 503, "no-route", "no client publishes this host at the moment")                \
	X(WAITED, 503, "waited", "the client that publishes this host did not come back in time")  \
	X(CROWDED, 503, "crowded",                                                                 \
		"too many requests wait for the client that publishes this "                       \
		"host to come back")                                                               \
	X(BUSY, 503, "busy", "the client for this host is at its stream limit")                    \
	X(UPSTREAM_TLS, 502, "upstream-tls",                                                       \
		"the service behind this host failed to prove itself over TLS")                    \
	X(REFUSED, 502, "refused", "the service behind this host refused the connection")          \
	X(UNREACHABLE, 502, "unreachable", "the service behind this host cannot be reached")       \
	X(DNS, 502, "dns", "the name of the service behind this host does not resolve")            \
	X(DIED, 502, "died",                                                                       \
		"the service behind this host ended the connection before it "                     \
		"answered")                                                                        \
	X(LINK_LOST, 502, "link-lost",                                                             \
		"the client that publishes this host was lost before the "                         \
		"answer came")                                                                     \
	X(GARBLED, 502, "garbled",                                                                 \
		"the service behind this host gave an answer that is not clean "                   \
		"HTTP")                                                                            \
	X(DIAL_TIMEOUT, 504, "dial-timeout",                                                       \
		"the service behind this host did not take the "                                   \
		"connection in time")                                                              \
	X(ANSWER_TIMEOUT, 504, "answer-timeout",                                                   \
		"the service behind this host did not answer in "                                  \
		"time")                                                                            \
	X(LOOP, 508, "loop", "the service behind this host leads back to this exit node")

enum error_page_cause {
#define ERROR_PAGE_CAUSE(cause, status, name, sentence) ERROR_PAGE_##cause,
	ERROR_PAGE_CAUSES(ERROR_PAGE_CAUSE)
#undef ERROR_PAGE_CAUSE
		ERROR_PAGE_MALFORMED, /* error_page_for_http1()'s: the request is no clean HTTP */
	ERROR_PAGE_KINDS,
};

/* The word for a cause in the access log, and "malformed". Several may have the same. */
const char *error_page_word(enum error_page_cause cause);

/* Methods that are passed on; the one that this node does not answer for anybody stands last. */
#define ERROR_PAGE_METHODS_OWN "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"
#define ERROR_PAGE_METHODS     ERROR_PAGE_METHODS_OWN ", TRACE"

struct error_page {
	/* Set by error_page_for(), error_page_after(), error_page_for_http1() or error_page_for_answer() */
	enum error_page_cause cause;
	unsigned status;
	const char *sentence; /* lower-case start, no full stop */
	const char *why;      /* one word for the access log */

	struct str host; /* as it was asked for, from a stranger; may be empty */
	struct str request_id;
	struct str location;   /* for ERROR_PAGE_HTTPS: scheme_location()'s; it is not escaped */
	struct str challenge;  /* of a 401: WWW-Authenticate */
	struct str type, body; /* in place of the page's own; type empty: there is none */
	unsigned retry_after;  /* seconds; 0: not said */
	const char *allow;     /* ERROR_PAGE_METHODS*, for 405 and OPTIONS */
	bool html, head_only, close;
	bool grpc;     /* an error is told in gRPC's way: 200, and its status in a field */
	bool for_link; /* Proxy-Status (RFC 9209) names the cause: tunnel clients explain it */
};

/* A page with only the cause set. */
struct error_page error_page_for(enum error_page_cause cause);
/* With Retry-After: `wait` in µs, as whole seconds that are no less. */
struct error_page error_page_after(enum error_page_cause cause, uint64_t wait);
/* For an HTTP1_E_* of a response: the visitor is told no more than that it is not clean HTTP. */
struct error_page error_page_for_answer(int code);
/* For an HTTP1_E_* of a request; sets `close` and `allow` too. */
struct error_page error_page_for_http1(int code);

/* What a stream's reset means before the response's head came. */
enum error_page_cause error_page_cause_of_reset(enum frame_reset reason);

/* Whether Accept names text/html, and not to refuse it. */
bool error_page_wants_html(const struct http1_head *h);
/* Whether it is a call of gRPC, which reads no page: its Content-Type says so. */
bool error_page_wants_grpc(const struct http1_head *h);

#define ERROR_PAGE_FIELDS_MAX 10
#define ERROR_PAGE_VALUE_MAX \
	96 /* bytes of a value that is made here, and a NUL: the longest is a cause */
#define ERROR_PAGE_ID_MAX   512  /* bytes of a request id that are shown, at the most */
#define ERROR_PAGE_BODY_MAX 8192 /* bytes of the longest body, and a NUL */

struct error_page_field {
	const char *name;
	struct str value;
};

/* A page as the visitor gets it, but for what its connection says of itself. */
struct error_page_text {
	unsigned status;
	const char *phrase; /* of the status */
	struct error_page_field fields[ERROR_PAGE_FIELDS_MAX];
	size_t n_fields;
	size_t body_n; /* as Content-Length says, also where the body is not sent (head_only) */
	char length[ERROR_PAGE_VALUE_MAX], retry_after[ERROR_PAGE_VALUE_MAX];
	char cause[ERROR_PAGE_VALUE_MAX], grpc_status[ERROR_PAGE_VALUE_MAX];
	char id[ERROR_PAGE_ID_MAX];
	char body[ERROR_PAGE_BODY_MAX];
};

/* `out` borrows from the page, and points into itself. */
void error_page_render(const struct error_page *p, struct error_page_text *out);
