/* SPDX-License-Identifier: MIT */
#include "client/upstream/upstream_flow_seal.h"

#include <stdlib.h>

#include "base/macros.h"

static struct upstream_flow_seal *seal_of(struct e2e_flow *e)
{
	return container_of(e, struct upstream_flow_seal, e2e);
}

static void seal_failed(struct e2e_flow *e, const char *why)
{
	seal_of(e)->failed(seal_of(e), why);
}

static void seal_dropped(struct e2e_flow *e)
{
	seal_of(e)->dropped(seal_of(e));
}

static void seal_checked(struct consumer_key *consumer, const char *why)
{
	struct upstream_flow_seal *s = container_of(consumer, struct upstream_flow_seal, consumer);
	struct flow *f = s->e2e.flow;
	if (why) {
		s->failed(s, why);
		flow_abort(f, FRAME_RESET_DENIED);
		f->ops->closed(f, FRAME_RESET_DENIED);
		return;
	}
	e2e_flow_accept(&s->e2e);
	/* It may have ended there. */
	if (stream_alive(&f->stream))
		s->accepted(s);
}

static void seal_asked(struct e2e_flow *e, const uint8_t key[KEY_PAIR_SIZE])
{
	consumer_key_check(&seal_of(e)->consumer, key);
}

struct upstream_flow_seal *upstream_flow_seal_new(struct flow *flow, struct client_keys *keys,
	const struct publication *pub, const struct frame_open *open)
{
	struct e2e_config config = {.own = pub->own,
		.service = pub->upstream.private.name,
		.link = open->link};
	struct upstream_flow_seal *s = calloc(1, sizeof(*s));
	if (!s || e2e_flow_start(&s->e2e, flow, &config) < 0)
		return upstream_flow_seal_free(s);
	s->open = *open;
	s->consumer = (struct consumer_key){.keys = keys,
		.pub = pub,
		.open = &s->open,
		.checked = seal_checked};
	s->e2e.asked = seal_asked;
	s->e2e.failed = seal_failed;
	s->e2e.dropped = seal_dropped;
	return s;
}

struct upstream_flow_seal *upstream_flow_seal_free(struct upstream_flow_seal *s)
{
	if (!s)
		return NULL;
	consumer_key_cancel(&s->consumer);
	e2e_flow_deinit(&s->e2e);
	free(s);
	return NULL;
}
