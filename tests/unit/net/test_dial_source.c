/* SPDX-License-Identifier: MIT */
/* Connections from addresses of the caller's choice: 127.0.0.0/8 is all of this machine. */
#include "sockets.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/macros.h"
#include "net/dial_source.h"
#include "net/socket.h"

static struct dial_source v4(uint8_t a, uint8_t d)
{
	return (struct dial_source){{.family = ADDRESS_V4, .bytes = {a, 0, 0, d}}, 0};
}

static uint64_t now = 1000;

/* From where it came, by its last byte; or -errno. */
static int comes_from(const struct dial_sources *from)
{
	uint16_t port = 0;
	int listener = test_listen(1, &port, 8), fd = -1;
	struct address to = v4(127, 1).address, local;
	to.port = port;
	int r = dial_source_connect(from, &to, now, &fd);
	if (r >= 0) {
		struct pollfd ready = {.fd = fd, .events = POLLOUT};
		assert_int_equal(poll(&ready, 1, 5000), 1);
		assert_int_equal(socket_error(fd), 0);
		assert_int_equal(socket_local(fd, &local), 0);
		r = local.bytes[3];
		close(fd);
	}
	close(listener);
	return r;
}

static void the_same_for_a_party(void **state)
{
	struct dial_source list[] = {v4(127, 2), {{.family = ADDRESS_V6, .bytes = {[15] = 1}}, 0},
		v4(127, 3), v4(127, 4)};
	unsigned seen = 0;
	for (uint32_t party = 1; party < 40; party++) {
		struct dial_sources from = {list, ARRAY_LEN(list), party};
		int first = comes_from(&from);
		assert_in_range(first, 2, 4);
		assert_int_equal(comes_from(&from), first);
		seen |= 1u << first;
	}
	assert_int_equal(seen, 1u << 2 | 1u << 3 | 1u << 4);
}

/* As when one has no port left: it cannot be used, and the next one is. */
static void the_next_one(void **state)
{
	struct dial_source list[] = {v4(192, 77), v4(192, 78), v4(127, 3)};
	for (uint32_t party = 0; party < 10; party++)
		assert_int_equal(comes_from(&(struct dial_sources){list, 3, party}), 3);
	assert_int_equal(comes_from(&(struct dial_sources){list, 2, 1}), -EADDRNOTAVAIL);
	struct dial_source v6[] = {{{.family = ADDRESS_V6, .bytes = {[15] = 1}}, 0}};
	assert_int_equal(comes_from(&(struct dial_sources){v6, 1, 1}), -EADDRNOTAVAIL);
	assert_int_equal(comes_from(&(struct dial_sources){0}), 1);
}

/* What had no port is not asked for one again at once. */
static void one_that_has_none_rests(void **state)
{
	struct dial_source list[] = {v4(192, 77), v4(127, 3)};
	struct dial_sources from = {list, 2, 0};
	assert_int_equal(comes_from(&from), 3);
	list[0] = (struct dial_source){v4(127, 2).address, list[0].rests_until};
	assert_int_equal(comes_from(&from), 3);
	now += DIAL_SOURCE_REST;
	assert_int_equal(comes_from(&from), 2);
}

/* So that none has to look through all even ports before it gets an odd one. */
static void all_ports_in_turn(void **state)
{
	struct dial_source list[] = {v4(127, 9)};
	const struct dial_sources sources[] = {{0}, {list, 1, 0}};
	struct utsname kernel;
	unsigned major = 0, minor = 0;
	assert_int_equal(uname(&kernel), 0);
	assert_int_equal(sscanf(kernel.release, "%u.%u", &major, &minor), 2);
	if (major < 6 || (major == 6 && minor < 8))
		skip();
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		uint16_t port = 0;
		int listener = test_listen(1, &port, 64), fds[32], odd = 0;
		struct address to = v4(127, 1).address, local;
		to.port = port;
		for (size_t k = 0; k < ARRAY_LEN(fds); k++) {
			assert_true(dial_source_connect(&sources[i], &to, now, &fds[k]) >= 0);
			assert_int_equal(socket_local(fds[k], &local), 0);
			odd += local.port & 1;
		}
		assert_in_range(odd, 1, ARRAY_LEN(fds) - 1);
		for (size_t k = 0; k < ARRAY_LEN(fds); k++)
			close(fds[k]);
		close(listener);
	}
}

static void checked(void **state)
{
	struct dial_source list[] = {v4(127, 3), v4(192, 77)};
	struct error err;
	assert_int_equal(dial_sources_check(&(struct dial_sources){list, 1, 0}, &err), 0);
	assert_int_equal(dial_sources_check(&(struct dial_sources){list, 2, 0}, &err),
		-EADDRNOTAVAIL);
	assert_string_equal(err.text, "this machine has no address 192.0.0.77");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_for_a_party),
		cmocka_unit_test(the_next_one),
		cmocka_unit_test(one_that_has_none_rests),
		cmocka_unit_test(all_ports_in_turn),
		cmocka_unit_test(checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
