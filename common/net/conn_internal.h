/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Shared by the files of a connection alone: conn_socket.c at the bottom, above it conn_tls.c, conn.c, and
 * conn_close.c on top.
 */
#include "net/conn.h"

/* ---- conn_socket.c ---- */

/* So that the loop has a queue for rechecks, with this call for those that are due. 0 or -ENOMEM. */
int conn_rechecks_init(struct loop *loop,
	void (*expired)(struct timeout_queue *queue, struct timeout *entry));
/* recv(), send() and sendmsg(), as the kernel answers them: bytes, 0, or -errno, which is not noted. */
ssize_t conn_receive(const struct conn *conn, void *p, size_t n);
ssize_t conn_send(struct conn *conn, const void *p, size_t n);
ssize_t conn_send_many(struct conn *conn, const struct iovec *iov, size_t n);
/* Notes what sending `len` bytes came to, `sent` being the kernel's answer, and returns it. */
ssize_t conn_wrote(struct conn *conn, ssize_t sent, size_t len);
/* Keeps the error; returns -error. */
ssize_t conn_failed(struct conn *conn, int error);
/* A short read, of n bytes: the socket is dry unless an edge came meanwhile. Whether it may have more. */
bool conn_emptied(struct conn *conn, size_t n);

/* ---- conn_tls.c ---- */

/* What conn_event() has to tell of what happened, if anything. */
short conn_tls_event(struct conn *conn, short what);
/* It has a loop now. */
void conn_tls_begin(struct conn *conn);
ssize_t conn_tls_read(struct conn *conn, void *p, size_t n);
ssize_t conn_tls_writev(struct conn *conn, const struct iovec *iov, size_t n);
enum conn_peek conn_tls_peek(struct conn *conn);
int conn_tls_shutdown(struct conn *conn);
/* Whether TLS has something for the socket. */
bool conn_tls_pending(const struct conn *conn);
/* One system call. 1: all is sent; 0: some waits for the socket; or -errno, which is kept. */
int conn_tls_flush(struct conn *conn);

/* ---- conn_close.c ---- */

/* Those of a loop that are closed and still have something to send. */
struct conn_lingers {
	struct loop_slot slot;
	struct timeout_queue queue;
	size_t count;
};
/* NULL: there was none yet. */
struct conn_lingers *conn_lingers(struct loop *loop);
