/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Many streams inside one ordered channel of records: ids, credit windows, and whose turn it is
 * (docs/protocol.md, section 4). No sockets, no clock: it is given records and `now`, and asked for
 * records. Link-level frames (PONG, PING, GOAWAY, CONTROL) go first, then RESET and WINDOW, then
 * OPEN, DATA, DATAGRAM and FIN by deficit round robin over the streams that are ready and have
 * credit, which datagrams need none of.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/histogram.h"
#include "base/list.h"
#include "mux/budget.h"
#include "mux/stream.h"

/*
 * Bytes up to which streams' bytes fill a record; link frames and datagrams may fill all that the peer
 * takes. A stream sends half of it in its turn when others wait, so that a stream with few bytes finds room
 * in any record. Fewer than the peer would take: loopback, by which most upstreams are reached, has
 * segments of 64 KiB less 52 to 72 bytes of IP and TCP, so that a write of 64 KiB is sent as one of those
 * and a second one with the rest, which costs as much. The headers and tags of WebSocket, seal and four TLS
 * records fit as well. Measured: 1.2 to 1.7 times the bulk. On slow ways it is less (mux_set_record()).
 */
#define MUX_RECORD      ((64u << 10) - 192)
#define MUX_FILL_MIN    4096u /* bytes; a record with less room left is closed */
/* Two turns fit, with their headers, an OPEN and some link frames. */
#define MUX_RECORD_MIN  (2 * MUX_FILL_MIN + (2u << 10))
#define MUX_BASE_WINDOW (64u << 10) /* bytes; one turn's read */
#define MUX_MAX_WINDOW  (8u << 20)  /* bytes; 100 ms at 640 Mbit/s */
#define MUX_FRAMES_MAX \
	(512u << 10)            /* bytes of RESET and CONTROL that may wait for a peer to read */
#define MUX_REST (10 * CLOCK_S) /* a window that was not used so long is the base again */
#define MUX_TELL CLOCK_S /* how often a slow reader is known by one byte of credit to go on */

struct shaper;

struct mux_ops {
	/*
	 * The peer opened a stream. Returns the owner's initialised stream, or NULL with the reason
	 * to reset it with. push() follows within the same record.
	 */
	struct stream *(
		*open)(struct mux *m, const struct frame_open *open, enum frame_reset *reason_out);
	void (*control)(struct mux *m, const uint8_t *json, size_t n); /* a CONTROL frame came */
	/* The peer takes no new streams; those of ours that it will not serve were already
	 * closed(). Or, of a client, our own ids run out (FRAME_GOAWAY_IDS): from within mux_fill(). */
	void (*goaway)(struct mux *m, uint8_t reason);
	void (*wake)(struct mux *m); /* there is something to send; see mux_fill() */
};

struct mux_limits {
	uint32_t base_window, max_window; /* bytes, for what we receive */
	uint32_t max_streams;             /* streams the peer may have open at once */
};

/* Streams of several muxes of one thread: how many are open, and the most that were at a time. */
struct mux_streams {
	size_t open, peak;
};

struct mux {
	const struct mux_ops *ops;
	struct mux_limits limits;
	struct budget_account account;
	bool client;          /* opens odd ids, else even ones */
	bool closed;          /* mux_close() ran */
	bool draining;        /* we sent GOAWAY: no stream of the peer's is taken any more */
	bool peer_draining;   /* the peer sent it: no stream of ours is opened any more */
	uint32_t next_id;     /* of our next stream */
	uint32_t record;      /* MUX_RECORD, or less */
	uint32_t turn;        /* bytes of it that a stream sends in its turn when others wait */
	uint32_t peer_last;   /* highest id the peer opened */
	uint32_t peer_window; /* bytes of credit our new streams start with; the peer's base window
			       */
	uint32_t peer_max_streams;
	uint32_t n_local, n_remote; /* open streams by who opened them */
	struct mux_streams *shared; /* of several muxes, or NULL */

	struct table table; /* of open streams, by id */
	uint64_t hash_key;  /* odd; mux_set_hash_key() */
	struct list streams, ready, urgent, grown;
	struct shaper *shaper; /* mux/shaper.h; NULL: no rate holds it */

	struct buf frames; /* whole RESET, GOAWAY and CONTROL frames that wait */
	bool ping_waiting, pong_waiting;
	uint64_t ping_sent; /* when the PING that is under way was made; 0: none is */
	uint64_t n_pings;
	uint8_t ping[8], pong[8];      /* what ours says, and what the peer's said */
	struct histogram *round_trips; /* where its owner counts them; NULL: nowhere */
	uint64_t rtt[2];     /* smallest round trips of this half minute and the last, in µs */
	uint64_t rtt_turned; /* when this half minute began */
	uint64_t last_now;   /* the time of the last call that had it */

	const char *violation; /* what the peer did, once mux_input() failed or is going to */
};

void mux_init(struct mux *m, const struct mux_ops *ops, const struct mux_limits *limits,
	struct budget *budget, bool client);

/* A secret of this link's, drawn at random, by which its streams are found. Before the first stream. */
void mux_set_hash_key(struct mux *m, uint64_t key);

/*
 * Ends every stream as `reason` (closed() runs). From here on nothing is taken, sent or called any
 * more. Legal inside the callbacks above, but for open().
 */
void mux_close(struct mux *m, enum frame_reset reason);

/* Closes as LINK_LOST and frees; accepts zeroed memory. Not inside a callback. */
void mux_deinit(struct mux *m);

/* What the peer's CONTROL hello said. Before it, no stream may be opened. */
void mux_set_peer(struct mux *m, uint32_t base_window, uint32_t max_streams);

/*
 * Opens a stream of ours; OPEN goes out with its first turn, and data may follow at once. 0, -EBUSY
 * when the peer takes no more streams, -ESHUTDOWN when it is draining or the ids are used up.
 */
int mux_open(struct mux *m, struct stream *s);
bool mux_may_open(const struct mux *m);

/* Ids are spent once; with 2^20 left a new link should take over (rule 19). */
bool mux_ids_low(const struct mux *m);

/* A record of whole frames came. 0, or -EPROTO with m->violation set: close the link. */
int mux_input(struct mux *m, const uint8_t *p, size_t n, uint64_t now);

/* From MUX_RECORD_MIN to MUX_RECORD, in its place. */
void mux_set_record(struct mux *m, uint32_t bytes);

/*
 * Fills `room` with whole frames and returns their size; 0 when nothing is ready. Streams have
 * their turn only in MUX_FILL_MIN bytes and more; `max` is 64 at the least.
 */
size_t mux_fill(struct mux *m, uint8_t *room, size_t max, uint64_t now);

/* Whether mux_fill() has something to try. */
bool mux_pending(const struct mux *m);

/* Sends a PING unless one is under way. */
void mux_ping(struct mux *m, uint64_t now);

/* Smallest round trip of the last minute in µs; 0 before the first PONG. */
uint64_t mux_rtt(const struct mux *m);

/* Queues a CONTROL frame; -EMSGSIZE, -ENOMEM, or -ENOBUFS when the peer reads none of them. */
int mux_control(struct mux *m, const void *json, size_t n);

/* Says that no further stream of the peer's will be served. Once. */
void mux_goaway(struct mux *m, enum frame_goaway reason);

/* Every few seconds: windows of streams that rest shrink to the base. */
void mux_tick(struct mux *m, uint64_t now);
