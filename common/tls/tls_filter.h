/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * TLS as net/conn and net/conn_tls.c drive it: what the socket brought is fed in, what the socket
 * should get is taken out. Nothing here does I/O or keeps a descriptor.
 *
 * Not thread-safe: one thread at a time has a struct tls, as it has the connection.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tls/tls.h"

/* Plain bytes that one output holds: a link's full buffer is one system call. */
#define TLS_TURN     (128u << 10)
/* Plain bytes in one record, at most (RFC 8446, 5.1). */
#define TLS_RECORD   16384u
/* Header, nonce, type and tag of an AEAD record are 29 bytes at most; we offer nothing else. */
#define TLS_OVERHEAD 32u
/* Room for `n` plain bytes, with a record to spare for what TLS itself has to say. */
#define TLS_SINK(n)  ((n) + ((n) / TLS_RECORD + 2) * TLS_OVERHEAD)

/* ---- In ---- */

/* The peer's next bytes, borrowed until tls_keep(), which copies what was not used. */
void tls_feed(struct tls *tls, const void *p, size_t n);
/* 0 or -ENOMEM. */
int tls_keep(struct tls *tls);
/* Whether a read might give bytes without being fed first. */
bool tls_waiting(const struct tls *tls);

/* 0: it is over; -EAGAIN: more bytes are needed; -EPROTO: tls_complaint() says why. */
int tls_handshake(struct tls *tls);
bool tls_established(const struct tls *tls);
/* The owner's reason for ending a handshake. */
void tls_give_up(struct tls *tls, const char *why);

/* > 0 bytes; 0 the peer's close_notify; -EAGAIN: feed it; -EPROTO. n > 0. */
ssize_t tls_read(struct tls *tls, void *p, size_t n);
/* The same without taking anything: 1 for bytes. */
int tls_peek(struct tls *tls);

/* ---- Out ---- */

/*
 * Output goes to `p`, `cap` bytes, until the next tls_sent() moves what is left to memory of its own.
 * So the steady path allocates nothing. Only while nothing is pending.
 */
void tls_sink(struct tls *tls, void *p, size_t cap);
/* 0, and all was taken; or -EPROTO, -ENOMEM. n > 0. */
int tls_write(struct tls *tls, const void *p, size_t n);
/* Puts close_notify after what was written, once. */
void tls_end(struct tls *tls);
bool tls_ended(const struct tls *tls);

/* What is to be sent; 0 for nothing. */
size_t tls_output(const struct tls *tls, const uint8_t **p_out);
/* So much of it was. 0 or -ENOMEM. */
int tls_sent(struct tls *tls, size_t n);
