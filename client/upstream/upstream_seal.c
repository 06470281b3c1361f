/* SPDX-License-Identifier: MIT */
#include "client/upstream/upstream_seal.h"

#include <stdlib.h>

#include "base/macros.h"

static void seal_failed(struct e2e *e, const char *why)
{
	struct upstream_seal *s = container_of(e, struct upstream_seal, e2e);
	s->failed(s, why);
}

static void refuse(struct upstream_seal *s, const char *why)
{
	struct relay *r = s->e2e.relay;
	s->failed(s, why);
	relay_abort(r, FRAME_RESET_DENIED);
	r->ended(r, FRAME_RESET_DENIED);
}

static void seal_checked(struct consumer_key *consumer, const char *why)
{
	struct upstream_seal *s = container_of(consumer, struct upstream_seal, consumer);
	if (why) {
		refuse(s, why);
		return;
	}
	e2e_accept(&s->e2e);
	/* It may have ended there. */
	if (stream_alive(&s->e2e.relay->stream))
		s->accepted(s);
}

static void seal_asked(struct e2e *e, const uint8_t key[KEY_PAIR_SIZE])
{
	consumer_key_check(&container_of(e, struct upstream_seal, e2e)->consumer, key);
}

struct upstream_seal *upstream_seal_new(struct relay *relay, struct client_keys *keys,
	const struct publication *pub, const struct frame_open *open)
{
	struct e2e_config config = {.own = pub->own,
		.service = pub->upstream.private.name,
		.link = open->link};
	struct upstream_seal *s = calloc(1, sizeof(*s));
	if (!s || e2e_start(&s->e2e, relay, &config) < 0)
		return upstream_seal_free(s);
	s->consumer = (struct consumer_key){.keys = keys,
		.pub = pub,
		.open = open,
		.checked = seal_checked};
	s->e2e.asked = seal_asked;
	s->e2e.failed = seal_failed;
	return s;
}

struct upstream_seal *upstream_seal_free(struct upstream_seal *s)
{
	if (!s)
		return NULL;
	consumer_key_cancel(&s->consumer);
	e2e_deinit(&s->e2e);
	free(s);
	return NULL;
}
