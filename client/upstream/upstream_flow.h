/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The client's end of UDP flows: for each a socket of its own toward the upstream, so that the answers
 * find the visitor who asked (docs/protocol.md, rule 18). One that is idle ends, and of too many the
 * one that net/flow_queue says.
 */
#include "client/keys/client_keys.h"
#include "client/publish/publication.h"
#include "net/flow.h"
#include "net/flow_queue.h"
#include "loop/loop.h"
#include "net/resolver.h"
#include "loop/timeouts.h"
#include "net/udp.h"

#define UPSTREAM_FLOWS_MAX              1024 /* at a time, each with a descriptor: rule 18 */
/*
 * What part of them may be questions under way, before those that have had an answer make way: as on the
 * server.
 */
#define UPSTREAM_FLOWS_UNANSWERED_SHARE 5
/* Bytes that wait while the upstream's name is looked up, of one flow: the first question or two. */
#define UPSTREAM_FLOWS_EARLY_MAX        (16u << 10)

struct upstream_flows {
	struct loop *loop;
	struct resolver *resolver;
	struct udp_arena *arena;   /* NULL before the first flow */
	struct timeout_queue idle; /* of all flows */
	struct flow_queue queue;   /* the same, in the order in which they have to go */
};

/* `idle` in µs. 0; it takes memory only when there are flows. */
int upstream_flows_init(struct upstream_flows *f, struct loop *loop, struct resolver *resolver,
	uint64_t idle);

/* After the links that hold their streams. Accepts zeroed memory. */
void upstream_flows_deinit(struct upstream_flows *f);

/*
 * The stream for a flow to the publication by the number of its that `open` has, or NULL with a reason. `keys` are for one
 * that is sealed end to end, whose upstream has a socket when its consumer's key is accepted, and not before.
 */
struct stream *upstream_flows_open(struct upstream_flows *f, struct client_keys *keys,
	struct publication *pub, const struct frame_open *open, enum frame_reset *reason_out);

/* Ends all: they have no end of their own that one could wait for. Not from a stream's callbacks. */
void upstream_flows_end(struct upstream_flows *f);
