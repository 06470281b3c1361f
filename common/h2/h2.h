/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * HTTP/2 (RFC 9113) on one connection, as its server or its client speaks it, by nghttp2 and without sockets: bytes
 * that came go in by h2_input(), bytes to be written are collected in `out`.
 *
 * HTTP/1 is the language on this side: a head that came is the text that HTTP/1.1 has for it, and the strict parser
 * of wire/http1.h is to judge it; a head that goes is given as such a text.
 *
 * What the peer sends of a body has its stream's window (H2_STREAM_WINDOW), which is given back as the owner
 * takes the bytes (h2_consume()); the connection's window is given back as they arrive. So a body that nobody
 * takes stops itself alone.
 *
 * This header has the words of a server: what a client sends of a request's body goes by h2_data(), h2_pass() and
 * h2_end() as well.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/str.h"
#include "h2/h2_head.h"

/* What each client sends first (RFC 9113, 3.4): its first line, as far as HTTP/1 reads it. */
#define H2_PREFACE "PRI * HTTP/2.0"

#define H2_STREAMS_MAX       128u        /* requests under way on a connection, as others have it */
#define H2_STREAM_WINDOW     (64u << 10) /* bytes of a body that may wait for their taker */
#define H2_CONNECTION_WINDOW (1024u << 10) /* bytes under way to us: given back as they come */
#define H2_GAPS              4             /* skipped stream ids that are remembered */
#define H2_ENDED             16            /* ended streams that are remembered */

/* Error codes (RFC 9113, 7) */
enum h2_error {
	H2_NO_ERROR = 0,
	H2_PROTOCOL_ERROR = 1,
	H2_INTERNAL_ERROR = 2,
	H2_STREAM_CLOSED = 5,
	H2_REFUSED_STREAM = 7, /* nothing was done: the client may send it again */
	H2_CANCEL = 8,
	H2_ENHANCE_YOUR_CALM = 11,
	H2_HTTP_1_1_REQUIRED = 13,
};

/* "CANCEL" */
const char *h2_error_name(uint32_t code);

struct h2;

/* A request and its response. Embedded in the owner's object; zeroed before. */
struct h2_stream {
	struct h2 *h2;
	int32_t id;
	struct list ready; /* h2::ready */
	struct buf held;   /* of the response: bytes that h2_pass() was given and nobody took yet */
	struct buf trailers; /* lines that follow the response's body */
	const uint8_t *now;  /* within h2_data(): what is left of its bytes */
	size_t now_n;
	uint64_t sent;  /* bytes of the response's body, so far */
	bool now_ends;  /* END_STREAM follows them */
	bool ends;      /* END_STREAM follows what is held */
	bool from_held; /* the DATA that is being written */
	bool blocked;   /* waits for a window: h2_ready() follows */
	bool head_only; /* client: the request is HEAD */
	bool answered;  /* client: the final head came: what follows is trailers */
	bool ended;     /* the peer has sent END_STREAM, or has reset it */
	bool done;      /* END_STREAM was written, or the stream was reset */
	bool closed;    /* ops->closed() was called */
	uint32_t code;  /* then: an error's, or H2_NO_ERROR */
};

struct h2_ops {
	/*
	 * Server: a request. Returns its stream; NULL: memory is out, and the request is refused. Runs within
	 * h2_input(), as data(), end() do: they may answer and reset, and free nothing.
	 */
	struct h2_stream *(*request)(struct h2 *h, const struct h2_message *r);
	/* Client: a head of the response, interim or final. If its `end` is set, it is all; as request() otherwise. */
	void (*response)(struct h2_stream *s, const struct h2_message *m);
	/* Bytes of the body; h2_consume() as many when they are taken. */
	void (*data)(struct h2_stream *s, const uint8_t *p, size_t n);
	/* What comes is whole. `trailers`: lines as in HTTP/1, each with its end, or empty. */
	void (*end)(struct h2_stream *s, struct str trailers);
	/*
	 * Both sides are done with it, or one has reset it: it is forgotten here, and nothing of it may be
	 * called any more. Runs within h2_input(), h2_output() and h2_data().
	 */
	void (*closed)(struct h2_stream *s);
};

struct nghttp2_session;

struct h2_gap {
	int32_t from, to;
};

#define H2_FRAME_HEAD 9 /* bytes (RFC 9113, 4.1) */

/* What h2_frames.c knows of the frames that came. */
struct h2_frames {
	uint32_t left; /* bytes of the present frame, or of the preface */
	bool open;     /* the head that frame is of goes on in another (CONTINUATION) */
	unsigned unit; /* number of the preface, frame or head that came last */
	uint8_t n_head, head[H2_FRAME_HEAD];
	int32_t last_id;         /* the highest that a request had */
	int32_t ended[H2_ENDED]; /* ids: nothing but an error comes on them */
	unsigned n_ended, n_gaps;
	struct h2_gap gaps[H2_GAPS];
};

