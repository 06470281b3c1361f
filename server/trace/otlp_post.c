/* SPDX-License-Identifier: MIT */
#include "server/trace/otlp_post.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/trace/otlp_conn.h"

/* Bytes of an answer that are read: its status stands in the first line. */
#define ANSWER_ROOM 512

/* The status line's; -errno. */
static int read_status(struct otlp_conn *c, struct error *err)
{
	char text[ANSWER_ROOM];
	size_t n = 0;
	while (n < sizeof(text) - 1 && !memchr(text, '\n', n)) {
		ssize_t got = otlp_conn_receive(c, text + n, sizeof(text) - 1 - n, err);
		if (got < 0)
			return (int)got;
		if (got == 0)
			return error_set(err, -ECONNRESET, "it closed the connection");
		n += (size_t)got;
	}
	text[n] = 0;
	unsigned status;
	if (sscanf(text, "HTTP/1.%*1[01] %3u", &status) != 1)
		return error_set(err, -EPROTO, "what answers is no HTTP server");
	return (int)status;
}

static int exchange(struct otlp_conn *c, const struct otlp_target *target, const char *fields,
	const char *body, size_t n, struct error *err)
{
	char *head;
	int head_n = asprintf(&head,
		"POST /v1/traces HTTP/1.1\r\n"
		"Host: %s\r\n"
		"User-Agent: tunnel\r\n"
		"Content-Type: application/json\r\n"
		"Content-Length: %zu\r\n"
		"Connection: close\r\n"
		"%s\r\n",
		target->authority, n, fields ? fields : "");
	if (head_n < 0)
		return error_set(err, -ENOMEM, "out of memory");
	int r = otlp_conn_send(c, head, (size_t)head_n, err);
	explicit_bzero(head, (size_t)head_n);
	free(head);
	if (r == 0)
		r = otlp_conn_send(c, body, n, err);
	return r < 0 ? r : read_status(c, err);
}

int otlp_post(const struct otlp_target *target, struct tls_client *tls, const char *fields,
	const char *body, size_t n, struct error *err)
{
	struct otlp_conn c;
	int status = otlp_conn_open(&c, target, tls, clock_now() + OTLP_TIMEOUT, err);
	if (status == 0)
		status = exchange(&c, target, fields, body, n, err);
	otlp_conn_close(&c);
	if (status < 0 || (status >= 200 && status < 300))
		return status < 0 ? status : 0;
	/* Those that OTLP has tried again. */
	bool later = status == 429 || (status >= 502 && status <= 504);
	return error_set(err, later ? -EAGAIN : OTLP_REFUSED, "it answers %d", status);
}
