#pragma once
/* What conn.c, conn_tls.c and conn_linger.c do for each other, and nobody else. */
#include "net/conn.h"

/* ---- conn.c ---- */

/* recv() and send(), as the kernel answers them: bytes, 0, or -errno, which is not noted. */
ssize_t conn_receive(const struct conn *conn, void *p, size_t n);
ssize_t conn_send(struct conn *conn, const void *p, size_t n);
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

/* ---- conn_linger.c ---- */

/* Says good-bye; true: `conn` is empty now, because somebody else sends what is left. */
bool conn_tls_linger(struct conn *conn);
