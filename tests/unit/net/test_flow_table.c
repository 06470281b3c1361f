/* SPDX-License-Identifier: MIT */
/* Who sends datagrams: told apart by port and both addresses, in the order in which they were heard. */
#include "net/flow_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/macros.h"
#include "tests/unit/base/chain.h"

#define NOW 1000 /* µs */

static const int port_a, port_b;

static struct address at(const char *text)
{
	struct address a;
	assert_true(address_parse(str_from(text), &a));
	return a;
}

static struct flow_table_entry entry(const void *port, const char *peer, const char *local)
{
	return (struct flow_table_entry){.port = port, .peer = at(peer), .local = at(local)};
}

static void test_told_apart(void **state)
{
	static const struct {
		const void *port;
		const char *peer, *local;
	} rows[] = {
		{&port_a, "192.0.2.1:1", "127.0.0.1:53"},
		{&port_b, "192.0.2.1:1", "127.0.0.1:53"},
		{&port_a, "192.0.2.1:2", "127.0.0.1:53"},
		{&port_a, "192.0.2.2:1", "127.0.0.1:53"},
		{&port_a, "192.0.2.1:1", "127.0.0.2:53"},
		{&port_a, "[2001:db8::1]:1", "[::1]:53"},
		{&port_a, "[2001:db8::2]:1", "[::1]:53"},
	};
	struct flow_table r;
	flow_table_init(&r);
	struct flow_table_entry entries[ARRAY_LEN(rows)];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		entries[i] = entry(rows[i].port, rows[i].peer, rows[i].local);
		assert_null(
			flow_table_find(&r, entries[i].port, &entries[i].peer, &entries[i].local));
		assert_int_equal(flow_table_add(&r, &entries[i], NOW), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct address peer = at(rows[i].peer), local = at(rows[i].local);
		assert_ptr_equal(flow_table_find(&r, rows[i].port, &peer, &local), &entries[i]);
		flow_table_remove(&r, &entries[i]);
		assert_null(flow_table_find(&r, rows[i].port, &peer, &local));
	}
	assert_int_equal(r.entries.n + r.hosts.table.n, 0);
	flow_table_deinit(&r);
}

static struct flow_table_entry *victim(const struct flow_table *r, const struct address *of)
{
	return flow_table_victim(r, of, NOW + FLOW_ANSWER_TIME);
}

/* A subscriber has a /64, and may use every address of it; which of its flows goes, net/flow_queue says. */
static void test_victims(void **state)
{
	struct flow_table r;
	flow_table_init(&r);
	struct flow_table_entry first = entry(&port_a, "[2001:db8::1]:1", "[::1]:53");
	struct flow_table_entry second = entry(&port_b, "[2001:db8::2]:1", "[::1]:53");
	struct flow_table_entry third = entry(&port_a, "[2001:db8::1]:2", "[::1]:53");
	struct flow_table_entry other = entry(&port_a, "[2001:db8:0:1::1]:1", "[::1]:53");
	struct address anyone = at("[2001:db8::ffff]:9"), nobody = at("192.0.2.1:1");
	assert_null(victim(&r, &anyone));
	flow_table_add(&r, &other, NOW);
	flow_table_add(&r, &first, NOW);
	flow_table_add(&r, &second, NOW);
	flow_table_add(&r, &third, NOW);
	assert_ptr_equal(victim(&r, &anyone), &first);
	flow_table_answered(&first);
	flow_table_heard(&first);
	assert_ptr_equal(victim(&r, &anyone), &second);
	flow_table_answered(&third);
	flow_table_remove(&r, &second);
	assert_ptr_equal(victim(&r, &anyone), &third);
	flow_table_remove(&r, &third);
	assert_ptr_equal(victim(&r, &anyone), &first);
	flow_table_remove(&r, &first);
	assert_null(victim(&r, &anyone));
	assert_ptr_equal(victim(&r, &other.peer), &other);
	assert_null(victim(&r, &nobody));
	flow_table_remove(&r, &other);
	flow_table_deinit(&r);
}

/* Through several doublings of both tables. */
static void test_many(void **state)
{
	enum { N = 4000 };
	static struct flow_table_entry entries[N];
	struct flow_table r;
	flow_table_init(&r);
	for (unsigned i = 0; i < N; i++) {
		char text[ADDRESS_TEXT_SIZE];
		snprintf(text, sizeof(text), "10.0.%u.%u:%u", i / 2 / 256, i / 2 % 256,
			1000 + i % 2);
		entries[i] = entry(&port_a, text, "127.0.0.1:53");
		assert_int_equal(flow_table_add(&r, &entries[i], NOW), 0);
	}
	assert_int_equal(r.entries.n, N);
	assert_int_equal(r.hosts.table.n, N / 2);
	for (unsigned i = 0; i < N; i++)
		assert_ptr_equal(flow_table_find(&r, &port_a, &entries[i].peer, &entries[i].local),
			&entries[i]);
	assert_in_range(longest_chain(&r.entries), 0, CHAIN_MAX);
	assert_in_range(longest_chain(&r.hosts.table), 0, CHAIN_MAX);
	for (unsigned i = 0; i < N; i++)
		flow_table_remove(&r, &entries[i]);
	assert_int_equal(r.entries.n + r.hosts.table.n, 0);
	flow_table_deinit(&r);
}

/* Senders from all networks of one prefix, or from as many addresses of one network, are found as fast. */
static void test_one_prefix(void **state)
{
	enum { N = 65536 };
	static const struct {
		size_t at,
			hosts; /* which bytes of the address differ, and in how many networks that is */
	} rows[] = {{6, N}, {8, 1}, {14, 1}};
	struct flow_table_entry *entries = calloc(N, sizeof(*entries));
	assert_non_null(entries);
	for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
		struct flow_table r;
		flow_table_init(&r);
		for (unsigned i = 0; i < N; i++) {
			entries[i] = entry(&port_a, "[2001:db8:1::]:1", "[::1]:53");
			entries[i].peer.bytes[rows[row].at] = (uint8_t)(i >> 8);
			entries[i].peer.bytes[rows[row].at + 1] = (uint8_t)i;
			assert_int_equal(flow_table_add(&r, &entries[i], NOW), 0);
		}
		assert_int_equal(r.hosts.table.n, rows[row].hosts);
		assert_in_range(longest_chain(&r.entries), 0, CHAIN_MAX);
		assert_in_range(longest_chain(&r.hosts.table), 0, CHAIN_MAX);
		for (unsigned i = 0; i < N; i++)
			flow_table_remove(&r, &entries[i]);
		flow_table_deinit(&r);
	}
	free(entries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told_apart),
		cmocka_unit_test(test_victims),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_one_prefix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
