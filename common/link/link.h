/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A link: one WebSocket connection between client and server with all its layers, from the server's
 * hello to the last frame (docs/protocol.md, sections 2 to 4). Sans-I/O: bytes and time in, bytes
 * and events out; net/link_io owns the socket.
 *
 *	visitor bytes -> mux frame -> (seal) -> ws frame -> link_output()
 *
 * Received bytes are unmasked, opened and delivered inside the receive buffer; sent ones are pulled
 * into the send buffer where they are sealed, headed and masked. Both are freed while the link
 * rests.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "crypto/handshake.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "crypto/token.h"
#include "mux/mux.h"
#include "wire/control.h"
#include "wire/hello.h"
#include "wire/ws.h"

#define LINK_HANDSHAKE_TIME (10 * CLOCK_S) /* from 101 to proof; slow phones included */
#define LINK_PING_EVERY     (5 * CLOCK_S)  /* NATs and proxies forget after 30 s at the earliest */
#define LINK_SILENCE_MAX    (15 * CLOCK_S) /* three times that: the peer is dead (rule 26) */
/*
 * A link that has something to answer is asked by a PING when it was quiet for LINK_ASK_AFTER: most
 * requests are answered by then. It is silent when it says nothing to that for LINK_SILENT_AFTER, or as
 * many of its round trips: TCP makes up for a packet or two that were lost in less.
 */
#define LINK_ASK_AFTER      (500 * CLOCK_MS)
#define LINK_SILENT_AFTER   CLOCK_S
#define LINK_SILENT_RTTS    3
#define LINK_DOUBT          (20 * CLOCK_MS) /* a turn or two: this process may have slept itself */
#define LINK_REST           CLOCK_S /* idle time after which buffers are freed: even a PING takes them */
#define LINK_INPUT          (256u << 10) /* bytes of receive buffer: four records a read */
#define LINK_INPUT_UNPROVEN 4096         /* bytes of it before the peer proved its key */
/*
 * Bytes of records that wait for the socket: at most two whole ones, which one system call takes. What is
 * urgent waits behind them, and the peer can use nothing of a record before its last byte; so on a slow
 * way they are LINK_OUTPUT_TIME of that way, but not less than LINK_OUTPUT_MIN, below which headers and
 * tags begin to count and turns no longer fit in twos.
 */
#define LINK_OUTPUT_MAX     (2 * (MUX_RECORD + 64))
#define LINK_OUTPUT_MIN     MUX_RECORD_MIN
#define LINK_OUTPUT_TIME    (20 * CLOCK_MS)

enum link_state {
	LINK_HELLO,     /* client: waits for the server's hello */
	LINK_KEY,       /* client: waits for link_key() */
	LINK_HANDSHAKE, /* waits for the peer's Noise message */
	LINK_CONFIRM,   /* waits for the peer's first sealed message */
	LINK_UP,
	LINK_CLOSED,
};

enum link_end {
	LINK_END_NONE,
	LINK_END_LOST,      /* the connection ended or broke, or the peer closed it */
	LINK_END_SILENT,    /* nothing moved for LINK_SILENCE_MAX */
	LINK_END_VIOLATION, /* the peer broke a rule; `why` names it */
	LINK_END_REJECTED,  /* the server refused our key, after a well-formed hello (rule 11) */
	LINK_END_REFUSED,   /* we refused the peer: wrong key, wrong mode, no common version */
	LINK_END_LOCAL,     /* the owner closed it */
};

/*
 * CONTROL messages that a peer may send: a session's 1,024 services and all answers at once, a few times
 * over; then what a client sends whose services are all refused, of the longest texts. A small one counts
 * as LINK_CONTROL_LEAST. Parsing takes up to 60 ns a byte: 3 % of a thread. In bytes, and a second.
 */
#define LINK_CONTROL_BURST (UINT64_C(4) << 20)
#define LINK_CONTROL_RATE  (UINT64_C(512) << 10)
#define LINK_CONTROL_LEAST 256

struct link;

/* All called from within link_input(), link_output(), link_tick() and stream functions. */
struct link_ops {
	/* Client: derive the key for this salt, off the loop, and call link_key(). */
	void (*salt)(struct link *l, const uint8_t salt[HELLO_SALT]);
	/*
	 * Server: the PSK with that id, TOKEN_PSK_SIZE bytes, or one that nobody has; copied. NULL: whoever names
	 * it is rejected as if its key were wrong, before anything is computed. Once per handshake.
	 */
	const uint8_t *(*find_psk)(struct link *l, const uint8_t id[TOKEN_ID_SIZE]);
	/* Both sides proved the key. `hello` is the peer's; streams and messages may go. */
	void (*up)(struct link *l, const struct control *hello);
	/* A message after the hello; control_take() makes it the owner's. */
	void (*control)(struct link *l, struct control *message);
	struct stream *(
		*open)(struct link *l, const struct frame_open *open, enum frame_reset *reason_out);
	void (*goaway)(struct link *l, uint8_t reason);
	/* link::silent has changed. NULL: the owner does not need it, and no PING is sent for it. */
	void (*silent)(struct link *l);
	/* There are bytes to write: call link_output() when the socket wants some. */
	void (*wake)(struct link *l);
};

