/* SPDX-License-Identifier: MIT */
/* Whether there may be one more connection, and against which address it counts. */
#include "server/base/admission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "tests/unit/server/base/workers.h"

static struct server_options options = {.memory_budget = 1 << 20,
	.max_visitors = 4,
	.max_visitors_per_address = 2};
static struct test_workers workers;

static struct address address(const char *text)
{
	struct address a;
	assert_true(address_parse_ip(str_from(text), &a));
	return a;
}

static int begin(void **state)
{
	struct error err;
	assert_int_equal(crypto_start(), 0);
	assert_int_equal(cidr_list_add(&options.trusted, STR("192.0.2.128/25"), &err), 0);
	test_workers_open(&workers, &options);
	return 0;
}

static int end(void **state)
{
	test_workers_close(&workers);
	cidr_list_deinit(&options.trusted);
	return 0;
}

/* One row after another; each that gets in stays. */
static void test_limits(void **state)
{
	static const struct {
		const char *peer;
		bool balancer, enters, counted;
	} rows[] = {
		{"192.0.2.1", false, true, true},
		{"192.0.2.1", false, true, true},
		{"192.0.2.1", false, false, true},   /* --max-visitors-per-address */
		{"192.0.2.1", true, true, false},    /* a balancer's header is still to come */
		{"192.0.2.200", false, true, false}, /* a trusted proxy */
		{"192.0.2.9", false, false, true},   /* --max-visitors */
		{"192.0.2.200", false, false, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct address peer = address(rows[i].peer);
		bool counted = !rows[i].counted;
		/* What is counted is the process's: each is another worker's. */
		struct worker *w = workers.node.workers[i % 3];
		if (admission_enter(w, 1, &peer, rows[i].balancer, &counted) != rows[i].enters ||
			counted != rows[i].counted)
			fail_msg("row %zu", i);
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct address peer = address(rows[i].peer);
		if (rows[i].enters)
			admission_leave(&workers.node, &peer, rows[i].counted);
	}
	assert_int_equal(limits_count(&workers.node.limits, LIMITS_VISITOR), 0);
	struct address peer = address("192.0.2.1");
	bool counted;
	assert_true(admission_enter(workers.node.workers[0], 1, &peer, false, &counted));
	admission_leave(&workers.node, &peer, counted);
}

/* What no front takes is closed, with what was read. */
static void test_close(void **state)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	struct accepted_conn a = {.detached = DETACHED_CONN_OF(fds[1])};
	assert_int_equal(buf_append(&a.early, "early", 5), 0);
	accepted_conn_close(&a);
	char c;
	assert_int_equal(read(fds[0], &c, 1), 0); /* its end */
	close(fds[0]);
	assert_null(a.early.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_limits, begin, end),
		cmocka_unit_test(test_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
