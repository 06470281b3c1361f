/* SPDX-License-Identifier: MIT */
/* Who is at the other end of the socket, and whether that user may come in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "panel/panel.h"
#include "panel/panel_peer.h"

static void test_peer(void **state)
{
	int fds[2];
	struct panel_peer peer;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(panel_peer_read(fds[0], &peer), 0);
	assert_int_equal(peer.uid, getuid());
	assert_int_equal(peer.pid, getpid());
	struct panel_socket_options o = {0}, grouped = {.group_given = true, .group = 4711};
	assert_true(panel_peer_may(fds[0], &peer, &o));
	peer.uid = getuid() + 1;
	assert_false(panel_peer_may(fds[0], &peer, &o));
	assert_false(panel_peer_may(fds[0], &peer, &grouped));
	peer.gid = 4711;
	assert_true(panel_peer_may(fds[0], &peer, &grouped));
	assert_false(panel_peer_may(fds[0], &peer, &o)); /* the group was not given */
	close(fds[0]);
	close(fds[1]);
	assert_true(panel_peer_read(fds[0], &peer) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
