#pragma once
/* One link of the client from its 101 on: the carrier, and what of it concerns the uplink. */
#include "client/uplink.h"
#include "net/carrier.h"

struct cable {
	struct carrier carrier;
	struct uplink *uplink;
	struct list link; /* uplink::cables */
	struct loop_task reap;
	uint64_t up_at; /* µs; CLOCK_NEVER: not yet */
	bool leaving;   /* the exit node said GOAWAY */
};

/* Owns the connection from here on. NULL when memory is out. */
struct cable *cable_new(struct uplink *u, struct plug plug, const void *early, size_t n);

/* At once, without a word. Accepts NULL; returns NULL. Not from within its link's callbacks. */
struct cable *cable_free(struct cable *c);

static inline struct link *cable_link(struct cable *c)
{
	return &c->carrier.link;
}

/* Streams that are not closed, whoever opened them. */
static inline size_t cable_streams(const struct cable *c)
{
	return c->carrier.link.mux.n_local + c->carrier.link.mux.n_remote;
}

/* What the uplink is told; all but ended() come from within the link. */
void uplink_salt(struct uplink *u, struct cable *c, const uint8_t salt[HELLO_SALT]);
void uplink_up(struct uplink *u, struct cable *c, const struct control *hello);
void uplink_control(struct uplink *u, struct cable *c, const struct control *message);
void uplink_goaway(struct uplink *u, struct cable *c, uint8_t reason);
void uplink_lost(struct uplink *u, struct cable *c); /* its link is closed; it frees itself */
