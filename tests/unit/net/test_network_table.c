/* SPDX-License-Identifier: MIT */
/* An entry for each network: found by any address of it, gone when it is dropped. */
#include "net/network_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"

struct thing {
	struct network_entry entry;
	int value;
};

static struct address address(const char *text)
{
	struct address a;
	assert_true(address_parse_ip(str_from(text), &a));
	return a;
}

static struct thing *find(const struct network_table *t, const char *text)
{
	struct address a = address(text);
	struct network_entry *e = network_table_find(t, &a);
	return e ? container_of(e, struct thing, entry) : NULL;
}

static struct thing *add(struct network_table *t, const char *text, int value)
{
	struct address a = address(text);
	struct network_entry *e = network_table_add(t, &a, sizeof(struct thing));
	assert_non_null(e);
	struct thing *thing = container_of(e, struct thing, entry);
	assert_int_equal(thing->value, 0);
	thing->value = value;
	return thing;
}

static void test_networks(void **state)
{
	static const struct {
		const char *text;
		int value; /* of the entry that it finds; 0: none */
	} rows[] = {
		{"192.0.2.1", 1},
		{"192.0.2.2", 0},
		{"2001:db8:0:1::1", 2},
		{"2001:db8:0:1:ffff::", 2},
		{"2001:db8:0:2::1", 0},
		{"::ffff:192.0.2.1", 1},
	};
	struct network_table t;
	network_table_init(&t);
	assert_null(find(&t, "192.0.2.1"));
	add(&t, "192.0.2.1", 1);
	add(&t, "2001:db8:0:1::1", 2);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct thing *thing = find(&t, rows[i].text);
		if ((thing ? thing->value : 0) != rows[i].value)
			fail_msg("%s: %d", rows[i].text, thing ? thing->value : 0);
	}
	network_table_drop(&t, &find(&t, "2001:db8:0:1::1")->entry);
	assert_null(find(&t, "2001:db8:0:1::1"));
	assert_int_equal(find(&t, "192.0.2.1")->value, 1);
	network_table_deinit(&t); /* frees the other */
	assert_null(t.table.buckets);
}

/* Memory that was never initialised holds nothing. */
static void test_zeros(void **state)
{
	struct network_table t = {0};
	network_table_deinit(&t);
}

static int setup(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_zeros),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
