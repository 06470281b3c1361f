/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The way to the exit node for one link of the session: makes a link, keeps it, makes another when it is
 * lost.
 *
 *	IDLE -> CONNECTING -> HANDSHAKING -> UP
 *	              ^            |          |
 *	              +-- BACKOFF <+----------+        STOPPED, from anywhere, ends it
 *
 * CONNECTING takes the name's look-up, the proxy, TLS and the HTTP upgrade (client/session/connector), anew
 * each time. A link whose exit node says GOAWAY, or whose stream ids run out on either side, goes on with its
 * streams while the next one is made.
 */
#include "base/log_limit.h"
#include "client/session/backoff.h"
#include "client/session/client_link.h"
#include "client/session/connector.h"

#define UPLINK_STEADY    (5 * CLOCK_S)  /* a link that lived for less does not reset the back-off */
#define UPLINK_LOG_EVERY (60 * CLOCK_S) /* between two lines about the same failure */

enum uplink_state {
	UPLINK_IDLE,
	UPLINK_CONNECTING,
	UPLINK_HANDSHAKING,
	UPLINK_UP,
	UPLINK_BACKOFF,
	UPLINK_STOPPED
};

struct uplink;

/* What the session does for its uplinks. salt() to open() are called from within a link. */
struct uplink_ops {
	/* Fills in what a link that begins now has of the session. True: it joins one that is open. */
	bool (*configure)(struct uplink *u, struct link_config *config);
	/* Derive the key for this salt, and call uplink_key(). */
	void (*salt)(struct uplink *u, const uint8_t salt[HELLO_SALT]);
	/* u->link is up; `hello` is the exit node's. */
	void (*up)(struct uplink *u, const struct control *hello);
	/* `current`: it came on u->link, and not on a link that the exit node said GOAWAY on. */
	void (*control)(struct uplink *u, const struct control *message, bool current);
	struct stream *(*open)(struct uplink *u, const struct frame_open *open,
		enum frame_reset *reason_out);
	/* It is up no more, and will try again on its own. True: other links hold the session open. */
	bool (*down)(struct uplink *u);
	/* One of its links is closed. If this stops the uplink, it makes no further one. */
	void (*closed)(struct uplink *u);
	/*
	 * The exit node has rejected the key `times` in a row, over so many µs. Why, as the rest of a
	 * sentence; or NULL when the session has given up, and the uplink is stopped.
	 */
	const char *(*rejected)(struct uplink *u, unsigned times, uint64_t lasted);
	/* Its state has changed. */
	void (*changed)(struct uplink *u);
};

struct uplink {
	const struct uplink_ops *ops;
	void *owner; /* for the ops */
	const struct remote *remote;
	unsigned number, of; /* the number-th of so many, for people */
	enum uplink_state state;
	struct connector connector;
	struct client_link *link; /* that is being made or is up; NULL: none */
	struct list links;        /* with it those on which the exit node said GOAWAY */

	struct backoff backoff;  /* of connecting, since a link was up last */
	struct backoff young;    /* of links that died young, one after another */
	struct loop_timer timer; /* the next attempt */
	unsigned rejections;     /* in a row */
	uint64_t rejected_since;
	bool unwelcome; /* its last link joined and soon ended: perhaps it may not */
	char last_failure[512];
	struct log_limit log_failure; /* the same one again */
	uint64_t ups, failures,
		losses; /* since the start: links that came up, did not, were lost */
};

/* What it is given must outlive it. */
void uplink_init(struct uplink *u, const struct remote *remote, const struct uplink_ops *ops,
	void *owner, unsigned number, unsigned of);
/* Ends its links at once. Accepts zeroed memory. */
void uplink_deinit(struct uplink *u);

/* Begins, unless it has. */
void uplink_start(struct uplink *u);

/* Makes no link until it is started again. It is not up. Not from within its link's callbacks. */
void uplink_rest(struct uplink *u);

/* No further link. One that is up goes on without it. Not from within a handshake's callbacks. */
void uplink_stop(struct uplink *u);

/* The key for this salt was derived; NULL: memory is out. For a link that waits for it. */
void uplink_key(struct uplink *u, const uint8_t salt[HELLO_SALT], const struct token_key *key);

/* The link that is up, to send on; NULL: none. */
struct link *uplink_link(struct uplink *u);

/* The same for a stream of ours to be opened on; NULL: none, or the exit node does not know yet whose it is. */
struct mux *uplink_mux(struct uplink *u);

/* ---- All its links, those on which the exit node said GOAWAY included ---- */

/* Streams that are not closed. */
size_t uplink_streams(const struct uplink *u);

/* Closes links on which the exit node said GOAWAY and that carry nothing any more. */
void uplink_close_left(struct uplink *u);

/* Tells the exit node that no further streams are taken. */
void uplink_goaway(struct uplink *u);

/* Closes links that have nothing more to carry or to send; `all`: whatever they have. False: none is left. */
bool uplink_finish(struct uplink *u, bool all);
