/* SPDX-License-Identifier: MIT */
/* How often names may be ordered, and when. */
#include "server/acme/acme_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

#define NOW  1000000
#define HOUR 3600

static const struct acme_limits limits = {.per_hour = 3, .per_identity = 5};

struct scene {
	struct list names;
	struct acme_name v[60];
	unsigned n;
};

static struct acme_name *add(struct scene *s, const char *identity, int64_t first)
{
	struct acme_name *n = &s->v[s->n++];
	assert_true(s->n <= ARRAY_LEN(s->v));
	snprintf(n->kept.identity, sizeof(n->kept.identity), "%s", identity);
	n->kept.first = first;
	list_init(&n->link);
	list_append(&s->names, &n->link);
	return n;
}

static int64_t wait_of(struct scene *s, const struct acme_name *n, char why[ACME_WHY_SIZE])
{
	why[0] = 0;
	return acme_limits_wait(&s->names, n, &limits, NOW, why);
}

static void test_new_names(void **state)
{
	struct scene s = {0};
	char why[ACME_WHY_SIZE];
	list_init(&s.names);
	struct acme_name *fresh = add(&s, "web", 0);
	add(&s, "web", NOW - 100);
	add(&s, "web", NOW - 2 * HOUR);
	assert_int_equal(wait_of(&s, fresh, why), 0);
	add(&s, "other", NOW - 50);
	add(&s, "web", NOW - 200);
	assert_int_equal(wait_of(&s, fresh, why), 0);
	add(&s, "web", NOW - 300);
	/* When the oldest of the hour is an hour old. */
	assert_int_equal(wait_of(&s, fresh, why), NOW - 300 + HOUR + 1);
	assert_string_equal(why, "web has had 3 new names within an hour, and may have no more "
				 "(--acme-names-per-hour)");
	/* Another one's, one that was tried before, and the exit node's own are none of these. */
	assert_int_equal(wait_of(&s, add(&s, "other", 0), why), 0);
	assert_int_equal(wait_of(&s, &s.v[1], why), 0);
	struct acme_name *own = add(&s, "", 0);
	own->own = true;
	assert_int_equal(wait_of(&s, own, why), 0);
}

static void test_names_in_all(void **state)
{
	struct scene s = {0};
	char why[ACME_WHY_SIZE];
	list_init(&s.names);
	struct acme_name *fresh = add(&s, "web", 0);
	for (int i = 0; i < 4; i++)
		add(&s, "web", NOW - 10 * HOUR);
	assert_int_equal(wait_of(&s, fresh, why), 0);
	add(&s, "web", NOW - 10 * HOUR);
	assert_true(wait_of(&s, fresh, why) > NOW);
	assert_non_null(strstr(why, "web has certificates for 5 names"));
}

static void test_orders(void **state)
{
	struct scene s = {0};
	char why[ACME_WHY_SIZE];
	list_init(&s.names);
	for (int i = 0; i < ACME_ORDERS_PER_HOUR - 1; i++)
		acme_kept_order(&add(&s, "web", NOW - 10 * HOUR)->kept, NOW - 1000 + i);
	struct acme_name *own = add(&s, "", 0);
	own->own = true;
	assert_int_equal(wait_of(&s, own, why), 0);
	acme_kept_order(&own->kept, NOW - 5000);
	assert_int_equal(wait_of(&s, own, why), 0);
	acme_kept_order(&own->kept, NOW - 1);
	assert_int_equal(wait_of(&s, own, why), NOW - 1000 + HOUR + 1);
	assert_string_equal(why, "50 certificates were ordered within an hour");
}

static void test_retries(void **state)
{
	int64_t before = 0;
	for (unsigned failures = 1; failures < 40; failures++) {
		int64_t wait = acme_retry_at(NOW, failures, 0, ACME_RETRY_DAY, 0) - NOW;
		assert_true(wait >= before && wait >= ACME_RETRY_MIN && wait <= ACME_RETRY_DAY);
		before = wait;
		/* With chance a fifth more at the most. */
		int64_t more = acme_retry_at(NOW, failures, 0, ACME_RETRY_DAY, UINT32_MAX) - NOW;
		assert_true(more >= wait && more <= wait + wait / 5);
	}
	assert_int_equal(before, ACME_RETRY_DAY);
	assert_int_equal(acme_retry_at(NOW, 1, 0, ACME_RETRY_CHECK_MAX, 0), NOW + 60);
	assert_int_equal(acme_retry_at(NOW, 2, 0, ACME_RETRY_CHECK_MAX, 0), NOW + 120);
	assert_int_equal(acme_retry_at(NOW, 30, 0, ACME_RETRY_CHECK_MAX, 0),
		NOW + ACME_RETRY_CHECK_MAX);
	/* The CA's own wish is obeyed. */
	assert_int_equal(acme_retry_at(NOW, 1, 7200, ACME_RETRY_DAY, 0), NOW + 7200);
}

static void test_renewals(void **state)
{
	static const uint32_t dice[] = {0, 1, 12345, UINT32_MAX};
	static const int64_t lasts[] = {0, 24, 3600, 6 * 86400, 90 * 86400};
	for (size_t i = 0; i < ARRAY_LEN(lasts); i++)
		for (size_t k = 0; k < ARRAY_LEN(dice); k++) {
			const struct tls_dates d = {.from = NOW, .to = NOW + lasts[i]};
			int64_t at = acme_renewal_at(&d, dice[k]);
			assert_true(at >= NOW + lasts[i] / 3 * 2);
			assert_true(at <= NOW + lasts[i] * 3 / 4);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_names),
		cmocka_unit_test(test_names_in_all),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_retries),
		cmocka_unit_test(test_renewals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
