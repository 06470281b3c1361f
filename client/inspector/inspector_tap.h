/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Reads along on a connection to an upstream: a reader of requests and one of answers, whose messages are
 * paired in order. It never changes or delays a byte. An answer of 101 ends the reading, and bytes are
 * counted from there on; what cannot be read is kept as it came, as far as a body is, and the tap lets go.
 */
#include "base/buf.h"
#include "client/inspector/inspector.h"
#include "net/relay.h"
#include "wire/http1_chunks.h"

/* Requests that wait for their answers. The exit node sends one at a time. */
#define INSPECTOR_TAP_AHEAD_MAX 4

enum inspector_tap_state { INSPECTOR_TAP_READS, INSPECTOR_TAP_COUNTS, INSPECTOR_TAP_GONE };

/* One direction. */
struct inspector_reader {
	uint8_t body; /* enum http1_body of the message that is read; HTTP1_BODY_NONE: a head is next */
	uint64_t left; /* bytes of HTTP1_BODY_LENGTH */
	struct http1_chunks chunks;
	struct buf head; /* one that came in pieces, so far */
	size_t scanned;
	uint64_t first;          /* when its first byte came, µs; 0: none yet */
	struct capture *capture; /* whose body it is; NULL: it found no room */
};

struct inspector_tap {
	struct relay_tap tap;
	struct inspector *in;
	struct capture_facts facts;
	enum inspector_tap_state state;
	struct inspector_reader request, answer;
	struct {
		struct capture *capture;
		uint8_t method;           /* enum http1_method */
	} asked[INSPECTOR_TAP_AHEAD_MAX]; /* and not answered yet, the oldest first */
	unsigned n_asked;
};

/* NULL when memory is out: the connection goes on without. */
struct inspector_tap *inspector_tap_new(struct inspector *in, const struct capture_facts *facts);
/* A request was read whose answer is not there yet. */
bool inspector_tap_waits(const struct inspector_tap *t);
/* The connection is over. Accepts NULL; returns NULL. */
struct inspector_tap *inspector_tap_free(struct inspector_tap *t);

/*
 * A stream for which no upstream was reached, for this reason: what came of it so far is a request that failed. It stays
 * with the stream, which tells its peer that nothing was taken.
 */
void inspector_tap_failed(struct inspector *in, const struct capture_facts *facts,
	const struct stream *s, const char *why);
