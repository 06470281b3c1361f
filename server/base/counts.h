/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a worker counts that belongs to no service. Only the worker adds, and any thread reads; a worker is an
 * allocation of its own, so no two of them write to one cache line. What belongs to a service:
 * server/route/service_counts.h; what the HTTP front answers itself: server/http/http_worker.h.
 */
#include "base/histogram.h"

/* Outcomes of handshakes. X(name, word) */
#define COUNTS_HANDSHAKES(X)                                           \
	X(OK, "ok")                                                    \
	X(REFUSED, "refused") /* no good token */                      \
	X(LIMIT, "limit")     /* --max-sessions or --max-handshakes */ \
	X(FAILED, "failed")   /* lost, too slow, or no rule kept */

enum counts_handshake {
#define COUNTS_HANDSHAKE(name, word) COUNTS_HANDSHAKE_##name,
	COUNTS_HANDSHAKES(COUNTS_HANDSHAKE)
#undef COUNTS_HANDSHAKE
		COUNTS_HANDSHAKE_KINDS,
};

/* Why a visitor's connection was closed before it was served. X(name, word) */
#define COUNTS_VISITORS_REFUSED(X)             \
	X(TOTAL, "max-visitors")               \
	X(ADDRESS, "max-visitors-per-address") \
	X(RATE, "rate")                        \
	X(MEMORY, "memory")                    \
	X(PROTOCOL, "protocol") /* no TLS, no PROXY header, or nothing is served there */

enum counts_visitor {
#define COUNTS_VISITOR(name, word) COUNTS_VISITOR_##name,
	COUNTS_VISITORS_REFUSED(COUNTS_VISITOR)
#undef COUNTS_VISITOR
		COUNTS_VISITOR_KINDS,
};

/* Options whose limit was reached, which server/base/limits.h and visitor_rates.h do not count. X(name, option) */
#define COUNTS_LIMITS(X)                          \
	X(STREAMS, "max-streams")                 \
	X(HANDSHAKES, "max-handshakes")           \
	X(FLOWS, "max-flows")                     \
	X(FLOWS_VISITOR, "max-flows-per-visitor") \
	X(PRIVATE_IDENTITY, "max-private-streams-per-identity")

enum counts_limit {
#define COUNTS_LIMIT(name, option) COUNTS_LIMIT_##name,
	COUNTS_LIMITS(COUNTS_LIMIT)
#undef COUNTS_LIMIT
		COUNTS_LIMIT_KINDS,
};

/* Why a stream to a private service may not be, or may not go on. X(name, word) */
#define COUNTS_DENIALS(X)                                          \
	X(APPROVAL, "approval") /* its endpoint is not approved */ \
	X(INTENTION, "intention")                                  \
	X(GRANT, "grant")                                          \
	X(TOKEN, "token")

struct counts {
	struct counter handshakes[COUNTS_HANDSHAKE_KINDS];
	struct counter tls_handshakes[2]; /* of visitors; [1]: they succeeded */
	struct counter visitors_refused[COUNTS_VISITOR_KINDS];
	struct counter limits[COUNTS_LIMIT_KINDS];
	struct histogram round_trips; /* of links */
};
