/* SPDX-License-Identifier: MIT */
/* Intentions in the store: what is written is read, what is deleted is told, what is damaged is refused. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/macros.h"
#include "store_fixture.h"

static struct store_row intention_row(uint64_t id, const char *source, const char *destination,
	enum policy_action action)
{
	struct store_row row = {.kind = STORE_INTENTION};
	assert_int_equal(policy_intention_init(&row.intention, source, destination, action), 0);
	row.intention.id = id;
	return row;
}

struct seen {
	struct store_row rows[4];
	size_t n;
};

static void keep(void *arg, const struct store_row *row)
{
	struct seen *seen = arg;
	if (row->kind != STORE_INTENTION)
		return;
	struct store_row *copy = &seen->rows[seen->n++];
	*copy = (struct store_row){.kind = STORE_INTENTION, .gone = row->gone, .rev = row->rev};
	if (row->gone)
		copy->intention.id = row->intention.id;
	else
		assert_int_equal(policy_intention_copy(&copy->intention, &row->intention), 0);
}

static void forget(struct seen *seen)
{
	while (seen->n)
		store_row_deinit(&seen->rows[--seen->n]);
}

static void read_all(struct store *s, uint64_t since, struct seen *seen)
{
	struct error err = {""};
	uint64_t rev;
	forget(seen);
	int r = store_read(s, since, keep, seen, &rev, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(r, 0);
}

static void test_rows(void **state)
{
	struct store_fixture f;
	struct seen seen = {.n = 0};
	fixture_make(&f);
	struct store *s = fixture_open(&f);
	struct store_row a = intention_row(1, "web", "redis", POLICY_DENY),
			 b = intention_row(2, "*", "*", POLICY_ALLOW);
	assert_int_equal(fixture_commit(s, &a), 1);
	assert_int_equal(fixture_commit(s, &b), 2);
	store_close(s);
	s = fixture_open(&f);
	read_all(s, 0, &seen);
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.rows[0].intention.source, "web");
	assert_string_equal(seen.rows[0].intention.destination, "redis");
	assert_string_equal(seen.rows[0].intention.meta, "{}");
	assert_int_equal(seen.rows[0].intention.action, POLICY_DENY);
	assert_int_equal(seen.rows[0].intention.rev, 1);
	assert_memory_equal(seen.rows[0].intention.uid, a.intention.uid, POLICY_UID_SIZE);
	assert_int_equal(seen.rows[1].intention.action, POLICY_ALLOW);
	assert_int_equal(seen.rows[1].intention.created_at, b.intention.created_at);

	/* A pair has one; and a row is changed as it was read. */
	struct error err;
	uint64_t rev;
	struct store_row again = intention_row(3, "web", "redis", POLICY_ALLOW);
	assert_int_equal(store_commit(s, &again, 1, NULL, &rev, &err), STORE_STALE);
	a.rev = 7;
	assert_int_equal(store_commit(s, &a, 1, NULL, &rev, &err), STORE_STALE);
	a.rev = 1;
	a.intention.action = POLICY_ALLOW;
	assert_int_equal(fixture_commit(s, &a), 3);
	read_all(s, 2, &seen);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.rows[0].intention.action, POLICY_ALLOW);

	b.rev = 2;
	b.gone = true;
	assert_int_equal(fixture_commit(s, &b), 4);
	read_all(s, 3, &seen);
	assert_int_equal(seen.n, 1);
	assert_true(seen.rows[0].gone);
	assert_int_equal(seen.rows[0].intention.id, 2);
	read_all(s, 0, &seen);
	assert_int_equal(seen.n, 1);
	forget(&seen);
	store_row_deinit(&a);
	store_row_deinit(&b);
	store_row_deinit(&again);
	store_close(s);
	fixture_remove(&f);
}

/* A deny that becomes another number, an allow or another's by a byte of the disk is no intention. */
static void test_damage(void **state)
{
	static const char *const damages[] = {
		"UPDATE intentions SET action = 1",
		"UPDATE intentions SET action = 3",
		"UPDATE intentions SET action = 0",
		"UPDATE intentions SET source = 'wec'",
		"UPDATE intentions SET destination = '*'",
		"UPDATE intentions SET rev = 0",
		"UPDATE intentions SET id = 9",
		"UPDATE intentions SET uid = x'00'",
	};
	for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
		struct store_fixture f;
		struct sqlite3 *db;
		struct store *s;
		struct error err = {""};
		uint64_t rev;
		struct seen seen = {.n = 0};
		fixture_make(&f);
		s = fixture_open(&f);
		struct store_row row = intention_row(1, "web", "redis", POLICY_DENY);
		fixture_commit(s, &row);
		store_row_deinit(&row);
		store_close(s);
		assert_int_equal(sqlite3_open(f.path, &db), SQLITE_OK);
		assert_int_equal(sqlite3_exec(db, damages[i], NULL, NULL, NULL), SQLITE_OK);
		sqlite3_close(db);
		s = fixture_open(&f);
		if (store_read(s, 0, keep, &seen, &rev, &err) != -EIO)
			fail_msg("%s: it was read", damages[i]);
		assert_int_equal(seen.n, 0);
		store_close(s);
		fixture_remove(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
