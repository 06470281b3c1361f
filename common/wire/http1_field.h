/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The field names that decide something somewhere in the program, as small numbers: found once while
 * a head is parsed, so that names are compared once.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* X(id, name in lower case, its first letter, properties) */
#define HTTP1_FIELDS(X)                                                  \
	X(HOST, "host", 'h', HTTP1_FRAME)                                \
	X(CONTENT_LENGTH, "content-length", 'c', HTTP1_FRAME)            \
	X(TRANSFER_ENCODING, "transfer-encoding", 't', HTTP1_FRAME)      \
	X(CONNECTION, "connection", 'c', HTTP1_HOP)                      \
	X(KEEP_ALIVE, "keep-alive", 'k', HTTP1_HOP)                      \
	X(PROXY_CONNECTION, "proxy-connection", 'p', HTTP1_HOP)          \
	X(PROXY_AUTHENTICATE, "proxy-authenticate", 'p', HTTP1_HOP)      \
	X(PROXY_AUTHORIZATION, "proxy-authorization", 'p', HTTP1_HOP)    \
	X(TE, "te", 't', HTTP1_HOP)                                      \
	X(UPGRADE, "upgrade", 'u', HTTP1_HOP)                            \
	X(HTTP2_SETTINGS, "http2-settings", 'h', HTTP1_HOP)              \
	X(TRAILER, "trailer", 't', HTTP1_NO_TRAILER)                     \
	X(EXPECT, "expect", 'e', HTTP1_NO_TRAILER)                       \
	X(FORWARDED, "forwarded", 'f', HTTP1_FORWARDING)                 \
	X(X_FORWARDED_FOR, "x-forwarded-for", 'x', HTTP1_FORWARDING)     \
	X(X_FORWARDED_HOST, "x-forwarded-host", 'x', HTTP1_FORWARDING)   \
	X(X_FORWARDED_PROTO, "x-forwarded-proto", 'x', HTTP1_FORWARDING) \
	X(X_REAL_IP, "x-real-ip", 'x', HTTP1_FORWARDING)                 \
	X(X_REQUEST_ID, "x-request-id", 'x', HTTP1_FORWARDING)           \
	X(AUTHORIZATION, "authorization", 'a', HTTP1_NO_TRAILER)         \
	X(WWW_AUTHENTICATE, "www-authenticate", 'w', HTTP1_NO_TRAILER)   \
	X(ACCEPT, "accept", 'a', 0)                                      \
	X(ORIGIN, "origin", 'o', 0)                                      \
	X(DESTINATION, "destination", 'd', 0)                            \
	X(IF, "if", 'i', 0)                                              \
	X(TRACEPARENT, "traceparent", 't', HTTP1_NO_TRAILER)             \
	X(TRACESTATE, "tracestate", 't', HTTP1_NO_TRAILER)               \
	X(VIA, "via", 'v', HTTP1_STAYS)                                  \
	X(CDN_LOOP, "cdn-loop", 'c', HTTP1_STAYS)                        \
	X(MAX_FORWARDS, "max-forwards", 'm', HTTP1_STAYS)                \
	X(SEC_WEBSOCKET_KEY, "sec-websocket-key", 's', 0)                \
	X(SEC_WEBSOCKET_VERSION, "sec-websocket-version", 's', 0)        \
	X(SEC_WEBSOCKET_PROTOCOL, "sec-websocket-protocol", 's', 0)      \
	X(SEC_WEBSOCKET_EXTENSIONS, "sec-websocket-extensions", 's', 0)  \
	X(SEC_WEBSOCKET_ACCEPT, "sec-websocket-accept", 's', 0)

enum http1_id {
	HTTP1_OTHER,
#define HTTP1_FIELD_ID(id, name, first, flags) HTTP1_##id,
	HTTP1_FIELDS(HTTP1_FIELD_ID)
#undef HTTP1_FIELD_ID
	/* Any other name that starts with X-Forwarded- */
	HTTP1_X_FORWARDED_OTHER,
	HTTP1_N_IDS, /* at most 64: a head keeps a bit for each */
};

/* Why a field is special; none of these may follow a chunked body. */
enum {
	HTTP1_FRAME = 1,      /* Connection may not name it */
	HTTP1_HOP = 2,        /* meant for the next hop only (RFC 9110, 7.6.1) */
	HTTP1_FORWARDING = 4, /* believed from trusted peers only (rule 35) */
	HTTP1_NO_TRAILER = 8, /* another reason to stand in the head */
	HTTP1_STAYS = 16,     /* Connection cannot take it out: it ends loops */
};

extern const uint8_t http1_field_flags[HTTP1_N_IDS];

/*
 * The id of a name, which has only token characters; case does not matter. The underscore twins of
 * the forwarding fields (X_Forwarded_For: many upstreams cannot tell the two apart) share their ids.
 */
enum http1_id http1_field_id(struct str name);

/* True when the visitor could claim by such a field who it is or how it came (rule 35). */
static inline bool http1_is_forwarding(enum http1_id id)
{
	return (http1_field_flags[id] & HTTP1_FORWARDING) != 0;
}

/*
 * Takes the next element off a comma-separated list, without the white space around it; empty ones
 * are skipped. False at the end.
 */
bool http1_list_next(struct str *list, struct str *item_out);
