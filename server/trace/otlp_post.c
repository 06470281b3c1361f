/* SPDX-License-Identifier: MIT */
#include "server/trace/otlp_post.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Bytes of an answer that are read: its status stands in the first line. */
#define ANSWER_ROOM 512

static int connect_to(const struct otlp_target *target, struct error *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list;
	int r = getaddrinfo(target->host, target->port, &hints, &list), fd = -1;
	if (r)
		return error_set(err, -EHOSTUNREACH, "cannot resolve %s: %s", target->host,
			gai_strerror(r));
	error_set(err, 0, "%s has no address", target->host);
	const struct timeval wait = {.tv_sec = OTLP_WAIT};
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0) {
			error_set(err, 0, "%m");
			continue;
		}
		/* On Linux the time for writing is that for connecting, too (socket(7)). */
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
		if (connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
			error_set(err, 0, "%m");
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd < 0 ? -EHOSTUNREACH : fd;
}

static int write_all(int fd, const char *p, size_t n, struct error *err)
{
	while (n) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
		if (sent < 0 && errno != EINTR)
			return error_set(err, -errno, "%m");
		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
		}
	}
	return 0;
}

/* The status line's; -errno. */
static int read_status(int fd, struct error *err)
{
	char text[ANSWER_ROOM];
	size_t n = 0;
	while (n < sizeof(text) - 1 && !memchr(text, '\n', n)) {
		ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return error_set(err, got < 0 ? -errno : -ECONNRESET,
				got < 0 ? "it does not answer: %m" : "it closed the connection");
		n += (size_t)got;
	}
	text[n] = 0;
	unsigned status;
	if (sscanf(text, "HTTP/1.%*1[01] %3u", &status) != 1)
		return error_set(err, -EPROTO, "what answers is no HTTP server");
	return (int)status;
}

int otlp_post(const struct otlp_target *target, const char *body, size_t n, struct error *err)
{
	auto_close int fd = connect_to(target, err);
	if (fd < 0)
		return fd;
	char head[1024];
	int head_n = snprintf(head, sizeof(head),
		"POST /v1/traces HTTP/1.1\r\n"
		"Host: %s\r\n"
		"User-Agent: tunnel\r\n"
		"Content-Type: application/json\r\n"
		"Content-Length: %zu\r\n"
		"Connection: close\r\n\r\n",
		target->authority, n);
	int r = write_all(fd, head, (size_t)head_n, err);
	if (r == 0)
		r = write_all(fd, body, n, err);
	int status = r < 0 ? r : read_status(fd, err);
	if (status < 0 || (status >= 200 && status < 300))
		return status < 0 ? status : 0;
	/* Those that OTLP has tried again. */
	bool later = status == 429 || (status >= 502 && status <= 504);
	return error_set(err, later ? -EAGAIN : OTLP_REFUSED, "it answers %d", status);
}
