/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Local programs that send datagrams to a private service: for each sender a stream of kind udp (docs/protocol.md,
 * rule 18), so that the answers find who asked. Nothing waits: what comes while the service may not be used, or
 * the exit node is away, is dropped; but for a flow that is sealed end to end, which keeps the first ones until its
 * provider has answered (net/e2e_flow.h). A flow that is idle ends, and of too many the one that net/flow_queue says.
 */
#include "client/keys/client_keys.h"
#include "client/local/client_endpoint.h"
#include "loop/timeouts.h"
#include "net/flow_table.h"

#define LOCAL_FLOWS_MAX              1024 /* at a time, as of an upstream's: rule 18 */
/* What part of them may be questions under way, before those that have had an answer make way: likewise. */
#define LOCAL_FLOWS_UNANSWERED_SHARE 5
/* Between two lines about flows to one service. */
#define LOCAL_FLOWS_LOG_EVERY        (10 * CLOCK_S)

struct local_flows {
	struct loop *loop;
	/* The link for a new stream; NULL: none may open one now. */
	struct mux *(*pick)(void *arg);
	void *arg;
	struct client_keys *keys;     /* set by their owner, where flows are sealed end to end */
	struct flow_table table;      /* by port and sender */
	struct flow_queue queue;      /* the same, in the order in which they have to go */
	struct timeout_queue idle;    /* of all flows */
	struct timeout_queue repeats; /* of those whose provider may have to be asked again */
	struct list all;
};

/* `idle` in µs. It takes memory only when there are flows. */
void local_flows_init(struct local_flows *f, struct loop *loop, uint64_t idle,
	struct mux *(*pick)(void *arg), void *arg);
/* After the links that hold their streams. Accepts zeroed memory. */
void local_flows_deinit(struct local_flows *f);

/* A datagram came to the port of `ep`; as udp::received. */
void local_flows_heard(struct local_flows *f, struct client_endpoint *ep,
	const struct address *peer, const struct address *local, const uint8_t *p, size_t n);

/* Ends those of `ep`, whose port is closed; NULL: all. Not from a stream's callbacks. */
void local_flows_end(struct local_flows *f, const struct client_endpoint *ep);
