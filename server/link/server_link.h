/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The server's end of one link, on the worker where the link lives. What its peer says is passed on to
 * the registrar, which answers who it is: then the link belongs to a session and may carry streams.
 *
 *	HANDSHAKING -> ESTABLISHED -> [DRAINING ->] CLOSED
 */
#include "base/log_limit.h"
#include "net/link_io.h"
#include "server/base/worker.h"

#define SERVER_LINK_SAY_AGAIN      (60 * CLOCK_S) /* between two lines about clients that were refused */
#define SERVER_LINK_STRANGER_EVERY CLOCK_S /* between two lines about handshakes that failed */
/* Lines about links that leave: so many at once, as when a network of clients is restarted, then these. */
#define SERVER_LINK_LEAVING_BURST  1024
#define SERVER_LINK_LEAVING_EVERY  CLOCK_S
#define SERVER_LINK_SUSPECT_TIME   (2 * CLOCK_S) /* rule 28: a holder silent for so long is dead */

struct session_shard;
struct server_link_offer;
struct session;

/* What links tell the rooms above. The same for all links of a process: node::link_ops. On the link's worker. */
struct server_link_ops {
	/* Its peer has proved its key. `hello` is borrowed. */
	void (*up)(struct server_link *l, const struct control *hello);
	/* A message that asks for something; it is the callee's. */
	void (*control)(struct server_link *l, struct control *message);
	/*
	 * Its client opens a stream for requests to the admin API: the stream, or NULL with the reason to
	 * reset it with. May be called before the registrar has heard of the link.
	 */
	struct stream *(*admin)(struct server_link *l, enum frame_reset *reason_out);
	/*
	 * Its client, which belongs to a session, opens a stream of kind tcp or udp to a private service: the
	 * stream, or NULL with the reason to reset it with.
	 */
	struct stream *(*open)(struct server_link *l, const struct frame_open *open,
		enum frame_reset *reason_out);
	/* It takes new streams now, which it did not before: whoever waits for its session may go on. */
	void (*usable)(struct server_link *l);
	/* Its client sent GOAWAY and waits for its streams to end: those that carry nothing should. */
	void (*leaving)(struct server_link *l);
	/* It does not answer, and something is under way on it: what can go elsewhere should. */
	void (*silent)(struct server_link *l);
	/* The last call, for a link that was up(): link_mail_forget() must follow. */
	void (*gone)(struct server_link *l);
};

enum server_link_state {
	SERVER_LINK_HANDSHAKING,
	SERVER_LINK_ESTABLISHED,
	SERVER_LINK_DRAINING,
	SERVER_LINK_CLOSED
};

struct server_link {
	struct link_io io;
	struct worker *worker;
	struct list link; /* link_worker::links */
	struct loop_task reap;
	struct loop_timer suspect;
	enum server_link_state state;
	struct credential *credential; /* NULL until the handshake named one */
	struct half_open_slot *slot;   /* while it is HANDSHAKING */
	struct address peer;
	uint64_t connection;                 /* log_new_connection() */
	struct session_shard *session_shard; /* NULL until the registrar said whose it is */
	struct list of_shard;
	struct list
		admin_streams; /* admin_stream::of_link; those that wait for an answer outlive it */
	uint8_t key_id[TOKEN_ID_SIZE]; /* what the handshake named */
	bool tried;                    /* with that, and it was not refused for being locked out */
	bool key_unknown;              /* the handshake named a key that no token of ours makes */
	unsigned active;               /* requests and connections under way */
	bool counted;                  /* in session_shard::usable */
	bool silence_counted;          /* in session_shard::silent */
	struct log_limit log_silent;
	uint64_t suspected_at; /* µs; 0: not */
	/* As link_worker_look() saw it last, for the main thread: µs (0: no PING was answered), and `active` */
	atomic_uint_least64_t seen_round_trip;
	atomic_uint seen_active;
	struct mail gone; /* its end: to the registrar, and back to be freed */
	struct mail
		ending;   /* the registrar's order to end it: `deliver` is set once it was given */
	char *ending_why; /* owned; NULL: none was given, or without memory */
	atomic_uint pending; /* messages on their way to the registrar */
	atomic_bool leaving; /* the client said that it ends */

	/* The registrar's alone */
	struct session *session;
	uint64_t since;         /* µs since 1970; when it was up */
	struct list of_session; /* session::links; or registrar::unbound, while it has no session */
	bool replaced;          /* it was dead, and another claimed its names; its worker says so */
	bool denied;            /* its end is under way: what it says is not heard any more */
	uint8_t instance[CONTROL_INSTANCE];
	const char *protection; /* "sealed", for people */
	char version[CONTROL_VERSION + 1];
	char *remote; /* owned; what the client dialled, as a URL; NULL: it did not say */
};

/* On the offer's worker. False, and nothing was taken: its place is gone, or memory. */
bool server_link_begin(struct server_link_offer *offer);

/* Its place is another's now: it goes, unless it has proved its key in the meantime. */
void server_link_evict(struct server_link *l);

/* Whether new streams may be opened on it. */
bool server_link_usable(const struct server_link *l);

/* Usable or not, it has not answered: others go first. */
static inline bool server_link_silent(const struct server_link *l)
{
	return l->io.link.silent;
}

/* One request or connection more or less under way on it. */
void server_link_began(struct server_link *l);
void server_link_finished(struct server_link *l);

/* Says that it will be served no longer (the server ends); streams under way go on. */
void server_link_drain(struct server_link *l);

/* Where it came from, for people. Behind a trusted proxy there is no port. */
void server_link_peer(const struct server_link *l, char text[ADDRESS_TEXT_SIZE]);

/* When no loop runs any more. */
void server_link_discard(struct server_link *l);

/* The best usable link of a session on this worker: one that answers, with the fewest requests; or NULL. */
struct server_link *server_link_pick(const struct session_shard *shard);

/* Whether the session's identity has as many requests and connections under way as it may, which is logged. */
bool server_link_full(const struct session_shard *shard);
/* As server_link_pick(), for one more of these: NULL also when it is full. */
struct server_link *server_link_pick_new(const struct session_shard *shard);

/* ---- For server/link/link_mail, on its worker; without effect on a link that is closed ---- */

/* It belongs to this session now. */
void server_link_attach(struct server_link *l, struct session_shard *shard);
void server_link_send(struct server_link *l, const struct control *message);
void server_link_close(struct server_link *l, const char *why);
/* The same, and its client is told by a GOAWAY that it may not be here. */
void server_link_deny(struct server_link *l, const char *why);
/* It is closed unless something comes from its peer within SERVER_LINK_SUSPECT_TIME. */
void server_link_suspect(struct server_link *l);
/* It gets no new streams any more, and those that carry nothing end. */
void server_link_rest(struct server_link *l);
/* The memory of a closed link goes at the end of this turn, */
void server_link_forget(struct server_link *l);
/* or at once, when no loop runs any more. */
void server_link_free(struct server_link *l);
