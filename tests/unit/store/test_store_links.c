/* SPDX-License-Identifier: MIT */
/*
 * Link ids that are given once, damage of private services and endpoints, and a store that the version before
 * made.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "crypto/crypto.h"
#include "store/store_db.h"
#include "store/store_file.h"
#include "store/store_schema.h"
#include "store_fixture.h"

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
	store = NULL;
	fixture_remove(&fixture);
	return 0;
}

static void reopen(void)
{
	store_close(store);
	store = fixture_open(&fixture);
}

static void run(const char *sql)
{
	struct sqlite3 *db;
	char *why = NULL;
	store_close(store);
	store = NULL;
	assert_int_equal(sqlite3_open(fixture.path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	sqlite3_close(db);
}

static void put(struct store_row *row)
{
	fixture_put(store, row);
}

static int try(const struct store_row *row, struct error *err)
{
	uint64_t rev;
	return store_commit(store, row, 1, NULL, &rev, err);
}

/* Identities 1 (the owner), 2 and 3. */
static void put_identities(struct store_row identities[3])
{
	static const char *const names[] = {"api", "web", "batch"};
	for (uint64_t i = 0; i < 3; i++) {
		identities[i] = fixture_identity(i + 1, names[i]);
		put(&identities[i]);
	}
}

static void free_rows(struct store_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		store_row_deinit(&rows[i]);
}

/* ---- Link ids ---- */

static void test_links(void **state)
{
	struct store_row of[3];
	struct error err = {""};
	put_identities(of);
	struct store_row s = fixture_service(1, "redis", 1), e = fixture_endpoint(1, 1, 2);
	put(&s);
	assert_int_equal(fixture_next_link(store), 1);
	put(&e);
	assert_int_equal(fixture_next_link(store), 2);
	e.gone = true;
	put(&e);
	/* Its number stays its own, also behind a restart. */
	reopen();
	assert_int_equal(fixture_next_link(store), 2);
	struct store_row again = fixture_endpoint(2, 1, 2);
	again.endpoint.link = 1;
	assert_int_equal(try(&again, &err), STORE_STALE);
	assert_string_equal(err.text, "another endpoint has had the link id 1");
	again.endpoint.link = 0;
	assert_int_equal(try(&again, &err), -EINVAL);
	/* Some may be left out; of a commit that fails none is used. */
	again.endpoint.link = 5;
	put(&again);
	assert_int_equal(fixture_next_link(store), 6);
	struct store_row pair[] = {fixture_endpoint(7, 1, 3), fixture_endpoint(7, 1, 1)};
	uint64_t rev;
	assert_int_equal(store_commit(store, pair, 2, NULL, &rev, &err), STORE_STALE);
	assert_int_equal(fixture_next_link(store), 6);
	/* Two at once, in any order. */
	pair[0].endpoint.link = 9;
	pair[1].endpoint.id = pair[1].endpoint.link = 8;
	assert_int_equal(store_commit(store, pair, 2, NULL, &rev, &err), 0);
	assert_int_equal(fixture_next_link(store), 10);
	free_rows(pair, 2);
	free_rows(of, 3);
	store_row_deinit(&s);
	store_row_deinit(&e);
	store_row_deinit(&again);
}

/* A change of what is there needs no number, whatever is given meanwhile; and they come to an end. */
static void test_links_run_out(void **state)
{
	struct store_row of[3];
	struct error err;
	put_identities(of);
	struct store_row s = fixture_service(1, "redis", 1), e = fixture_endpoint(1, 1, 2),
			 last = fixture_endpoint(2, 1, 3), late = fixture_endpoint(3, 1, 1);
	put(&s);
	put(&e);
	last.endpoint.link = UINT32_MAX;
	put(&last);
	assert_true(fixture_next_link(store) == (uint64_t)UINT32_MAX + 1);
	late.endpoint.link = UINT32_MAX;
	assert_int_equal(try(&late, &err), STORE_STALE);
	e.endpoint.state = POLICY_APPROVED;
	put(&e);
	reopen();
	assert_true(fixture_next_link(store) == (uint64_t)UINT32_MAX + 1);
	free_rows(of, 3);
	store_row_deinit(&s);
	store_row_deinit(&e);
	store_row_deinit(&last);
	store_row_deinit(&late);
}

/* A backup that is put in place of the store gives none that the store has given since. */
static void test_links_of_a_copy(void **state)
{
	struct store_row of[3];
	struct store_fixture copy = fixture;
	struct error err = {""};
	put_identities(of);
	struct store_row s = fixture_service(1, "redis", 1), e = fixture_endpoint(1, 1, 2);
	put(&s);
	put(&e);
	strcat(copy.path, ".backup");
	assert_int_equal(store_backup(store, copy.path, &err), 0);
	assert_int_equal(fixture_next_link(store), 2);
	store_close(store);
	store = fixture_open(&copy);
	assert_int_equal(fixture_next_link(store), 2 + STORE_LINKS_SKIPPED);
	assert_int_equal(store_check(store, &err), 0);
	free_rows(of, 3);
	store_row_deinit(&s);
	store_row_deinit(&e);
}

/* ---- Damage ---- */

static void ignore(void *arg, const struct store_row *row)
{
}

