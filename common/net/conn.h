/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A connected, non-blocking stream socket with one edge-triggered event, registered once. What the
 * kernel told is kept in flags until a call proves them wrong; so a reader that is full simply does
 * not read, which costs nothing.
 *
 * For the owner, `writable` says whether to write, and three flags what there is to read:
 *
 *	readable  fin_received  read_ended
 *	   no         no            no       nothing: wait for changed()
 *	   yes        no            no       bytes, or an error: read
 *	   yes        yes           no       bytes, and the end behind them: read until that comes
 *	   no         any           yes      over: each read tells the end, or the error, again
 *	   yes        any           yes      TLS alone: over, and the owner has not read that yet
 *
 * The kernel tells each edge once. A read that returns less than asked for has emptied the socket, and
 * turns `readable` off without a second call (epoll(7)), unless FIN has come. `edge_pending` is for an
 * edge that came before that read, with `readable` on: it may be for what the read did not see, and so
 * `readable` stays on once more. What both could miss (a reset that merged with the data before it) is
 * looked for once a second.
 *
 * With TLS, `socket_readable` follows these rules, and `readable` is on as well while decrypted bytes, or
 * encrypted ones that were received, wait in TLS. During the handshake `readable` and `writable` are off.
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "loop/loop.h"
#include "loop/timeouts.h"

/* How late the reset described above may be noticed on a connection without writes, µs. */
#define CONN_RECHECK     (1 * CLOCK_S)
/*
 * How long a closed TLS connection whose peer takes nothing goes on sending what it had accepted, µs, and
 * how many of them a loop has, with up to 128 KiB each. The kernel does the same for plain text, for longer.
 * The window of a slow reader may open but once a minute (--visitor-stalled).
 */
#define CONN_LINGER      (75 * CLOCK_S)
#define CONN_LINGERS_MAX 256

/*
 * A peer with Nagle's algorithm (RFC 896) holds back what follows a small write until that is acknowledged,
 * which the kernel, once we have answered anything, does not do by itself for 40 ms. So a read of at most
 * so many bytes (two segments, which the kernel acknowledges at once, and their options), behind which the
 * socket is dry, may be acknowledged at once. That is a system call and a packet, for nothing where an answer
 * goes out anyway: after so many in a row of those it is not done again, until bytes come twice without an
 * answer between them.
 */
#define CONN_ACK_SMALL 4096
#define CONN_ACK_TRIES 7

struct tls;

/* What a connection is without its loop: what goes from one owner, or loop, to another. */
struct detached_conn {
	int fd;          /* owned; -1: none */
	struct tls *tls; /* owned; NULL: plain text (tls/tls.h) */
};

#define DETACHED_CONN_NULL    ((struct detached_conn){.fd = -1})
#define DETACHED_CONN_OF(num) ((struct detached_conn){.fd = (num)})

/* Closes what is in it, at once: what TLS still had to send is lost, and the peer can tell. */
void detached_conn_close(struct detached_conn *detached);

struct conn {
	struct loop_event event;
	struct timeout recheck; /* runs after a short read */
	struct loop *loop;
	struct tls *tls; /* owned; NULL: plain text */
	void (*changed)(struct conn *conn);
	int fd;            /* owned; -1 when closed or taken */
	uint16_t error;    /* errno of the failure that ended it, told again on each call; 0 none */
	bool readable : 1; /* bytes, the end or an error may be waiting */
	bool writable : 1; /* there may be room */
	bool fin_received : 1; /* the kernel told of the peer's FIN; bytes before it may be unread */
	bool read_ended : 1;   /* a read has met the end, or an error: no read gives bytes again */
	bool edge_pending : 1;    /* an edge came while `readable` was on */
	bool socket_readable : 1; /* TLS: `readable` of the socket alone */
	bool ack_early : 1;       /* conn_ack_early() */
	bool unanswered : 1; /* a small read was acknowledged, or not, and nothing was written since */
	uint8_t ack_tries : 3; /* small reads that are acknowledged at once, though answered ones may follow */
};
static_assert(sizeof(struct conn) <= 184, "there is one per visitor, stream and link");

