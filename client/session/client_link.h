/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The client's end of one link, from the upgrade's response to the end of its socket. Its owner learns what
 * happens by client_link_ops, and reads `io.link` for what the link says of itself.
 */
#include "base/list.h"
#include "net/link_io.h"

struct client_link;

/* All but closed() are called from within the link: none of them may free it. */
struct client_link_ops {
	/* The exit node wants the key for this salt: derive it, then call client_link_key(). */
	void (*salt)(struct client_link *l, const uint8_t salt[HELLO_SALT]);
	/* The exit node proved the key. `hello` is its; streams and messages may go. */
	void (*up)(struct client_link *l, const struct control *hello);
	void (*control)(struct client_link *l, const struct control *message);
	struct stream *(*open)(struct client_link *l, const struct frame_open *open,
		enum frame_reset *reason_out);
	/* Comes once: the exit node opens no further streams. Those that are open go on. */
	void (*goaway)(struct client_link *l, uint8_t reason);
	/* Its socket is closed; it is on no list any more, and frees itself at the end of the turn. */
	void (*closed)(struct client_link *l);
};

struct client_link {
	struct link_io io;
	const struct client_link_ops *ops;
	void *owner;      /* for the ops */
	struct list link; /* the owner's list of its links */
	struct loop_task reap;
	uint8_t salt[HELLO_SALT]; /* of the key that the link waits for in LINK_KEY */
	uint64_t up_at;           /* µs; CLOCK_NEVER: not yet */
	bool joins;               /* the session that other links hold up; else it opens one */
	bool leaving;             /* the exit node said GOAWAY */
	/* The exit node knows whose it is, so that streams of ours may be opened on it (rule 29). */
	bool may_open;
	char unverified[400]; /* why its certificate is not verified; "": it is, or there is none */
};

/*
 * Owns the connection from here on; what `given` says of TLS is filled in here. No op is called before
 * this returns: feed what came behind the upgrade's response afterwards. NULL when memory is out.
 */
struct client_link *client_link_new(struct loop *loop, struct detached_conn detached,
	const struct link_config *given, const struct client_link_ops *ops, void *owner);

/* The first `n` bytes, which came behind the upgrade's response. 0, or -ENOMEM: free it then. */
int client_link_feed(struct client_link *l, const void *early, size_t n);

/* At once, without a word; closed() does not come. Accepts NULL; returns NULL. Not from within its ops. */
struct client_link *client_link_free(struct client_link *l);

/* The key for this salt was derived; NULL: memory is out. Does nothing when the link waits for none. */
void client_link_key(struct client_link *l, const uint8_t salt[HELLO_SALT],
	const struct token_key *key);

/* Ends it in order; `why` is for both ends' logs. */
void client_link_close(struct client_link *l, const char *why);

/* Streams that are not closed, whichever end opened them. */
static inline size_t client_link_streams(const struct client_link *l)
{
	return l->io.link.mux.n_local + l->io.link.mux.n_remote;
}
