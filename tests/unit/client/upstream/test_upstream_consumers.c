/* SPDX-License-Identifier: MIT */
/* Streams of a private service's consumers: what the upstream hears of them, and their shares. */
#include "upstream_scene.h"

#include <arpa/inet.h>

static void connect_two(struct scene *s, struct visitor *v)
{
	visit(s, &v[0]);
	UNTIL(s, s->n_accepted == 1);
	visit(s, &v[1]);
	UNTIL(s, s->n_accepted == 2);
}

/* Byte for byte as Azure's private link service has it, with the name behind it. */
static void the_header(void **state)
{
	static const uint8_t expected[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55,
		0x49, 0x54, 0x0a, 0x21, 0x11, 0x00, 0x1c, 10, 0, 0, 5, 192, 0, 2, 1, 0x10, 0xe1,
		0x01, 0xbb, 0xee, 0, 5, 1, 7, 0, 0, 0, 0xe1, 0, 5, 'w', 'e', 'b', '-', '7', '!'};
	struct scene s;
	begin_as(&s, "tcp://127.0.0.1:%u",
		(struct service_options){.private_name = (char *)"redis",
			.proxy_protocol = UPSTREAM_PROXY_V2});
	struct visitor v = {.kind = FRAME_KIND_TCP, .ip = 5, .link = 7, .data = "!"};
	char got[128];
	size_t n = 0;
	visit(&s, &v);
	UNTIL(&s, s.n_accepted);
	UNTIL(&s, ({
		ssize_t more = recv(s.accepted[0], got + n, sizeof(got) - n, MSG_DONTWAIT);
		n += more > 0 ? (size_t)more : 0;
		n >= sizeof(expected);
	}));
	assert_int_equal(n, sizeof(expected));
	assert_memory_equal(got, expected, n);
	end(&s);
}

static uint32_t peer_of(int fd)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	assert_int_equal(getpeername(fd, (struct sockaddr *)&in, &len), 0);
	return ntohl(in.sin_addr.s_addr);
}

static void steady_source_addresses(void **state)
{
	char *list[] = {(char *)"127.0.0.2", (char *)"127.0.0.3", (char *)"127.0.0.4"};
	uint32_t seen[3] = {0};
	for (uint32_t link = 1; link <= 12; link++) {
		struct scene s;
		begin_as(&s, "tcp://127.0.0.1:%u",
			(struct service_options){.private_name = (char *)"redis",
				.source_addresses = {list, 3}});
		struct visitor v[2] = {{.kind = FRAME_KIND_TCP, .link = link, .ip = 1},
			{.kind = FRAME_KIND_TCP, .link = link, .ip = 2}};
		connect_two(&s, v);
		uint32_t from = peer_of(s.accepted[0]);
		assert_in_range(from, 0x7f000002, 0x7f000004);
		assert_int_equal(peer_of(s.accepted[1]), from);
		seen[from - 0x7f000002]++;
		end(&s);
	}
	assert_true(seen[0] && seen[1] && seen[2]);
}

/* All of them come from one address: each counts by its link id, as a visitor does by his address. */
static void each_has_its_share(void **state)
{
	struct scene s;
	begin_as(&s, "tcp://127.0.0.1:%u",
		(struct service_options){.private_name = (char *)"redis",
			.max_connections_per_visitor = 1});
	struct visitor one = {.kind = FRAME_KIND_TCP, .link = 1};
	struct visitor again = {.kind = FRAME_KIND_TCP, .link = 1, .ip = 9};
	struct visitor two = {.kind = FRAME_KIND_TCP, .link = 2};
	visit(&s, &one);
	UNTIL(&s, s.n_accepted == 1);
	visit(&s, &again);
	visit(&s, &two);
	UNTIL(&s, s.n_accepted == 2);
	settle(&s, 30 * CLOCK_MS);
	assert_int_equal(s.n_accepted, 2);
	assert_int_equal(publications_find(&s.publications, 1)->connections.waiting, 1);
	stream_reset(&one.stream, FRAME_RESET_CANCELLED);
	UNTIL(&s, s.n_accepted == 3);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header),
		cmocka_unit_test(steady_source_addresses),
		cmocka_unit_test(each_has_its_share),
	};
	return crypto_start() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
