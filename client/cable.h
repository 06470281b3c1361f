#pragma once
/* One link of the client from its 101 on: its I/O, and what of it concerns the uplink. */
#include "client/uplink.h"
#include "net/link_io.h"

struct cable {
	struct link_io io;
	struct uplink *uplink;
	struct list link; /* bond::cables */
	struct loop_task reap;
	uint8_t salt[HELLO_SALT]; /* that the exit node wants the key for */
	uint64_t up_at;           /* µs; CLOCK_NEVER: not yet */
	bool joins;               /* a session that other links hold up; else it opens one */
	bool leaving;             /* the exit node said GOAWAY */
	char unverified[400]; /* why its certificate is not verified; "": it is, or there is none */
};

/* Owns the connection from here on. NULL when memory is out. */
struct cable *cable_new(struct uplink *u, struct detached_conn detached, const void *early,
	size_t n);

/* At once, without a word. Accepts NULL; returns NULL. Not from within its link's callbacks. */
struct cable *cable_free(struct cable *c);

static inline struct link *cable_link(struct cable *c)
{
	return &c->io.link;
}

/* Streams that are not closed, whoever opened them. */
static inline size_t cable_streams(const struct cable *c)
{
	return c->io.link.mux.n_local + c->io.link.mux.n_remote;
}