/* Copied, but for what it points to, which must outlive the link (the preface need not). */
struct link_config {
	bool client;
	bool seal_waived;         /* --no-seal */
	struct mux_limits limits; /* for what we receive */
	struct budget *budget;
	struct budget_share *share;  /* of the session's links on this worker, or NULL */
	struct mux_streams *streams; /* where they are counted, or NULL */
	struct random_pool *random;  /* masking keys; the client's only */
	uint8_t salt[HELLO_SALT];    /* server */
	const uint8_t *instance;     /* CONTROL_INSTANCE bytes of this process */
	const uint8_t *resume;       /* client: CONTROL_SECRET bytes, or NULL */
	const char *version;         /* of the program */
	const char *
		remote; /* client: what it dialled, as a URL without a path; NULL: not to be said */
	const char *features; /* what this end can, as hello has it; NULL: nothing to say */
	bool tls13;           /* the connection is TLS 1.3; 1.2 counts as none (rule 8) */
	bool cb_given;        /* `cb` is its exporter value */
	uint8_t cb[HELLO_CB]; /* "tls-exporter" */
	/* Client: why the certificate could not be verified, a part of a sentence; NULL: it was, or there
	   is none. Such a link goes on only when it is bound (rule 9). */
	const char *unverified;
	const void *preface; /* what goes out before the first message: the 101 */
	size_t preface_size;
};

struct link {
	const struct link_ops *ops;
	struct link_config config;
	enum link_state state;
	enum link_end end;
	uint16_t close_code; /* of the WebSocket; 0 until it closes */
	char why[400];       /* part of a sentence, once closed */

	struct ws_rx ws;
	struct buf in, out;
	uint32_t output_max; /* LINK_OUTPUT_MAX, or less: link_pace() */
	struct mux mux;

	/* handshake */
	uint8_t version; /* enum hello_version, once chosen */
	uint8_t hello[HELLO_MAX];
	size_t hello_size;
	struct handshake handshake;
	struct hello_proof proof; /* ours */

	struct seal send, recv;
	bool sealed, bound;  /* as both ends agreed */
	bool send_confirmed; /* our first message, sealed in any case, went out */

	uint64_t began, last_alive, last_ping; /* µs */
	uint64_t last_heard; /* when a message came last: the peer itself, not its kernel, in µs */
	uint64_t last_moved; /* when there was something to read or write */

	uint64_t
		last_came; /* when a message came last, or a part of one: not what its kernel says */

	/* µs; what is before last_came has been answered */
	uint64_t expected_at; /* the first link_expect() since which nothing has come */
	uint64_t asked_at;    /* the first PING likewise */
	uint64_t silent_at;   /* when that has been unanswered for too long */
	bool doubted;         /* it has: what may wait in the socket is read first */
	bool silent;          /* and nothing was there */
	uint64_t control_due; /* when what came as control messages has been paid for, in µs */
};

/*
 * Begins after the 101. A server's hello is in the output at once, so that one write carries both.
 * 0 or -ENOMEM.
 */
int link_init(struct link *l, const struct link_ops *ops, const struct link_config *config,
	uint64_t now);

/* Ends every stream as LINK_LOST, wipes keys, frees. Accepts zeroed memory. Not in a callback. */
void link_deinit(struct link *l);

/* Client, in LINK_KEY: the key for the salt it was asked for; copied. */
void link_key(struct link *l, const struct token_key *key, uint64_t now);

/* Where to read to, and how much: 64 KiB or more once it is up. NULL when memory is out. */
uint8_t *link_room(struct link *l, size_t *n_out);

/* `n` bytes came there. 0, or -EPROTO when the link is closed now, with `end` and `why` set. */
int link_input(struct link *l, size_t n, uint64_t now);

/*
 * The bytes to write next, records being filled while few of them wait (link_pace()). 0: nothing.
 * Also of a closed link, which may owe its peer a last word.
 */
size_t link_output(struct link *l, const uint8_t **p_out, uint64_t now);
void link_sent(struct link *l, size_t n); /* so many of them were written */

/* The connection was seen to move `rate` bytes a second; 0: nothing is known yet. */
void link_pace(struct link *l, uint64_t rate);

/* Whether link_output() may have something. */
bool link_pending(const struct link *l);

/*
 * The kernel reports newly acknowledged bytes: a sign of life (rule 26). While others are `under_way`, a
 * PING may be among them, and has time.
 */
void link_alive(struct link *l, bool under_way, uint64_t now);

/*
 * The peer has something to answer from now on: when nothing of it comes for LINK_ASK_AFTER it is asked by
 * a PING, and when that is not answered either, the link is silent. True: link_deadline() has changed.
 */
bool link_expect(struct link *l, uint64_t now);
/* When link_tick() wants to be called, in µs. */
uint64_t link_deadline(const struct link *l);
int link_tick(struct link *l, uint64_t now); /* as link_input() */

/* Queues a message; as mux_control(), or -EINVAL for one that the peer would refuse. */
int link_send(struct link *l, const struct control *message);

/* Ends it: streams end as LINK_LOST, a WebSocket close frame is the last thing to write. */
void link_close(struct link *l, enum link_end end, const char *why, ...)
	__attribute__((format(printf, 3, 4)));

/* The same of a link that is up, with a GOAWAY before the last word, so that the peer knows the reason. */
void link_close_goaway(struct link *l, enum frame_goaway reason, uint64_t now, const char *why);

const char *link_state_name(enum link_state state);
