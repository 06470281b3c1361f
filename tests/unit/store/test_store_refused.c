/* SPDX-License-Identifier: MIT */
/*
 * Stores that are not opened, each with a sentence that says what to do; and the way from one version to the
 * next, with versions of our own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "crypto/crypto.h"
#include "store/store_db.h"
#include "store/store_schema.h"
#include "store_fixture.h"

static struct store_fixture fixture;

/* A store with an identity and its credential, closed. */
static int set_up(void **state)
{
	struct store_row i = fixture_identity(1, "api-team"), c = fixture_credential(1, 1);
	fixture_make(&fixture);
	struct store *s = fixture_open(&fixture);
	fixture_commit(s, &i);
	fixture_commit(s, &c);
	store_close(s);
	fixture_row_free(&i);
	fixture_row_free(&c);
	return 0;
}

static int tear_down(void **state)
{
	fixture_remove(&fixture);
	return 0;
}

/* By another program's hand. */
static void run(const char *sql)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open_v2(fixture.path, &db, SQLITE_OPEN_READWRITE, NULL), 0);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void assert_refused(const uint8_t *salt, int expected, const char *sentence)
{
	struct store *s = NULL;
	struct error err = {""};
	int r = store_open(&s, fixture.path, salt, true, &err);
	if (!r) {
		char *text = NULL;
		r = fixture_dump(s, 0, &text, &err);
		free(text);
		store_close(s);
	}
	assert_int_equal(r, expected);
	if (!strstr(err.text, sentence))
		assert_string_equal(err.text, sentence);
	assert_non_null(strstr(err.text, fixture.path));
}

static void test_readable_by_others(void **state)
{
	chmod(fixture.path, 0640);
	assert_refused(fixture_salt, -EINVAL, "others can read or change it (mode 0640)");
}

static void test_no_file(void **state)
{
	char other[PATH_MAX + 8];
	snprintf(other, sizeof other, "%s.x", fixture.path);
	assert_int_equal(rename(fixture.path, other), 0);
	assert_int_equal(symlink(other, fixture.path), 0);
	assert_refused(fixture_salt, -EINVAL, "is not a file");
}

static void test_another_salt(void **state)
{
	static const uint8_t other[TOKEN_SALT_SIZE] = "another salt....";
	assert_refused(other, -EINVAL,
		"restored from two backups: its tokens work where the file \"salt\" says "
		"7369787465656e2062797465732e2e2e");
	struct store *s = NULL;
	struct error err;
	assert_int_equal(store_open(&s, fixture.path, NULL, false, &err), 0);
	store_close(s);
}

static void test_newer(void **state)
{
	run("PRAGMA user_version = 4; UPDATE meta SET value = x'392e38' WHERE name = 'program'");
	assert_refused(fixture_salt, -EINVAL,
		"has version 4 of the format, and this program knows versions up to 3: it was "
		"written by "
		"tunnel 9.8");
	run("DROP TABLE meta");
	assert_refused(fixture_salt, -EINVAL, "it was written by tunnel unknown");
}

static void test_no_store(void **state)
{
	run("PRAGMA user_version = 0");
	assert_refused(fixture_salt, -EIO, "it has no version");
	assert_int_equal(truncate(fixture.path, 0), 0);
	assert_refused(fixture_salt, -EIO, "it has no version");
	int fd = open(fixture.path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, "salt, and pepper", 16), 16);
	close(fd);
	assert_refused(fixture_salt, -EIO, "file is not a database");
}

static void test_open_elsewhere(void **state)
{
	struct store *s = fixture_open(&fixture);
	sqlite3 *db;
	assert_int_equal(sqlite3_open_v2(fixture.path, &db, SQLITE_OPEN_READWRITE, NULL), 0);
	assert_int_equal(sqlite3_exec(db, "SELECT * FROM meta", NULL, NULL, NULL), SQLITE_BUSY);
	sqlite3_close(db);
	store_close(s);
	assert_int_equal(sqlite3_open_v2(fixture.path, &db, SQLITE_OPEN_READWRITE, NULL), 0);
	assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT * FROM meta", NULL, NULL, NULL), 0);
	assert_refused(fixture_salt, -EBUSY, "is open in another program");
	sqlite3_close(db);
}

