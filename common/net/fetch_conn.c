/* SPDX-License-Identifier: MIT */
#include "net/fetch_conn.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "tls/tls_filter.h"

#define CHUNK (TLS_RECORD + 1024) /* of what TLS is fed: a whole record */

/* Until the socket can do it. 0 or -ETIMEDOUT. */
static int wait_for(const struct fetch_conn *c, short events)
{
	struct pollfd p = {.fd = c->fd, .events = events};
	for (;;) {
		uint64_t now = clock_now();
		int ms = now < c->deadline ? (int)((c->deadline - now) / CLOCK_MS + 1) : 0;
		int r = ms ? poll(&p, 1, ms) : 0;
		if (r > 0)
			return 0;
		if (r == 0 && !ms)
			return -ETIMEDOUT;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

/* ---- The socket ---- */

static int send_all(const struct fetch_conn *c, const uint8_t *p, size_t n)
{
	while (n) {
		if (clock_now() >= c->deadline)
			return -ETIMEDOUT;
		ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);
		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
			continue;
		}
		int r = errno == EAGAIN ? wait_for(c, POLLOUT) : errno == EINTR ? 0 : -errno;
		if (r < 0)
			return r;
	}
	return 0;
}

static ssize_t receive(const struct fetch_conn *c, void *p, size_t n)
{
	for (;;) {
		/* Whatever there is to be read: a peer could send without an end. */
		if (clock_now() >= c->deadline)
			return -ETIMEDOUT;
		ssize_t got = recv(c->fd, p, n, 0);
		if (got >= 0)
			return got;
		int r = errno == EAGAIN ? wait_for(c, POLLIN) : errno == EINTR ? 0 : -errno;
		if (r < 0)
			return r;
	}
}

static int dial(struct fetch_conn *c, const struct addrinfo *a)
{
	int error = 0;
	socklen_t size = sizeof(error);
	c->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return -errno;
	if (connect(c->fd, a->ai_addr, a->ai_addrlen) == 0)
		return 0;
	int r = errno == EINPROGRESS ? wait_for(c, POLLOUT) : -errno;
	if (r == 0 && getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0)
		r = -error;
	if (r < 0) {
		close(c->fd);
		c->fd = -1;
	}
	return r;
}

/* Each address has its share of the time, so that a silent one leaves some for the others. */
static int dial_any(struct fetch_conn *c, const struct addrinfo *list)
{
	const uint64_t deadline = c->deadline;
	int r = -EADDRNOTAVAIL;
	unsigned left = 0;
	for (const struct addrinfo *a = list; a; a = a->ai_next)
		left++;
	for (const struct addrinfo *a = list; a && c->fd < 0; a = a->ai_next, left--) {
		uint64_t now = clock_now();
		c->deadline = now < deadline ? now + (deadline - now) / (left + 1) : deadline;
		r = dial(c, a);
	}
	c->deadline = deadline;
	return c->fd < 0 ? r : 0;
}

/* ---- TLS ---- */

/* What TLS has to say goes out. */
static int flush(struct fetch_conn *c)
{
	const uint8_t *p;
	size_t n = tls_output(c->tls, &p);
	int r = send_all(c, p, n);
	return r < 0 ? r : tls_sent(c->tls, n);
}

/* 0; -ECONNRESET at the end; or another -errno. */
static int feed(struct fetch_conn *c)
{
	uint8_t chunk[CHUNK];
	ssize_t got = receive(c, chunk, sizeof(chunk));
	if (got <= 0)
		return got < 0 ? (int)got : -ECONNRESET;
	tls_feed(c->tls, chunk, (size_t)got);
	return tls_keep(c->tls);
}

static int handshake(struct fetch_conn *c, struct error *err)
{
	for (;;) {
		int done = tls_handshake(c->tls), r = flush(c);
		if (done == -EPROTO)
			return error_set(err, done, "%s", tls_complaint(c->tls));
		if (r == 0 && done == 0)
			return 0;
		if (r == 0)
			r = feed(c);
		if (r < 0)
			return error_set(err, r, "the TLS handshake fails: %s", strerror(-r));
	}
}

/* ---- Both ---- */

static int dial_address(struct fetch_conn *c, const struct address *at, const char *port)
{
	struct address with_port = *at;
	struct sockaddr_storage to;
	with_port.port = (uint16_t)strtoul(port, NULL, 10);
	struct addrinfo one = {.ai_addr = (struct sockaddr *)&to};
	one.ai_addrlen = address_to_sockaddr(&with_port, &to);
	one.ai_family = to.ss_family;
	return dial(c, &one);
}

static int dial_host(struct fetch_conn *c, const struct fetch_target *target, struct error *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list;
	int r = getaddrinfo(target->host, target->port, &hints, &list);
	if (r)
		return error_set(err, -EHOSTUNREACH, "cannot resolve %s: %s", target->host,
			gai_strerror(r));
	r = dial_any(c, list);
	freeaddrinfo(list);
	return r < 0 ? error_set(err, r, "%s", strerror(-r)) : 0;
}

int fetch_conn_open(struct fetch_conn *c, const struct fetch_target *target,
	const struct address *at, struct tls_client *tls, uint64_t deadline, struct error *err)
{
	*c = (struct fetch_conn){.fd = -1, .deadline = deadline};
	int r = at ? dial_address(c, at, target->port) : dial_host(c, target, err);
	if (at && r < 0)
		error_set(err, r, "%s", strerror(-r));
	if (r < 0 || !tls)
		return r;
	c->tls = tls_connect(tls, target->host, TLS_OFFER_HTTP1);
	return c->tls ? handshake(c, err) : error_set(err, -ENOMEM, "out of memory");
}

void fetch_conn_close(struct fetch_conn *c)
{
	c->tls = tls_free(c->tls);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

int fetch_conn_send(struct fetch_conn *c, const void *p, size_t n, struct error *err)
{
	const uint8_t *at = p;
	int r = c->tls ? 0 : send_all(c, at, n);
	for (size_t some; c->tls && r == 0 && n; at += some, n -= some) {
		some = MIN(n, (size_t)TLS_TURN);
		r = tls_write(c->tls, at, some);
		if (r == 0)
			r = flush(c);
	}
	return r < 0 ? error_set(err, r, "%s", strerror(-r)) : 0;
}

ssize_t fetch_conn_receive(struct fetch_conn *c, void *p, size_t n, struct error *err)
{
	ssize_t got = c->tls ? tls_read(c->tls, p, n) : receive(c, p, n);
	while (c->tls && got == -EAGAIN) {
		got = feed(c);
		if (got == 0)
			got = tls_read(c->tls, p, n);
	}
	if (got < 0)
		error_set(err, (int)got, "it does not answer: %s", strerror((int)-got));
	return got;
}
