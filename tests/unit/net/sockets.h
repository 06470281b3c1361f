/* SPDX-License-Identifier: MIT */
#pragma once
/* What the tests of this room need of the kernel: connected TCP pairs on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* A listening socket on 127.0.0.`last_byte`; port 0 takes a free one. Stores the port. */
static inline int test_listen(uint8_t last_byte, uint16_t *port, int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = {.sin_family = AF_INET,
		.sin_port = htons(*port),
		.sin_addr.s_addr = htonl(0x7f000000u + last_byte)};
	socklen_t len = sizeof in;
	assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	*port = ntohs(in.sin_port);
	return fd;
}

static inline int test_connect(uint8_t last_byte, uint16_t port, int flags)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	struct sockaddr_in in = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(0x7f000000u + last_byte)};
	int r = connect(fd, (struct sockaddr *)&in, sizeof in);
	if (!(flags & SOCK_NONBLOCK))
		assert_int_equal(r, 0);
	return fd;
}

static inline void test_tcp_pair(int fds[2])
{
	uint16_t port = 0;
	int listener = test_listen(1, &port, 1);
	fds[0] = test_connect(1, port, 0);
	fds[1] = accept(listener, NULL, NULL);
	assert_true(fds[1] >= 0);
	close(listener);
}

/* The next close of `fd` is a RST. */
static inline void test_reset(int fd)
{
	struct linger linger = {.l_onoff = 1};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	close(fd);
}
