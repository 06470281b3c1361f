/* SPDX-License-Identifier: MIT */
/* Who may begin one more a second, on a clock of the test's. */
#include "server/base/visitor_rates.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "tests/unit/server/base/workers.h"
#include "tests/unit/server/said.h"

#define NOW        (1000 * CLOCK_S)
#define FLOOD      100000 /* made-up addresses */
#define FLOOD_SPAN (10 * CLOCK_MS)
#define THREADS    4

static struct visitor_rates *rates;

/* 10 a second and 5 at once, for requests of an address; 100 a second for those of a service. */
static const struct server_options options = {.memory_budget = 1 << 20,
	.rates = {[VISITOR_RATE_ADDRESS_REQUESTS] = {100000000, 5},
		[VISITOR_RATE_ADDRESS_CONNECTIONS] = {100000000, 1},
		[VISITOR_RATE_SERVICE_REQUESTS] = {10000000, 2}}};

static int begin(void **state)
{
	assert_int_equal(crypto_start(), 0);
	assert_int_equal(visitor_rates_new(&options, &rates), 0);
	assert_non_null(rates);
	return 0;
}

static int end(void **state)
{
	rates = visitor_rates_free(rates);
	return 0;
}

static struct address v4(unsigned number)
{
	return (struct address){.family = ADDRESS_V4,
		.bytes = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

static uint64_t ask(const struct address *a, uint64_t now)
{
	return visitor_rates_address(rates, VISITOR_RATE_ADDRESS_REQUESTS, a, now);
}

static void test_a_burst_then_the_rate(void **state)
{
	struct address a = v4(1), b = v4(2);
	for (int i = 0; i < 5; i++)
		assert_int_equal(ask(&a, NOW), 0);
	assert_int_equal(ask(&a, NOW), 100 * CLOCK_MS);
	/* What is refused costs nothing: the wait does not grow. */
	assert_int_equal(ask(&a, NOW + 40 * CLOCK_MS), 60 * CLOCK_MS);
	assert_int_equal(ask(&b, NOW), 0);
	assert_int_equal(ask(&a, NOW + 100 * CLOCK_MS), 0);
	assert_int_equal(ask(&a, NOW + 100 * CLOCK_MS), 100 * CLOCK_MS);
	/* Half a second fills the bucket, and an hour no more. */
	for (int i = 0; i < 5; i++)
		assert_int_equal(ask(&a, NOW + 3600 * CLOCK_S), 0);
	assert_true(ask(&a, NOW + 3600 * CLOCK_S) > 0);
	assert_int_equal(rates->refused[VISITOR_RATE_ADDRESS_REQUESTS], 4);
}

static void test_kinds_do_not_share(void **state)
{
	struct address a = v4(1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(ask(&a, NOW), 0);
	assert_int_equal(visitor_rates_address(rates, VISITOR_RATE_ADDRESS_CONNECTIONS, &a, NOW),
		0);
	assert_true(visitor_rates_address(rates, VISITOR_RATE_ADDRESS_CONNECTIONS, &a, NOW) > 0);
	assert_int_equal(rates->refused[VISITOR_RATE_ADDRESS_CONNECTIONS], 1);
	/* There is none for this. */
	for (int i = 0; i < 1000; i++)
		assert_int_equal(visitor_rates_service(rates, VISITOR_RATE_SERVICE_CONNECTIONS,
					 STR("tcp:1"), NOW),
			0);
}

static void test_services(void **state)
{
	enum visitor_rate kind = VISITOR_RATE_SERVICE_REQUESTS;
	assert_int_equal(visitor_rates_service(rates, kind, STR("a.test"), NOW), 0);
	assert_int_equal(visitor_rates_service(rates, kind, STR("a.test"), NOW), 0);
	assert_int_equal(visitor_rates_service(rates, kind, STR("a.test"), NOW), 10 * CLOCK_MS);
	assert_int_equal(visitor_rates_service(rates, kind, STR("b.test"), NOW), 0);
	assert_int_equal(visitor_rates_service(rates, kind, STR(""), NOW), 0);
	assert_int_equal(visitor_rates_service(rates, kind, STR("a.test"), NOW + 10 * CLOCK_MS), 0);
}

/* One subscriber has 2^64 addresses. */
static void test_ipv6_counts_by_network(void **state)
{
	struct address a = {.family = ADDRESS_V6, .bytes = {0x20, 1, 0xd, 0xb8}}, other = a;
	for (int i = 0; i < 5; i++) {
		a.bytes[15] = (uint8_t)i;
		assert_int_equal(ask(&a, NOW), 0);
	}
	a.bytes[15] = 99;
	assert_true(ask(&a, NOW) > 0);
	other.bytes[7] = 1;
	assert_int_equal(ask(&other, NOW), 0);
}

/*
 * Made-up addresses push others out of the table: whose bucket was empty has a full one, and whoever comes for
 * the first time is not refused for what others did.
 */
static void test_a_flood_takes_nothing_from_others(void **state)
{
	struct address good = v4(1 << 20);
	size_t refused = 0;
	for (int i = 0; i < 5; i++)
		assert_int_equal(ask(&good, NOW), 0);
	for (unsigned i = 0; i < FLOOD; i++) {
		struct address a = v4(i);
		refused += ask(&a, NOW + i * FLOOD_SPAN / FLOOD) > 0;
	}
	assert_int_equal(refused, 0);
	/* More than the table has cells, four times over: whatever is left of it, nobody waits longer than before. */
	assert_true(ask(&good, NOW + FLOOD_SPAN) <= 100 * CLOCK_MS);
	for (unsigned i = 0; i < 1000; i++) {
		struct address a = v4((2 << 20) + i);
		assert_int_equal(ask(&a, NOW + FLOOD_SPAN), 0);
	}
}

static void *hammer(void *arg)
{
	unsigned *taken = arg;
	struct address a = v4(7);
	for (int i = 0; i < 1000; i++)
		*taken += ask(&a, NOW) == 0;
	return NULL;
}

static void test_threads_share_a_bucket(void **state)
{
	pthread_t threads[THREADS];
	unsigned taken[THREADS] = {0}, sum = 0;
	struct address a = v4(7);
	assert_int_equal(ask(&a, NOW),
		0); /* or two threads could make its cell at once, and each have it */
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, &taken[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		sum += taken[i];
	}
	assert_int_equal(sum, 4);
}

static void test_off_takes_no_memory(void **state)
{
	struct server_options none = {.memory_budget = 1};
	struct visitor_rates *r = (struct visitor_rates *)&none;
	assert_int_equal(visitor_rates_new(&none, &r), 0);
	assert_null(r);
	assert_null(visitor_rates_free(NULL));
}

/* All behind a trusted proxy share its address. */
static void test_trusted_proxies_are_let_through(void **state)
{
	struct server_options trusting = options;
	struct test_workers workers;
	struct error err;
	struct address proxy, visitor;
	assert_int_equal(cidr_list_add(&trusting.trusted, STR("192.0.2.128/25"), &err), 0);
	test_workers_open(&workers, &trusting);
	struct worker *w = &workers.workers[1];
	assert_true(address_parse_ip(STR("192.0.2.200"), &proxy));
	assert_true(address_parse_ip(STR("192.0.2.1"), &visitor));
	for (int i = 0; i < 100; i++)
		assert_int_equal(visitor_rates_visit(w, VISITOR_RATE_ADDRESS_REQUESTS, &proxy, 1),
			0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(visitor_rates_visit(w, VISITOR_RATE_ADDRESS_REQUESTS, &visitor, 1),
			0);
	struct said said;
	said_begin(&said);
	assert_true(visitor_rates_visit(w, VISITOR_RATE_ADDRESS_REQUESTS, &visitor, 1) > 0);
	assert_true(visitor_rates_visit(w, VISITOR_RATE_ADDRESS_REQUESTS, &visitor, 1) > 0);
	const char *line = strstr(said_end(&said), "refused a request from 192.0.2.1: ");
	assert_non_null(line);
	assert_null(strstr(line + 1, "refused"));
	assert_int_equal(w->log_rates[VISITOR_RATE_ADDRESS_REQUESTS].similar, 1);
	test_workers_close(&workers);
	cidr_list_deinit(&trusting.trusted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_burst_then_the_rate, begin, end),
		cmocka_unit_test_setup_teardown(test_kinds_do_not_share, begin, end),
		cmocka_unit_test_setup_teardown(test_services, begin, end),
		cmocka_unit_test_setup_teardown(test_ipv6_counts_by_network, begin, end),
		cmocka_unit_test_setup_teardown(test_a_flood_takes_nothing_from_others, begin, end),
		cmocka_unit_test_setup_teardown(test_threads_share_a_bucket, begin, end),
		cmocka_unit_test(test_off_takes_no_memory),
		cmocka_unit_test(test_trusted_proxies_are_let_through),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
