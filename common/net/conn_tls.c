/* SPDX-License-Identifier: MIT */
/*
 * A connection with TLS in it. `socket_readable` is what the kernel told, `readable` adds what
 * waits in TLS, decrypted or not: the kernel tells of bytes once, and we have taken them by then.
 *
 * Ciphertext passes through the stack on its way, in both directions, and only what one side has no
 * room for is copied to memory of the connection's own.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/macros.h"
#include "net/conn_internal.h"
#include "tls/tls.h"
#include "tls/tls_filter.h"

/* Bytes asked of the socket at once: at least one whole record, at most what four take. */
#define CHUNK_MIN (TLS_RECORD + 1024)
#define CHUNK_MAX (64u << 10)
/*
 * Bytes for the socket that may wait: a turn of writing, and as much as TLS has to say by itself to a
 * peer that is slow. Each request for new keys is answered; who sends them and takes no answer would
 * fill the memory.
 */
#define OWED_MAX  (TLS_SINK(TLS_TURN) + (16u << 10))
/* Reads of a handshake or a look per turn. A peer may send records for ever in which nothing is. */
#define READS_MAX 16

#define ENDED_EARLY "it ended the connection during the TLS handshake"

bool conn_tls_pending(const struct conn *conn)
{
	const uint8_t *p;
	return tls_output(conn->tls, &p) > 0;
}

int conn_tls_flush(struct conn *conn)
{
	const uint8_t *p;
	size_t n = tls_output(conn->tls, &p);
	if (n == 0) {
		tls_sent(conn->tls, 0);
		return 1;
	}
	ssize_t sent = conn_send(conn, p, n);
	if (sent < 0 && sent != -EAGAIN) {
		tls_sent(conn->tls, n);
		return (int)conn_failed(conn, (int)-sent);
	}
	if (tls_sent(conn->tls, sent > 0 ? (size_t)sent : 0) < 0)
		return (int)conn_failed(conn, ENOMEM);
	if (sent < 0 || (size_t)sent < n) {
		conn->writable = false;
		return 0;
	}
	if (tls_ended(conn->tls))
		shutdown(conn->fd, SHUT_WR);
	return 1;
}

/* > 0 bytes that TLS was fed; 0 the socket's end; -EAGAIN; or -errno, which is kept. */
static ssize_t fill(struct conn *conn, void *chunk, size_t n)
{
	ssize_t got = conn_receive(conn, chunk, n);
	if (got == -EAGAIN)
		conn->socket_readable = conn->edge_pending = false;
	if (got < 0 && got != -EAGAIN) {
		conn->read_ended = true;
		return conn_failed(conn, (int)-got);
	}
	if (got <= 0)
		return got;
	tls_feed(conn->tls, chunk, (size_t)got);
	if ((size_t)got < n && !conn->fin_received)
		conn->socket_readable = conn_emptied(conn, (size_t)got);
	return got;
}

static ssize_t fatal(struct conn *conn, int error)
{
	conn->read_ended = true;
	return conn_failed(conn, error);
}

/*
 * FIN where close_notify should have been: half a file may look like this. EPIPE, which we have when the
 * peer did not want what we sent, must not hide it.
 */
static ssize_t truncated(struct conn *conn)
{
	if (conn->error == EPIPE)
		conn->error = 0;
	return fatal(conn, ECONNRESET);
}

/* Behind whatever read: nothing of the peer's is lost, nothing of ours is kept back. */
static int settle(struct conn *conn)
{
	int r = tls_keep(conn->tls) < 0 ? (int)fatal(conn, ENOMEM) : 0;
	const uint8_t *p;
	if (conn_tls_pending(conn))
		conn_tls_flush(conn);
	if (tls_output(conn->tls, &p) > OWED_MAX)
		r = (int)fatal(conn, EPROTO);
	conn->readable = conn->socket_readable || conn->read_ended || tls_waiting(conn->tls);
	return r;
}

/* ---- The handshake ---- */

static void give_up(struct conn *conn, int error)
{
	bool gone = error == 0 || error == ECONNRESET || error == EPIPE;
	tls_give_up(conn->tls, gone ? ENDED_EARLY : strerror(error));
}