/*
 * Owns `fd` from here on, also on failure (-ENOMEM), when it is closed. All flags are off until the
 * next turn tells; an owner that knows the socket to be connected may call conn_assume_writable().
 *
 * `changed` runs from within the poll, when a flag turned on, and when one that is on was told again
 * and may stand for an error by now. It should note it and defer the work.
 */
int conn_init(struct conn *conn, struct loop *loop, int fd, void (*changed)(struct conn *conn));
/* The same for one that comes from elsewhere; its TLS goes on where it was, in the handshake too. */
int conn_attach(struct conn *conn, struct loop *loop, struct detached_conn detached,
	void (*changed)(struct conn *conn));
/*
 * Acknowledges small segments at once where nothing goes back at once (CONN_ACK_SMALL). For peers that are
 * not ours: they may use Nagle's algorithm.
 */
void conn_ack_early(struct conn *conn);
/* `writable` on before the loop tells, unless TLS has a handshake or output of its own before that. */
void conn_assume_writable(struct conn *conn);

/*
 * > 0 bytes; 0 the peer's end (and `readable` is off); -EAGAIN; any other -errno is final. n > 0.
 * The peer's end on TLS is its close_notify; without one it is -ECONNRESET (rule 24), and what is no
 * TLS is -EPROTO.
 */
ssize_t conn_read(struct conn *conn, void *p, size_t n);

/*
 * Whether the kernel wants more at this moment; if not, `writable` turns off until it does. An owner that
 * keeps little unsent (socket_limit_unsent()) has to ask before each write: the kernel checks that limit
 * when it begins a packet train, and takes up to 64 KiB for the one it has begun.
 */
bool conn_wants(struct conn *conn);

/*
 * Bytes written, perhaps fewer than asked for, which turns `writable` off; -EAGAIN; or -errno. TLS
 * takes up to TLS_TURN bytes more than the socket does, and none while some of those wait.
 */
ssize_t conn_write(struct conn *conn, const void *p, size_t n);
ssize_t conn_writev(struct conn *conn, const struct iovec *iov, size_t n); /* n <= IOV_MAX */

/*
 * What a kept, idle connection has to say before it is used again (rule 37), poll or no poll. What TLS
 * has to say for itself (tickets, new keys) is not counted.
 */
enum conn_peek { CONN_SILENT, CONN_BYTES, CONN_ENDED /* FIN or an error */ };
enum conn_peek conn_peek(struct conn *conn);

/*
 * Whether an error ended the connection, mostly a reset. It is found even before unread bytes, or after the
 * peer's FIN, when reads tell nothing any more. One system call.
 */
bool conn_broken(struct conn *conn);

/*
 * Whether the peer's kernel has acknowledged `least` bytes more than `*acked`, which is brought up to date
 * then. One system call; where the kernel does not tell, true.
 */
bool conn_acknowledged(const struct conn *conn, uint64_t least, uint64_t *acked);

/* Sends what was written, then close_notify with TLS, then FIN. 0 or -errno. */
int conn_shutdown_write(struct conn *conn);

/*
 * No callback comes any more. A conn that is zero or closed is fine. What TLS has accepted, and
 * close_notify, are still sent afterwards (CONN_LINGER).
 */
void conn_close(struct conn *conn);
/* Closes with RST: the peer must not take what it got for the whole (rule 24). */
void conn_abort(struct conn *conn);
/*
 * TLS from here on; `tls` (tls/tls.h) is owned. `early` are bytes of the peer's that were read already.
 * During the handshake both flags are off, reads and writes are -EAGAIN; changed() runs when it is over,
 * or failed (-EPROTO to every call then, tls_complaint() says why). 0 or -ENOMEM.
 */
int conn_start_tls(struct conn *conn, struct tls *tls, const void *early, size_t n);
/* Bytes of memory that TLS takes for it, beside the struct; 0 for plain text. */
size_t conn_memory(const struct conn *conn);
/* Whether bytes can pass: plain text, or TLS whose handshake succeeded. */
bool conn_established(const struct conn *conn);

/* Out of its loop, and now the caller's: for conn_attach() elsewhere, where flags are told anew. */
struct detached_conn conn_detach(struct conn *conn);
