/* SPDX-License-Identifier: MIT */
/* Roots of the certificate authority in the store: each column, a rotation, and a key that is nowhere behind it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "crypto/crypto.h"
#include "crypto/random.h"
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

static struct store_row make(uint64_t id, const char *certificate, const char *cross)
{
	struct store_row row = {.kind = STORE_ROOT};
	assert_int_equal(policy_root_init(&row.root, certificate, cross), 0);
	row.root.id = id;
	random_bytes(row.root.key, sizeof row.root.key);
	return row;
}

static void run(const char *sql)
{
	sqlite3 *db = NULL;
	store_close(store);
	store = NULL;
	assert_int_equal(sqlite3_open_v2(fixture.path, &db, SQLITE_OPEN_READWRITE, NULL), 0);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), 0);
	sqlite3_close(db);
}

static bool is_in(const char *path, const uint8_t *p, size_t n)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	if (size <= 0)
		return false;
	auto_free char *all = malloc((size_t)size);
	assert_int_equal(pread(fd, all, (size_t)size, 0), size);
	return memmem(all, (size_t)size, p, n) != NULL;
}

/* ---- */

static void test_columns(void **state)
{
	struct store_row row = make(1, "the certificate", "the other one");
	row.root.lifetime = 12 * POLICY_HOUR;
	fixture_put(store, &row);
	auto_free char *before = fixture_text(store, 0);
	char text[128];
	snprintf(text, sizeof text, "root 1 \"the certificate\" \"the other one\" %02x",
		row.root.key[0]);
	assert_non_null(strstr(before, text));
	assert_non_null(strstr(before, " 43200000000 -1\n"));
	store_close(store);
	store = fixture_open(&fixture);
	auto_free char *after = fixture_text(store, 0);
	assert_string_equal(after, before);
	store_row_deinit(&row);
}

static void test_rotation(void **state)
{
	struct store_row rows[2] = {make(1, "one", "")};
	uint8_t key[POLICY_ROOT_KEY_SIZE];
	struct error err = {""};
	uint64_t rev;
	fixture_put(store, &rows[0]);
	memcpy(key, rows[0].root.key, sizeof key);
	store_close(store);
	assert_true(is_in(fixture.path, key, sizeof key));
	store = fixture_open(&fixture);
	rows[1] = make(2, "two", "two by one");
	policy_root_retire(&rows[0].root);
	assert_int_equal(store_commit(store, rows, 2, NULL, &rev, &err), 0);
	rows[0].rev = rows[1].rev = rev;
	assert_int_equal(store_check(store, &err), 0);
	store_close(store);
	/* It could sign in the name of everybody until the last program has forgotten the root. */
	assert_false(is_in(fixture.path, key, sizeof key));
	assert_true(is_in(fixture.path, rows[1].root.key, sizeof key));
	store = fixture_open(&fixture);
	rows[0].gone = true;
	fixture_put(store, &rows[0]);
	auto_free char *text = fixture_text(store, rev);
	assert_non_null(strstr(text, "gone @3 root 1\n"));
	assert_null(strstr(text, "root 2"));
	store_row_deinit(&rows[0]);
	store_row_deinit(&rows[1]);
}

/* A root that signs has its key, one that does not has none. */
static void test_refused(void **state)
{
	struct store_row row = make(1, "one", "");
	struct error err = {""};
	uint64_t rev;
	row.root.listed_until = 5;
	assert_int_equal(store_commit(store, &row, 1, NULL, &rev, &err), -EINVAL);
	row.root.listed_until = POLICY_NONE;
	memset(row.root.key, 0, sizeof row.root.key);
	assert_int_equal(store_commit(store, &row, 1, NULL, &rev, &err), -EINVAL);
	store_row_deinit(&row);
}

static void test_damage(void **state)
{
	static const char *const changes[] = {
		"UPDATE roots SET private_key = randomblob(32)",
		"UPDATE roots SET certificate = 'another'",
		"UPDATE roots SET lifetime = 1",
		"UPDATE roots SET id = 7",
		"UPDATE roots SET private_key = x'', listed_until = 9",
	};
	struct error err;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct store_row row = make(i + 1, "one", "");
		char *text;
		fixture_put(store, &row);
		run(changes[i]);
		store = fixture_open(&fixture);
		assert_int_equal(fixture_dump(store, 0, &text, &err), -EIO);
		assert_non_null(strstr(err.text, "is damaged"));
		store_row_deinit(&row);
		run("DELETE FROM roots");
		store = fixture_open(&fixture);
	}
}

/* A store of the version before has what it had, and room for roots. */
static void test_version_2(void **state)
{
	struct store_row identity = fixture_identity(1, "web"), row = make(1, "one", "");
	fixture_put(store, &identity);
	auto_free char *before = fixture_text(store, 0);
	run("DROP TABLE roots; PRAGMA user_version = 2");
	store = fixture_open(&fixture);
	auto_free char *after = fixture_text(store, 0);
	assert_string_equal(after, before);
	fixture_put(store, &row);
	store_row_deinit(&identity);
	store_row_deinit(&row);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_columns),
		TEST(test_rotation),
		TEST(test_refused),
		TEST(test_damage),
		TEST(test_version_2),
	};
	return crypto_start() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