/* Whoever changes rows behind our back changes no right. */
static void test_changed_rows(void **state)
{
	static const char *const changes[] = {
		"UPDATE identities SET operator = 1",
		"UPDATE identities SET expires_at = 5",
		"UPDATE identities SET name = 'front'",
		"UPDATE identities SET rev = 2",
		"UPDATE identities SET rev = 3",
		"UPDATE identities SET state = 3",
		"UPDATE grants SET value = '*' WHERE kind = 1",
		"UPDATE grants SET value = 'nonsense/' WHERE kind = 6",
		"UPDATE grants SET kind = 7 WHERE kind = 6",
		"DELETE FROM grants WHERE kind = 6",
		"INSERT INTO grants VALUES (1, 4, '*')",
		"UPDATE credentials SET psk = zeroblob(32)",
		"UPDATE credentials SET identity = 2",
		"UPDATE meta SET value = x'00' WHERE name = 'salt'",
		"UPDATE meta SET value = zeroblob(16) WHERE name = 'instance'",
		"UPDATE meta SET name = 'iostance' WHERE name = 'instance'",
		"UPDATE meta SET value = x'32' WHERE name = 'next_link'",
		"DELETE FROM meta WHERE name = 'next_link'",
		"UPDATE counters SET value = 1 WHERE name = 'rev'",
		"DELETE FROM counters",
	};
	struct error err;
	char copy[PATH_MAX + 8];
	snprintf(copy, sizeof copy, "%s.copy", fixture.path);
	struct store *s = fixture_open(&fixture);
	assert_int_equal(store_backup(s, copy, &err), 0);
	store_close(s);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		char command[3 * PATH_MAX];
		snprintf(command, sizeof command, "cp -p '%s' '%s'", copy, fixture.path);
		assert_int_equal(system(command), 0);
		run(changes[i]);
		assert_refused(fixture_salt, -EIO, "is damaged");
	}
}

static void test_orphans(void **state)
{
	struct error err;
	struct store *s = fixture_open(&fixture);
	assert_int_equal(store_check(s, &err), 0);
	store_close(s);
	run("PRAGMA foreign_keys = OFF; DELETE FROM identities");
	s = fixture_open(&fixture);
	assert_int_equal(store_check(s, &err), -EIO);
	assert_non_null(strstr(err.text, "a row belongs to one that is not there"));
	store_close(s);
}

/* ---- Migration ---- */

static const char add_column[] = "ALTER TABLE gone ADD COLUMN why TEXT NOT NULL DEFAULT ''";
static const char half_good[] = "CREATE TABLE more (id INTEGER PRIMARY KEY); SELECT nonsense";

static uint64_t version_of(struct store *s)
{
	uint64_t version;
	struct error err;
	assert_int_equal(store_db_number(s, "PRAGMA user_version", &version, &err), 0);
	return version;
}

static void test_migration(void **state)
{
	static const struct store_script scripts[] = {[STORE_VERSION] = {add_column, NULL},
		{"SELECT why FROM gone", NULL}};
	struct store *s = fixture_open(&fixture);
	struct store_fixture copy = fixture;
	struct error err = {""};
	struct stat st;
	auto_free char *before = fixture_text(s, 0);
	assert_int_equal(store_migrate(s, scripts, STORE_VERSION, STORE_VERSION + 2, &err), 0);
	assert_int_equal(version_of(s), STORE_VERSION + 2);
	auto_free char *after = fixture_text(s, 0);
	assert_string_equal(before, after);
	store_close(s);
	assert_refused(fixture_salt, -EINVAL, "has version 5 of the format");
	/* What was there before is beside it, whole. */
	strcat(copy.path, ".v3");
	assert_int_equal(stat(copy.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	s = fixture_open(&copy);
	auto_free char *kept = fixture_text(s, 0);
	assert_string_equal(before, kept);
	store_close(s);
}

static void test_migration_that_fails(void **state)
{
	static const struct store_script scripts[] = {[STORE_VERSION] = {half_good, NULL}};
	static const struct store_script good[] = {[STORE_VERSION] = {add_column, NULL}};
	struct store *s = fixture_open(&fixture);
	struct error err = {""};
	auto_free char *before = fixture_text(s, 0);
	for (unsigned i = 0; i < 2; i++) { /* its copy does not stand in the way of another try */
		assert_int_equal(store_migrate(s, scripts, STORE_VERSION, STORE_VERSION + 1, &err),
			-EIO);
		assert_non_null(strstr(err.text, "bringing the store from version 3 to 4"));
		assert_int_equal(version_of(s), STORE_VERSION);
		auto_free char *after = fixture_text(s, 0);
		assert_string_equal(before, after);
	}
	store_close(s);
	s = fixture_open(&fixture);
	assert_int_equal(store_migrate(s, good, STORE_VERSION, STORE_VERSION + 1, &err), 0);
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_readable_by_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_salt, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_newer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_store, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_open_elsewhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_changed_rows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_orphans, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_migration, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_migration_that_fails, set_up, tear_down),
	};
	return crypto_start() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
