/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The provider's end of a flow that is sealed end to end, as client/upstream/upstream_seal has it for streams of bytes.
 */
#include "client/upstream/consumer_key.h"
#include "net/e2e_flow.h"

struct upstream_flow_seal {
	struct e2e_flow e2e;
	struct consumer_key consumer;
	struct frame_open open;

	/* The consumer may: e2e_flow_accept() was said. Perhaps from within the stream's push(). */
	void (*accepted)(struct upstream_flow_seal *s);
	/* It may not, or does not seal. The flow's closed() runs behind this; `why` is the rest of a sentence. */
	void (*failed)(struct upstream_flow_seal *s, const char *why);
	/* As e2e_flow::dropped. */
	void (*dropped)(struct upstream_flow_seal *s);
};

/*
 * Comes between the flow and its stream; `pub` is borrowed. NULL when memory is out; the callbacks are to be set then.
 */
struct upstream_flow_seal *upstream_flow_seal_new(struct flow *flow, struct client_keys *keys,
	const struct publication *pub, const struct frame_open *open);
/* When the flow's memory goes. Accepts NULL; returns NULL. */
struct upstream_flow_seal *upstream_flow_seal_free(struct upstream_flow_seal *s);