/* A Rejected that becomes Approved, another consumer, a wider list, by a byte of the disk: nothing is read. */
static void test_damage(void **state)
{
	static const char *const damages[] = {
		"UPDATE endpoints SET state = 2",
		"UPDATE endpoints SET state = 0",
		"UPDATE endpoints SET state = 5",
		"UPDATE endpoints SET how = 1",
		"UPDATE endpoints SET how = 4",
		"UPDATE endpoints SET how = -1",
		"UPDATE endpoints SET consumer = 3",
		"UPDATE endpoints SET service = 2",
		"UPDATE endpoints SET link = 2",
		"UPDATE endpoints SET link = 4294967297",
		"UPDATE endpoints SET uid = zeroblob(16)",
		"UPDATE endpoints SET uid = x'00'",
		"UPDATE endpoints SET e2e_key = randomblob(32)",
		"UPDATE endpoints SET e2e_key = x'00'",
		"UPDATE endpoints SET name = 'wec'",
		"UPDATE endpoints SET rev = 1",
		"UPDATE private_services SET visibility = '@all' WHERE id = 1",
		"UPDATE private_services SET auto_approval = '*' WHERE id = 1",
		"UPDATE private_services SET owner = 3 WHERE id = 1",
		"UPDATE private_services SET tag = '0' WHERE id = 1",
		"UPDATE private_services SET name = 'x' WHERE id = 1",
		"UPDATE private_services SET kind = 2 WHERE id = 1",
		"UPDATE private_services SET kind = 3 WHERE id = 1",
		"UPDATE private_services SET state = 2 WHERE id = 1",
		"UPDATE private_services SET state = 0 WHERE id = 1",
		"UPDATE private_services SET managed = 1 WHERE id = 1",
		"UPDATE private_services SET e2e_key = x'01' WHERE id = 1",
		"UPDATE meta SET value = x'31' WHERE name = 'next_link'",
		"UPDATE meta SET value = x'78' WHERE name = 'next_link'",
		"DELETE FROM meta WHERE name = 'next_link'",
	};
	struct store_row of[3];
	char good[PATH_MAX + 8];
	put_identities(of);
	struct store_row rows[] = {fixture_service(1, "redis", 1), fixture_service(2, "dns", 1),
		fixture_endpoint(1, 1, 2)};
	rows[2].endpoint.state = POLICY_REJECTED;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		put(&rows[i]);
	reopen();
	store_close(store);
	store = NULL;
	snprintf(good, sizeof good, "%s.good", fixture.path);
	fixture_copy(fixture.path, good);
	for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
		struct error err = {""};
		uint64_t rev;
		fixture_copy(good, fixture.path);
		run(damages[i]);
		store = fixture_open(&fixture);
		if (store_read(store, 0, ignore, NULL, &rev, &err) != -EIO)
			fail_msg("%s: it was read", damages[i]);
	}
	free_rows(rows, ARRAY_LEN(rows));
	free_rows(of, 3);
}

/* ---- A store of version 1 ---- */

static void make_version_1(void)
{
	struct store s = {.path = fixture.path};
	struct store_file f;
	struct error err = {""};
	memcpy(s.salt.bytes, fixture_salt, TOKEN_SALT_SIZE);
	assert_int_equal(store_file_make(&f, fixture.path, &err), 0);
	assert_int_equal(store_db_open(&s, f.part, &err), 0);
	assert_int_equal(store_migrate(&s, store_scripts, 0, 1, &err), 0);
	assert_int_equal(store_db_set_meta(&s, STORE_META_SALT, fixture_salt, TOKEN_SALT_SIZE,
				 &err),
		0);
	assert_int_equal(store_db_set_meta(&s, STORE_META_INSTANCE, fixture_salt,
				 STORE_INSTANCE_SIZE, &err),
		0);
	sqlite3_close(s.db);
	buf_deinit(&s.scratch);
	assert_int_equal(store_file_place(&f, false, &err), 0);
	assert_string_equal(err.text, "");
}

static void test_version_1(void **state)
{
	struct stat st;
	struct error err = {""};
	char copy[PATH_MAX + 8];
	store_close(store);
	store = NULL;
	assert_int_equal(unlink(fixture.path), 0);
	make_version_1();
	snprintf(copy, sizeof copy, "%s.v1", fixture.path);
	assert_int_equal(stat(copy, &st), -1);
	store = fixture_open(&fixture);
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(fixture_next_link(store), 1);
	/* What it had is as it was, and what is new has room. */
	struct store_row of[3];
	put_identities(of);
	struct store_row s = fixture_service(1, "redis", 1), e = fixture_endpoint(1, 1, 2);
	put(&s);
	put(&e);
	reopen();
	assert_int_equal(store_check(store, &err), 0);
	of[0].gone = true;
	put(&of[0]);
	auto_free char *text = fixture_text(store, 0);
	assert_null(strstr(text, "endpoint 1"));
	free_rows(of, 3);
	store_row_deinit(&s);
	store_row_deinit(&e);
}

/* Rows of the version before, which the next one reads. */
static void test_rows_of_version_1(void **state)
{
	store_close(store);
	store = NULL;
	assert_int_equal(unlink(fixture.path), 0);
	make_version_1();
	store = fixture_open(&fixture);
	struct store_row of[3], c = fixture_credential(1, 1);
	put_identities(of);
	put(&c);
	auto_free char *before = fixture_text(store, 0);
	run("DROP TABLE roots; DROP TABLE endpoints; DROP TABLE private_services;"
	    "DELETE FROM meta WHERE name = 'next_link';"
	    "INSERT INTO counters VALUES ('next_link', 1);"
	    "CREATE TABLE private_services (id INTEGER PRIMARY KEY) STRICT;"
	    "CREATE TABLE endpoints (id INTEGER PRIMARY KEY) STRICT;"
	    "PRAGMA user_version = 1");
	store = fixture_open(&fixture);
	auto_free char *after = fixture_text(store, 0);
	assert_string_equal(after, before);
	assert_int_equal(fixture_next_link(store), 1);
	free_rows(of, 3);
	store_row_deinit(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_links),
		TEST(test_links_run_out),
		TEST(test_links_of_a_copy),
		TEST(test_damage),
		TEST(test_version_1),
		TEST(test_rows_of_version_1),
	};
	return crypto_start() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
