/* SPDX-License-Identifier: MIT */
/* The audit keeps what is neither too old nor too much, and goes on from there. */
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "crypto/crypto.h"
#include "store_fixture.h"

#define DAY (STORE_AUDIT_AGE / 400)

static struct store_fixture fixture;
static struct store *store;

static int set_up(void **state)
{
	fixture_make(&fixture);
	store = fixture_open(&fixture);
	return 0;
}

static int tear_down(void **state)
{
	store_close(store);
	fixture_remove(&fixture);
	return 0;
}

/* What time or a million changes do, at once. */
static void change_file(const char *sql)
{
	sqlite3 *db;
	store_close(store);
	assert_int_equal(sqlite3_open_v2(fixture.path, &db, SQLITE_OPEN_READWRITE, NULL), 0);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	store = fixture_open(&fixture);
}

static void add(unsigned n)
{
	static const struct store_note note = {"uid 0", "a test", "test", "it", "{}"};
	struct error err;
	uint64_t rev;
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(store_commit(store, NULL, 0, &note, &rev, &err), 0);
}

struct seen {
	uint64_t n, oldest;
};

static void see(void *arg, const struct store_audit_row *row)
{
	struct seen *seen = arg;
	seen->n++;
	seen->oldest = row->id;
}

static void assert_kept(uint64_t oldest, uint64_t n)
{
	struct store_audit_query all = {.n = 1000};
	struct seen seen = {0};
	struct error err;
	assert_int_equal(store_audit(store, &all, see, &seen, &err), 0);
	assert_int_equal(seen.n, n);
	assert_int_equal(seen.oldest, oldest);
}

static void make_older(uint64_t us, unsigned last_id)
{
	char sql[128];
	snprintf(sql, sizeof sql, "UPDATE audit SET at = at - %llu WHERE id <= %u",
		(unsigned long long)us, last_id);
	change_file(sql);
}

static void test_old_rows_go(void **state)
{
	add(5);
	make_older(STORE_AUDIT_AGE - DAY, 3);
	add(1);
	assert_kept(1, 6);
	make_older(2 * DAY, 3);
	add(1);
	assert_kept(4, 4);
}

static void test_many_old_rows_go_little_by_little(void **state)
{
	const unsigned many = 3 * STORE_AUDIT_SWEEP;
	add(many);
	make_older(STORE_AUDIT_AGE + DAY, many);
	add(1);
	assert_kept(STORE_AUDIT_SWEEP + 1, many - STORE_AUDIT_SWEEP + 1);
	add(2);
	assert_kept(many + 1, 3);
}

static void test_rows_beyond_the_last_million_go(void **state)
{
	char sql[128];
	add(3);
	snprintf(sql, sizeof sql, "UPDATE sqlite_sequence SET seq = %d WHERE name = 'audit'",
		STORE_AUDIT_ROWS + 1);
	change_file(sql);
	add(1);
	assert_kept(3, 2);
	add(1);
	assert_kept(STORE_AUDIT_ROWS + 2, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_old_rows_go, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_old_rows_go_little_by_little, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(test_rows_beyond_the_last_million_go, set_up,
			tear_down),
	};
	return crypto_start() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
