#pragma once
/* One link of the client from its 101 on: its I/O, and what of it concerns the uplink. */
#include "client/session/uplink.h"
#include "net/link_io.h"

struct client_link {
	struct link_io io;
	struct uplink *uplink;
	struct list link; /* client_session::links */
	struct loop_task reap;
	uint8_t salt[HELLO_SALT]; /* that the exit node wants the key for */
	uint64_t up_at;           /* µs; CLOCK_NEVER: not yet */
	bool joins;               /* a session that other links hold up; else it opens one */
	bool leaving;             /* the exit node said GOAWAY */
	char unverified[400]; /* why its certificate is not verified; "": it is, or there is none */
};

/* Owns the connection from here on. NULL when memory is out. */
struct client_link *client_link_new(struct uplink *u, struct detached_conn detached,
	const void *early, size_t n);

/* At once, without a word. Accepts NULL; returns NULL. Not from within its link's callbacks. */
struct client_link *client_link_free(struct client_link *l);

static inline struct link *client_link_base(struct client_link *l)
{
	return &l->io.link;
}

/* Streams that are not closed, whoever opened them. */
static inline size_t client_link_streams(const struct client_link *l)
{
	return l->io.link.mux.n_local + l->io.link.mux.n_remote;
}