/* As tls_handshake(). */
static int step(struct conn *conn)
{
	uint8_t chunk[CHUNK_MIN];
	int r;
	for (int i = 0; (r = tls_handshake(conn->tls)) == -EAGAIN && conn->socket_readable; i++) {
		if (i == READS_MAX) {
			loop_tell(&conn->event, LOOP_READ);
			break;
		}
		ssize_t got = fill(conn, chunk, sizeof chunk);
		if (got == -EAGAIN)
			break;
		if (got <= 0) {
			give_up(conn, (int)-got);
			return -EPROTO;
		}
		/* Nobody else reads now, who would find a reset that a short read has hidden. */
		conn->socket_readable = true;
	}
	if (tls_keep(conn->tls) < 0) {
		give_up(conn, ENOMEM);
		return -EPROTO;
	}
	return r;
}

/* Closing a socket with bytes in it is a reset, and that overtakes the alert that says why. */
static void drain(struct conn *conn)
{
	uint8_t chunk[CHUNK_MIN];
	for (int i = 0; i < READS_MAX && conn_receive(conn, chunk, sizeof chunk) > 0; i++)
		;
}

static void handshake(struct conn *conn)
{
	int r = step(conn);
	int sent = conn_tls_flush(conn);
	if (sent < 0 && r != -EPROTO) {
		give_up(conn, -sent);
		r = -EPROTO;
	}
	if (r == -EAGAIN)
		return;
	if (r < 0) {
		drain(conn);
		conn->error = EPROTO;
		conn->read_ended = conn->readable = true;
	} else {
		conn->readable = conn->socket_readable || tls_waiting(conn->tls);
		conn->writable = sent == 1;
	}
	conn->changed(conn);
}

static bool shaking_hands(const struct conn *conn)
{
	return !tls_established(conn->tls) && !conn->read_ended;
}

/* ---- For conn.c ---- */

bool conn_established(const struct conn *conn)
{
	/* A handshake may end well here, and its last message find nobody. */
	return !conn->tls || (tls_established(conn->tls) && !conn->error);
}

size_t conn_memory(const struct conn *conn)
{
	return conn->tls ? tls_memory(conn->tls) : 0;
}

void conn_assume_writable(struct conn *conn)
{
	conn->writable = !conn->tls || (tls_established(conn->tls) && !conn_tls_pending(conn));
}

int conn_start_tls(struct conn *conn, struct tls *tls, const void *early, size_t n)
{
	conn->tls = tls;
	conn->readable = conn->writable = conn->edge_pending = false;
	if (n)
		tls_feed(tls, early, n);
	if (tls_keep(tls) < 0)
		return -ENOMEM;
	conn_tls_begin(conn);
	return 0;
}

void conn_tls_begin(struct conn *conn)
{
	if (tls_established(conn->tls) && !tls_waiting(conn->tls))
		return; /* the loop tells what there is */
	conn->socket_readable = true;
	conn->readable = tls_established(conn->tls);
	loop_tell(&conn->event, LOOP_READ);
}

short conn_tls_event(struct conn *conn, short what)
{
	if (what & (LOOP_READ | LOOP_CLOSED))
		conn->socket_readable = true;
	if (what & LOOP_CLOSED)
		conn->fin_received = true;
	if (shaking_hands(conn)) {
		handshake(conn);
		return 0; /* it may be gone by now */
	}
	if (what & LOOP_WRITE) {
		int r = conn_tls_flush(conn);
		if (r < 0)
			what |= LOOP_READ; /* where its owner looks for the error */
		if (r <= 0)
			what &= ~LOOP_WRITE;
	}
	return what;
}

ssize_t conn_tls_read(struct conn *conn, void *p, size_t n)
{
	if (shaking_hands(conn))
		return -EAGAIN;
	uint8_t chunk[CHUNK_MAX];
	size_t got = 0, budget = n + CHUNK_MAX;
	ssize_t r;
	for (;;) {
		r = tls_read(conn->tls, (char *)p + got, n - got);
		if (r > 0) {
			got += (size_t)r;
			if (got == n)
				break;
			continue;
		}
		/* A socket that is known to be dry is asked only by who has nothing else. */
		if (r != -EAGAIN || (got && !conn->socket_readable))
			break;
		if (!budget) {
			loop_tell(&conn->event, LOOP_READ);
			break;
		}
		size_t want = MIN(MAX(n - got, CHUNK_MIN), sizeof chunk);
		r = fill(conn, chunk, want);
		if (r == 0 && !got)
			r = truncated(conn); /* else the next call finds it */
		if (r <= 0)
			break;
		budget -= MIN(budget, (size_t)r);
	}
	if (r == 0 && !got)
		conn->read_ended = true;
	if (r == -EPROTO)
		fatal(conn, EPROTO);
	int kept = settle(conn);
	if (r == 0)
		conn->readable = true; /* there is an end to be told */
	if (got)
		return (ssize_t)got;
	if (conn->read_ended)
		conn->readable = false;
	return kept < 0 ? kept : r;
}

