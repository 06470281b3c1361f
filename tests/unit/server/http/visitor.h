/* SPDX-License-Identifier: MIT */
#pragma once
/* A visitor of HTTP/1 on a socket, and a made-up client. */
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macros.h"
#include "link/upgrade.h"
#include "server/http/h1_conn.h"

#define GET   "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define NONE  "GET / HTTP/1.1\r\nHost: none.test\r\n\r\n"
#define TURNS 20 /* more than anything here needs */

struct visitor {
	struct scene *scene;
	struct fake_client *client; /* of a.test */
	struct h1_conn *conn;
	int fd; /* the visitor's end */
	char got[1u << 20];
	size_t n;
	bool ended; /* got the server's end */
	bool reset;
};

static inline int setup(void **state)
{
	static char path[] = UPGRADE_PATH;
	struct visitor *v = calloc(1, sizeof(*v));
	assert_non_null(v);
	v->scene = scene_new();
	v->scene->options.control_path = path;
	v->client = fake_client_new(v->scene, "a.test", NULL);
	*state = v;
	return 0;
}

static inline void turns(struct visitor *v)
{
	for (unsigned i = 0; i < TURNS; i++)
		scene_turn(v->scene);
}

static inline void enter(struct visitor *v, const char *early)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	struct accepted_conn a = {.detached = DETACHED_CONN_OF(fds[1])};
	a.listener = (struct listener_config){.links = true, .visits = true, .port = 80};
	assert_true(address_parse(STR("192.0.2.1:5"), &a.peer));
	assert_true(address_parse(STR("192.0.2.9:80"), &a.local));
	if (early)
		assert_int_equal(buf_append(&a.early, early, strlen(early)), 0);
	v->fd = fds[0];
	h1_conn_enter(&v->scene->worker, &a);
	v->conn = list_entry(v->scene->http.conns.prev, struct h1_conn, link);
	turns(v);
}

static inline bool is_open(const struct visitor *v)
{
	return !list_empty(&v->scene->http.conns);
}

static inline int teardown(void **state)
{
	struct visitor *v = *state;
	while (is_open(v))
		h1_conn_close(list_entry(v->scene->http.conns.next, struct h1_conn, link), true);
	turns(v);
	if (v->fd)
		close(v->fd);
	fake_client_free(v->client);
	scene_free(v->scene);
	free(v);
	return 0;
}

static inline void send_bytes(struct visitor *v, const char *p, size_t n)
{
	while (n) {
		ssize_t sent = write(v->fd, p, n);
		if (sent < 0 && errno == EAGAIN)
			sent = 0;
		assert_true(sent >= 0);
		p += sent;
		n -= (size_t)sent;
		turns(v);
	}
}

static inline void say(struct visitor *v, const char *text)
{
	send_bytes(v, text, strlen(text));
}

/* Everything since the last call, as text. */
static inline const char *hear(struct visitor *v)
{
	turns(v);
	v->n = 0;
	ssize_t n;
	while ((n = read(v->fd, v->got + v->n, sizeof(v->got) - 1 - v->n)) > 0) {
		v->n += (size_t)n;
		turns(v);
	}
	v->ended = n == 0;
	v->reset = n < 0 && errno != EAGAIN;
	v->got[v->n] = '\0';
	return v->got;
}

static inline void answer(struct visitor *v, const char *text)
{
	fake_client_read(v->client);
	fake_client_answer(v->client, text);
}