/* Embedded in the owner's connection. */
struct h2 {
	struct nghttp2_session *session;
	const struct h2_ops *ops;
	struct buf out; /* to be written: the owner consumes it */
	struct h2_head head;
	struct h2_frames frames;
	struct list ready; /* streams that have room again: h2_ready() */
	size_t memory;     /* bytes that nghttp2 holds */
	unsigned requests; /* so far */
	bool client;       /* else it is the server */
	bool leaving; /* client: the peer's GOAWAY came. Requests that it does not serve were closed: REFUSED_STREAM */
	uint64_t now; /* µs: of the last h2_input() */
	uint64_t
		faults_gone; /* µs: when the streams that we reset for the peer's errors count no more */
	bool busy;           /* nghttp2 is at work: nothing is written from within */
	bool ending;         /* h2_goaway() was called, or an error ends the connection */
};

/* `h` is zeroed memory. `head_limit`: bytes of a head that comes. 0 or -ENOMEM; deinit it either way. */
int h2_init(struct h2 *h, const struct h2_ops *ops, size_t head_limit);
/* The same as the client. */
int h2_init_client(struct h2 *h, const struct h2_ops *ops, size_t head_limit);
/* Nothing is called: the owner's streams are its own to end. */
void h2_deinit(struct h2 *h);

/* For ops->request(): `s` is the stream of that id. */
void h2_stream_begin(struct h2_stream *s, struct h2 *h, int32_t id);

/* 0; < 0: the connection is of no more use. What answers the bytes is in `out` behind h2_output(). `now`: µs. */
int h2_input(struct h2 *h, const uint8_t *p, size_t n, uint64_t now);
/*
 * The number of the preface, frame or head that is not whole yet, of each another; 0: there is none, or it is DATA,
 * which has its stream's timeouts. What the owner bounds in time. Of a server.
 */
unsigned h2_unfinished(const struct h2 *h);
/* Moves to `out` what can be written now. 0 or < 0, as above. */
int h2_output(struct h2 *h);
/* A stream whose response has room again, once; NULL: there is none. */
struct h2_stream *h2_ready(struct h2 *h);
/* False: nothing is to come or to go any more, but what is in `out`. */
bool h2_alive(const struct h2 *h);
/* No request behind those that have come is served: the peer is told, and may send them elsewhere. */
void h2_goaway(struct h2 *h, enum h2_error code);
/* Bytes that it holds, `out` included. */
size_t h2_memory(const struct h2 *h);

/* So many bytes of what comes were taken. */
void h2_consume(struct h2_stream *s, size_t n);
/* From here on as many bytes may wait for their taker, if that is more than before. */
void h2_widen(struct h2_stream *s, size_t window);

/* How long a request's body is, as its head says. */
struct h2_framing {
	bool chunked;
	uint64_t length; /* without chunks */
};

/*
 * Client: a request, as an HTTP/1.1 head of `n` bytes, whole and judged, whose names are changed to lower case where they
 * stand; `scheme` is "http" or "https". `s` is zeroed, or one that was closed. 0; -ENOMEM, or -EPROTO: the connection takes
 * no more. `*framing_out` says of what the body is, which follows by h2_data() and the like, if there is one.
 */
int h2_ask(struct h2_stream *s, struct h2 *h, struct str scheme, uint8_t *text, size_t n,
	struct h2_framing *framing_out);

/*
 * The response's head, interim (1xx) or final: an HTTP/1.1 head, whose names are changed to lower case where they
 * stand. Fields of an HTTP/1 connection are left out. `end`: no body follows. 0; or < 0: the connection is of
 * no more use.
 */
int h2_answer(struct h2_stream *s, uint8_t *text, size_t n, bool end);
/*
 * Bytes of the body. How many were taken, as the windows allow: fewer, and the stream is blocked. `end`: the body
 * ends behind them, if all are taken. < 0: as h2_answer().
 */
ssize_t h2_data(struct h2_stream *s, const uint8_t *p, size_t n, bool end);
/* The same, but all of them are taken; until they are written the stream is blocked. 0 or -ENOMEM. */
int h2_pass(struct h2_stream *s, const uint8_t *p, size_t n);
/* The response ends behind what was given, and behind these lines of trailers, if any. 0 or -ENOMEM. */
int h2_end(struct h2_stream *s, struct str trailers);
/* Ends the stream at once. What was not written of it is forgotten. A client may also when its request is whole. */
void h2_reset(struct h2_stream *s, enum h2_error code);
/* Its connection is over: nothing is done for it any more, and ops->closed() is not called. */
void h2_stream_forget(struct h2_stream *s);
