/* SPDX-License-Identifier: MIT */
/* When a silent connection is probed: those that were made together at several times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/tcp.h>
#include <netinet/in.h>

#include "base/macros.h"
#include "net/socket.h"

static int get(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);
	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void spread(void **state)
{
	int fds[160];
	unsigned at[121] = {0}, every[9] = {0};
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_true(fds[i] >= 0);
		socket_keepalive(fds[i]);
		assert_int_equal(get(fds[i], SOL_SOCKET, SO_KEEPALIVE), 1);
		assert_int_equal(get(fds[i], IPPROTO_TCP, TCP_KEEPCNT), 3);
		int idle = get(fds[i], IPPROTO_TCP, TCP_KEEPIDLE);
		int interval = get(fds[i], IPPROTO_TCP, TCP_KEEPINTVL);
		assert_in_range(idle, 89, 120);
		assert_in_range(interval, 5, 8);
		at[idle]++;
		every[interval]++;
	}
	/* A few of each second, as descriptors come, and of those probed together not all again together. */
	for (int i = 89; i <= 120; i++)
		assert_in_range(at[i], 1, 10);
	for (int i = 5; i <= 8; i++)
		assert_in_range(every[i], 20, 80);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(spread)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
