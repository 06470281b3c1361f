/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A client of HTTP/2 for an owner that speaks HTTP/1.1: one exchange after another on a connection, without
 * sockets. The request's bytes go in as HTTP/1.1 has them, the response's come out so, and the owner reads them as
 * those of an HTTP/1.1 server: its parser stays their judge.
 *
 * The connection's windows are those of its one stream, which are given back as the owner takes the response
 * (h2_client_taken()): so what waits for it is at most a window, and frames that others need are never behind it.
 */
#include "h2/h2.h"
#include "wire/http1_chunks.h"

/* How an exchange stands. All that is true of it is so behind what `answer` holds. */
enum h2_client_outcome {
	H2_CLIENT_OPEN,  /* more is to come */
	H2_CLIENT_WHOLE, /* the response is whole */
	H2_CLIENT_REFUSED, /* nothing was done for the request: it may be sent again on another connection */
	H2_CLIENT_RESET, /* the peer has ended the stream: h2_client::stream.code says why */
	H2_CLIENT_BROKEN, /* what came is no HTTP/2, or no message: h2_client::error; the connection is of no use */
};

enum h2_client_state {
	H2_CLIENT_IDLE,
	H2_CLIENT_HEAD, /* the request's head is not whole yet */
	H2_CLIENT_BODY, /* its body follows */
	H2_CLIENT_SENT, /* all of the request was given */
};

/* Embedded, or on the heap; zeroed before. */
struct h2_client {
	struct h2 h2;
	struct h2_stream stream; /* of the present exchange, or of the last one */
	enum h2_client_state state;
	struct str scheme;
	struct buf head;           /* of a request that comes in pieces; then its trailers */
	struct h2_framing framing; /* its body: bytes of it that are left */
	struct http1_chunks chunks;
	struct buf
		answer; /* the response as HTTP/1.1: what the owner has not taken. By h2_client_taken() */
	size_t owed;  /* bytes of its body in there, whose window is to be given back */
	size_t limit; /* bytes of a response's head */
	bool chunked; /* the response's body */
	bool whole;   /* all of the response is in `answer`, or was */
	bool broken;
	int error;          /* an HTTP1_E_*: what was wrong with what came */
	unsigned exchanges; /* so far */
};

/* `head_limit`: bytes of a response's head. 0 or -ENOMEM; deinit it either way. */
int h2_client_init(struct h2_client *c, size_t head_limit);
void h2_client_deinit(struct h2_client *c);

/* A request follows: while none is under way. `scheme`: a literal, "http" or "https". */
void h2_client_begin(struct h2_client *c, struct str scheme);
/* Whether bytes of the request are wanted now: not while what was given waits for the peer's windows. */
bool h2_client_hungry(struct h2_client *c);
/*
 * Bytes of the request, in any pieces, which are changed where they stand: a judged HTTP/1.1 head, and a body as that
 * says, in canonical chunks if in chunks. 0, or < 0: the connection is of no use.
 */
int h2_client_ask(struct h2_client *c, uint8_t *p, size_t n);
/* Moves to `h2.out` what can be written now; the owner consumes it. 0 or < 0, as above. */
int h2_client_output(struct h2_client *c);

/* Whether the peer is to get something, or bytes of the request are wanted: not while there is nothing to do. */
bool h2_client_pending(struct h2_client *c);

/* Bytes of the peer's: `answer` and the outcome may be others then. `now`: µs. */
void h2_client_input(struct h2_client *c, const uint8_t *p, size_t n, uint64_t now);
enum h2_client_outcome h2_client_outcome(const struct h2_client *c);
/*
 * The owner took bytes out of `answer`, of which so many are `left` for it; at most `window` may wait there from here on, if
 * that is more.
 */
void h2_client_taken(struct h2_client *c, size_t left, size_t window);

/*
 * The exchange is over for the owner: what is left of it is reset (CANCEL) and forgotten. False: no other can follow
 * on this connection.
 */
bool h2_client_end(struct h2_client *c);
/* Whether another exchange can begin, as far as is known. */
bool h2_client_usable(const struct h2_client *c);

/* Bytes that it holds beside itself. */
size_t h2_client_memory(const struct h2_client *c);