/* What is left of an array of pieces. */
struct pieces {
	const struct iovec *iov;
	size_t n, offset; /* in the first of them */
};

/* Encrypts up to a turn of it. Bytes, or -errno. */
static ssize_t encrypt(struct tls *tls, struct pieces *left)
{
	size_t done = 0;
	while (left->n && done < TLS_TURN) {
		const uint8_t *p = (const uint8_t *)left->iov->iov_base + left->offset;
		size_t rest = left->iov->iov_len - left->offset;
		size_t n = MIN(rest, TLS_TURN - done);
		int r = n ? tls_write(tls, p, n) : 0;
		if (r < 0)
			return r;
		done += n;
		left->offset += n;
		if (n == rest) {
			left->iov++;
			left->n--;
			left->offset = 0;
		}
	}
	return (ssize_t)done;
}

/* Not inlined: its frame is 130 KiB, which small writes should not pay for. */
__attribute__((noinline)) static ssize_t write_many(struct conn *conn, struct pieces left)
{
	uint8_t sink[TLS_SINK(TLS_TURN)];
	size_t accepted = 0;
	int sent;
	do {
		tls_sink(conn->tls, sink, sizeof sink);
		ssize_t turn = encrypt(conn->tls, &left);
		sent = conn_tls_flush(conn); /* what was encrypted before it failed, too */
		if (turn < 0 && sent >= 0)
			sent = (int)conn_failed(conn, (int)-turn);
		if (sent < 0)
			return sent;
		accepted += (size_t)turn;
	} while (sent == 1 && left.n);
	return (ssize_t)accepted;
}

/* A head and the first bytes behind it need not be two records; nor is there need of a large frame. */
static ssize_t write_one(struct conn *conn, const struct iovec *iov, size_t n)
{
	uint8_t sink[TLS_SINK(TLS_RECORD)], joined[TLS_RECORD];
	size_t len = 0;
	for (size_t i = 0; i < n; i++) {
		if (iov[i].iov_len)
			memcpy(joined + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	tls_sink(conn->tls, sink, sizeof sink);
	int r = len ? tls_write(conn->tls, joined, len) : 0;
	int sent = conn_tls_flush(conn);
	if (r < 0 && sent >= 0)
		sent = (int)conn_failed(conn, -r);
	return sent < 0 ? sent : (ssize_t)len;
}

ssize_t conn_tls_writev(struct conn *conn, const struct iovec *iov, size_t n)
{
	if (shaking_hands(conn))
		return -EAGAIN;
	if (tls_ended(conn->tls))
		return -EPIPE;
	if (conn_tls_pending(conn)) {
		conn->writable = false;
		return -EAGAIN;
	}
	size_t len = 0;
	for (size_t i = 0; i < n; i++)
		len += iov[i].iov_len;
	return len <= TLS_RECORD ? write_one(conn, iov, n)
				 : write_many(conn, (struct pieces){.iov = iov, .n = n});
}

enum conn_peek conn_tls_peek(struct conn *conn)
{
	if (shaking_hands(conn) || conn->read_ended)
		return conn->error || conn->read_ended ? CONN_ENDED : CONN_SILENT;
	uint8_t chunk[CHUNK_MIN];
	ssize_t r;
	for (int i = 0; (r = tls_peek(conn->tls)) == -EAGAIN && i < READS_MAX; i++) {
		r = fill(conn, chunk, sizeof chunk);
		if (r <= 0)
			break;
	}
	if (r == -EPROTO)
		fatal(conn, EPROTO);
	int kept = settle(conn);
	if (kept < 0)
		r = kept;
	if (r == 0)
		conn->socket_readable = conn->readable = true; /* for who reads it */
	if (r > 0)
		return CONN_BYTES;
	return r == -EAGAIN && !conn->error ? CONN_SILENT : CONN_ENDED;
}

int conn_tls_shutdown(struct conn *conn)
{
	if (shaking_hands(conn))
		return -ENOTCONN;
	tls_end(conn->tls);
	int r = conn_tls_flush(conn);
	return r < 0 ? r : 0;
}
