/* SPDX-License-Identifier: MIT */
#pragma once
/* Two connections over real sockets, with TLS between them. */
#include "certs.h"

#include <errno.h>
#include <fcntl.h>

#include "base/macros.h"
#include "net/conn_internal.h"
#include "net/socket.h"
#include "tls/tls_internal.h"
#include "tests/unit/emulated.h"

#define PATIENCE (5 * CLOCK_S)

static struct loop *loop;
static struct conn a, b; /* client, server */
static int changes;
static struct tls_server *server;
static struct tls_client *client;
static char big[1u << 20];

static inline void changed(struct conn *c)
{
	changes++;
}

static inline void nothing(struct loop_task *task)
{
}

/* A turn that does not wait. */
static inline void turn(void)
{
	struct loop_task task;
	loop_task_init(&task, nothing);
	loop_defer(loop, LOOP_PHASE_REAP, &task);
	loop_turn(loop);
}

static inline void turns(void)
{
	for (int i = 0; i < 8; i++)
		turn();
}

static inline int group_setup(void **state)
{
	if (test_dir_make(state) < 0)
		return -1;
	struct test_cert c = test_cert("x", "DNS:a.example", -1, 9, NULL);
	char *path = (char *)(uintptr_t)test_write("a.pem", &c, &c, NULL, 0600);
	struct tls_server_config config = {.certs = &path, .n_certs = 1};
	struct error err;
	server = tls_server_new(&config, &err);
	client = tls_client_new(&(struct tls_client_config){.ca = path}, &err);
	test_cert_free(&c);
	return server && client ? 0 : -1;
}

static inline int group_teardown(void **state)
{
	tls_server_unref(server);
	tls_client_unref(client);
	return test_dir_remove(state);
}

static inline int setup(void **state)
{
	int fds[2];
	test_tcp_pair(fds);
	socket_tune(fds[0]);
	socket_tune(fds[1]);
	changes = 0;
	loop = loop_new();
	return loop && conn_init(&a, loop, fds[0], changed) == 0 &&
			       conn_init(&b, loop, fds[1], changed) == 0
		       ? 0
		       : -1;
}

static inline int teardown(void **state)
{
	conn_close(&a);
	conn_close(&b);
	loop = loop_free(loop);
	return 0;
}

static inline void shake(bool old)
{
	struct tls *tls = tls_connect(client, "a.example", false);
	if (old)
		SSL_set_max_proto_version(tls->ssl, TLS1_2_VERSION);
	assert_int_equal(conn_start_tls(&a, tls, NULL, 0), 0);
	assert_int_equal(conn_start_tls(&b, tls_accept(server, false), NULL, 0), 0);
	assert_false(conn_established(&a));
	assert_int_equal(conn_write(&a, "x", 1), -EAGAIN);
	assert_int_equal(conn_read(&a, big, 1), -EAGAIN);
	assert_int_equal(conn_peek(&a), CONN_SILENT);
	uint64_t end = clock_now() + PATIENCE;
	while (!(conn_established(&a) && conn_established(&b)) && clock_now() < end) {
		assert_true(conn_established(&a) || (!a.readable && !a.writable));
		turn();
	}
	assert_true(conn_established(&a) && conn_established(&b));
	assert_true(a.writable && b.writable);
	assert_true(tls_verified(a.tls));
}

static inline void small_buffers(const struct conn *conn)
{
	int size = 4096;
	setsockopt(conn->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

/* The byte at some place of a stream, so that what is lost, doubled or moved shows. */
static inline uint8_t byte_at(size_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

/* As an owner of a connection does it: only what the bits allow, until they go off. */
struct flow {
	struct conn *from, *to;
	size_t size, sent, got, step;
	bool ended;
};

static inline void flow_send(struct flow *f)
{
	while (f->from->writable && f->sent < f->size) {
		size_t n = MIN(f->size - f->sent, f->step * 4099 % sizeof big + 1);
		f->step++;
		for (size_t i = 0; i < n; i++)
			big[i] = (char)byte_at(f->sent + i);
		/* In three pieces, an empty one among them. */
		struct iovec iov[] = {{.iov_base = big, .iov_len = n / 3},
			{.iov_base = big, .iov_len = 0},
			{.iov_base = big + n / 3, .iov_len = n - n / 3}};
		ssize_t sent = conn_writev(f->from, iov, 3);
		if (sent == -EAGAIN) {
			assert_false(f->from->writable);
			break;
		}
		assert_true(sent > 0);
		assert_true((size_t)sent == n || !f->from->writable);
		f->sent += (size_t)sent;
		if (f->sent == f->size)
			assert_int_equal(conn_shutdown_write(f->from), 0);
	}
}

static inline void flow_receive(struct flow *f)
{
	while (f->to->readable && !f->ended) {
		size_t room = f->step * 7919 % (sizeof big - 1) + 1;
		f->step++;
		ssize_t n = conn_read(f->to, big, room);
		if (n == -EAGAIN) {
			assert_false(f->to->readable);
			break;
		}
		assert_true(n >= 0);
		f->ended = n == 0;
		for (ssize_t i = 0; i < n; i++)
			if ((uint8_t)big[i] != byte_at(f->got + (size_t)i))
				fail_msg("byte %zu is wrong", f->got + (size_t)i);
		f->got += (size_t)n;
	}
}
