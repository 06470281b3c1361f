/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The provider's end of a stream that is sealed end to end: whether its consumer may use the private service goes by
 * the consumer's key, which the stream begins with. Until then nobody is dialled. A stream of datagrams:
 * client/upstream/upstream_flow_seal.
 */
#include "client/upstream/consumer_key.h"
#include "net/e2e.h"

struct upstream_seal {
	struct e2e e2e;
	struct consumer_key consumer;

	/* The consumer may: e2e_accept() was said. Perhaps from within the stream's push(). */
	void (*accepted)(struct upstream_seal *s);
	/* It may not, or does not seal. The relay has ended behind this with `reason`; `why` is the rest of a sentence. */
	void (*failed)(struct upstream_seal *s, const char *why);
};

/*
 * Comes between the relay and its stream; `pub` and `open` are borrowed. NULL when memory is out; the callbacks are to
 * be set then.
 */
struct upstream_seal *upstream_seal_new(struct relay *relay, struct client_keys *keys,
	const struct publication *pub, const struct frame_open *open);
/* When the relay's memory goes. Accepts NULL; returns NULL. */
struct upstream_seal *upstream_seal_free(struct upstream_seal *s);
