/* SPDX-License-Identifier: MIT */
/* What is committed is there, also after the store was closed; what is stale, or cannot be kept, changes nothing. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "crypto/crypto.h"
#include "store/store_lock.h"
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
	fixture_remove(&fixture);
	return 0;
}

static void reopen(void)
{
	store_close(store);
	store = fixture_open(&fixture);
}

static void assert_text(uint64_t since, const char *expected)
{
	auto_free char *text = fixture_text(store, since);
	const char *rows = strstr(text, "meta salt 16\n");
	assert_non_null(rows);
	assert_string_equal(rows + strlen("meta salt 16\n"), expected);
}

static void test_new_one(void **state)
{
	struct stat st;
	assert_text(0, "rev 0\n");
	assert_int_equal(stat(fixture.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* So is the log beside it. */
	char log[PATH_MAX + 8];
	snprintf(log, sizeof log, "%s-wal", fixture.path);
	assert_int_equal(stat(log, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(store_wait(store, 0), -ENOTSUP);
	reopen();
	assert_text(0, "rev 0\n");
}

static void test_none(void **state)
{
	struct store_fixture other;
	struct store *s = NULL;
	struct error err;
	fixture_make(&other);
	assert_int_equal(store_open(&s, other.path, fixture_salt, false, &err), STORE_NONE);
	assert_null(s);
	assert_int_equal(access(other.path, F_OK), -1);
	fixture_remove(&other);
}

static void test_whole_rows(void **state)
{
	struct store_row i = fixture_identity(7, "api-team"), c = fixture_credential(1, 7);
	struct policy_identity *p = &i.identity;
	p->is_operator = true;
	p->max_sessions = 1;
	p->max_streams = 2;
	p->max_endpoints = 3;
	p->rate_up = 4;
	p->rate_down = INT64_MAX;
	p->expires_at = 6;
	policy_text_free(p->description);
	p->description = strdup("two\nlines, é");
	fixture_grant(&i, POLICY_UDP_PORT, "0");
	fixture_grant(&i, POLICY_PUBLISH, "super-*");
	fixture_grant(&i, POLICY_CONSUME, "redis");
	assert_int_equal(fixture_commit(store, &i), 1);
	assert_int_equal(fixture_commit(store, &c), 2);
	static const char expected[] =
		"@1 7 api-team 0 1 \"two\nlines, é\" 1 2 3 4 9223372036854775807 6 1007 1007"
		" 1:*.h7.example.org 2:8-12 3:0 4:super-* 5:redis 6:192.0.2.0/24\n"
		"@2 0100000000000000 "
		"0202020202020202020202020202020202020202020202020202020202020202"
		" 7 \"\" 1001 -1 -1 -1\nrev 2\n";
	assert_text(0, expected);
	reopen();
	assert_text(0, expected);
	fixture_row_free(&i);
	fixture_row_free(&c);
}

static void test_update_and_since(void **state)
{
	struct store_row a = fixture_identity(1, "a"), b = fixture_identity(2, "b");
	fixture_commit(store, &a);
	fixture_commit(store, &b);
	a.rev = 1;
	a.identity.revoked = true;
	policy_grants_clear(&a.identity.grants, POLICY_HOST);
	policy_grants_clear(&a.identity.grants, POLICY_FROM);
	assert_int_equal(fixture_commit(store, &a), 3);
	assert_text(2, "@3 1 a 1 0 \"\" -1 -1 -1 -1 -1 -1 1001 1001 2:2-6\nrev 3\n");
	assert_text(3, "rev 3\n");
	fixture_row_free(&a);
	fixture_row_free(&b);
}

static void test_deleted(void **state)
{
	struct store_row a = fixture_identity(1, "a"), b = fixture_identity(2, "b");
	struct store_row c = fixture_credential(9, 1);
	fixture_commit(store, &a);
	fixture_commit(store, &c);
	fixture_commit(store, &b);
	a.rev = 1;
	a.gone = true;
	assert_int_equal(fixture_commit(store, &a), 4);
	/* Its credentials and grants went with it. */
	assert_text(2, "gone @4 identity 1\n"
		       "@3 2 b 0 0 \"\" -1 -1 -1 -1 -1 -1 1002 1002"
		       " 1:*.h2.example.org 2:3-7 6:192.0.2.0/24\nrev 4\n");
	assert_text(0, "@3 2 b 0 0 \"\" -1 -1 -1 -1 -1 -1 1002 1002"
		       " 1:*.h2.example.org 2:3-7 6:192.0.2.0/24\nrev 4\n");
	/* There again, it is not gone. */
	a.rev = 0;
	a.gone = false;
	assert_int_equal(fixture_commit(store, &a), 5);
	assert_text(4, "@5 1 a 0 0 \"\" -1 -1 -1 -1 -1 -1 1001 1001"
		       " 1:*.h1.example.org 2:2-6 6:192.0.2.0/24\nrev 5\n");
	fixture_row_free(&a);
	fixture_row_free(&b);
	fixture_row_free(&c);
}

static void test_revoked_key_is_not_kept(void **state)
{
	struct store_row i = fixture_identity(1, "a"), c = fixture_credential(1, 1);
	fixture_commit(store, &i);
	fixture_commit(store, &c);
	c.rev = 2;
	c.credential.revoked_at = 77;
	fixture_commit(store, &c);
	/* The caller's row is as it was. */
	assert_int_equal(c.psk[0], 2);
	assert_text(2, "@3 0100000000000000 "
		       "0000000000000000000000000000000000000000000000000000000000000000"
		       " 1 \"\" 1001 -1 77 -1\nrev 3\n");
	reopen(); /* what was in the log beside the file is in the file now */
	FILE *f = fopen(fixture.path, "re");
	assert_non_null(f);
	unsigned in_a_row = 0;
	for (int byte; (byte = fgetc(f)) != EOF;) {
		in_a_row = byte == 2 ? in_a_row + 1 : 0;
		assert_true(in_a_row < TOKEN_PSK_SIZE);
	}
	fclose(f);
	fixture_row_free(&i);
	fixture_row_free(&c);
}

static void assert_refused(const struct store_row *rows, size_t n, int expected)
{
	struct error err = {""};
	uint64_t rev = 12345;
	auto_free char *before = fixture_text(store, 0);
	assert_int_equal(store_commit(store, rows, n, NULL, &rev, &err), expected);
	assert_int_equal(rev, 12345);
	assert_string_not_equal(err.text, "");
	auto_free char *after = fixture_text(store, 0);
	assert_string_equal(before, after);
}

static void test_stale(void **state)
{
	struct store_row rows[2] = {fixture_identity(1, "a"), fixture_identity(2, "b")};
	struct store_row c = fixture_credential(1, 3), same_name = fixture_identity(4, "a");
	fixture_commit(store, &rows[0]);
	/* One that is there already; one that is not there; the name of another. */
	assert_refused(rows, 1, STORE_STALE);
	rows[1].rev = 7;
	assert_refused(&rows[1], 1, STORE_STALE);
	assert_refused(&same_name, 1, STORE_STALE);
	/* At another revision: changed, or deleted. */
	rows[0].rev = 2;
	assert_refused(rows, 1, STORE_STALE);
	rows[0].gone = true;
	assert_refused(rows, 1, STORE_STALE);
	rows[0].gone = false;
	/* Of an identity that is not there. */
	assert_refused(&c, 1, STORE_STALE);
	/* The first would do, the second does not. */
	rows[0].rev = 1;
	assert_refused(rows, 2, STORE_STALE);
	rows[1].rev = 0;
	uint64_t rev;
	struct error err;
	assert_int_equal(store_commit(store, rows, 2, NULL, &rev, &err), 0);
	assert_int_equal(rev, 2);
	for (size_t i = 0; i < 2; i++)
		fixture_row_free(&rows[i]);
	fixture_row_free(&c);
	fixture_row_free(&same_name);
}

static void test_values_that_are_not_kept(void **state)
{
	struct store_row a = fixture_identity(1, "a"), c = fixture_credential(1, 1);
	a.identity.rate_up = (uint64_t)INT64_MAX + 1;
	assert_refused(&a, 1, -EINVAL);
	a.identity.rate_up = POLICY_NONE;
	fixture_commit(store, &a);
	/* A token that is good has a key. */
	memset(c.psk, 0, sizeof c.psk);
	assert_refused(&c, 1, -EINVAL);
	struct store_row salt = {.kind = STORE_META,
		.meta = {.name = (char[]){STORE_META_SALT}, .value = (char[]){"x"}, .n = 1}};
	assert_refused(&salt, 1, -EINVAL);
	fixture_row_free(&a);
	fixture_row_free(&c);
}

static void test_meta(void **state)
{
	struct store_row ca = {.kind = STORE_META,
		.meta = {.name = (char[]){"ca"}, .value = (char[]){"\0x"}, .n = 2}};
	fixture_commit(store, &ca);
	auto_free char *text = fixture_text(store, 1);
	assert_non_null(strstr(text, "meta ca 2\n"));
}

/* ---- Audit ---- */

static void print_audit(void *arg, const struct store_audit_row *row)
{
	char *to = arg;
	assert_true(row->at > 0 && row->at <= policy_now());
	sprintf(to + strlen(to), "%u:%s/%s/%s/%s/%s ", (unsigned)row->id, row->note.actor,
		row->note.via, row->note.action, row->note.subject, row->note.detail);
}

static void assert_audit(struct store_audit_query query, const char *expected)
{
	char text[4096] = "";
	struct error err;
	assert_int_equal(store_audit(store, &query, print_audit, text, &err), 0);
	assert_string_equal(text, expected);
}

static void test_audit(void **state)
{
	struct store_note note = {"uid 0", "admin socket", "create", "a", "{\"x\":1}"};
	struct store_row a = fixture_identity(1, "a");
	struct error err;
	uint64_t rev, before = policy_now();
	assert_int_equal(store_commit(store, &a, 1, &note, &rev, &err), 0);
	note.subject = "nobody's";
	assert_refused(&a, 1, STORE_STALE);
	note.action = "revoke";
	note.subject = "a";
	a.rev = rev;
	assert_int_equal(store_commit(store, &a, 1, &note, &rev, &err), 0);
	note.action = "login";
	assert_int_equal(store_commit(store, NULL, 0, &note, &rev, &err), 0);
	a.rev = 2;
	assert_int_equal(store_commit(store, &a, 1, NULL, &rev, &err), 0);
#define LINE(id, action) id ":uid 0/admin socket/" action "/a/{\"x\":1} "
	assert_audit((struct store_audit_query){.n = 10},
		LINE("3", "login") LINE("2", "revoke") LINE("1", "create"));
	assert_audit((struct store_audit_query){.n = 2}, LINE("3", "login") LINE("2", "revoke"));
	assert_audit((struct store_audit_query){.n = 2, .before = 2}, LINE("1", "create"));
	assert_audit((struct store_audit_query){.n = 1, .after = 1, .oldest_first = true},
		LINE("2", "revoke"));
	assert_audit((struct store_audit_query){.n = 10, .after = 3}, "");
	assert_audit((struct store_audit_query){.n = 10, .since = before, .before = 3},
		LINE("2", "revoke") LINE("1", "create"));
	assert_audit((struct store_audit_query){.n = 10, .since = policy_now() + 1000000}, "");
	fixture_row_free(&a);
}

/* ---- Backup, check, threads, lock ---- */

/* A backup is put in its place, or it is removed, while it is open: what is answered must not be lost. */
static void test_moved(void **state)
{
	struct store_row a = fixture_identity(1, "a"), b = fixture_identity(2, "b");
	char copy[PATH_MAX + 8];
	fixture_commit(store, &a);
	snprintf(copy, sizeof copy, "%s.copy", fixture.path);
	fixture_copy(fixture.path, copy);
	assert_int_equal(rename(copy, fixture.path), 0);
	assert_refused(&b, 1, -ESTALE);
	assert_int_equal(unlink(fixture.path), 0);
	assert_refused(&b, 1, -ESTALE);
	fixture_row_free(&a);
	fixture_row_free(&b);
}

static void test_backup(void **state)
{
	struct store_row a = fixture_identity(1, "a");
	struct store_fixture copy;
	struct error err;
	struct stat st;
	fixture_commit(store, &a);
	auto_free char *before = fixture_text(store, 0);
	fixture_make(&copy);
	assert_int_equal(store_backup(store, copy.path, &err), 0);
	assert_int_equal(stat(copy.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(store_backup(store, copy.path, &err), -EEXIST);
	a.rev = 1;
	fixture_commit(store, &a);
	struct store *s = fixture_open(&copy);
	auto_free char *text = fixture_text(s, 0);
	assert_string_equal(text, before);
	store_close(s);
	fixture_remove(&copy);
	assert_int_equal(store_backup(store, copy.path, &err), -ENOENT);
	fixture_row_free(&a);
}

static void test_check(void **state)
{
	struct store_row a = fixture_identity(1, "a");
	struct error err = {""};
	fixture_commit(store, &a);
	assert_int_equal(store_check(store, &err), 0);
	fixture_row_free(&a);
}

#define THREADS 4
#define COMMITS 20 /* of each thread */

/* NULL, or something where it failed. */
static void *commit_often(void *arg)
{
	uint64_t first = (uint64_t)(uintptr_t)arg * COMMITS + 1;
	for (uint64_t n = first; n < first + COMMITS; n++) {
		struct store_row c = fixture_credential(n, 1);
		struct error err;
		uint64_t rev;
		if (store_commit(store, &c, 1, NULL, &rev, &err))
			return store;
		fixture_row_free(&c);
		auto_free char *text = NULL;
		if (fixture_dump(store, 0, &text, &err))
			return store;
	}
	return NULL;
}

/* Callers wait for each other; none sees another's half. */
static void test_threads(void **state)
{
	pthread_t threads[THREADS];
	struct store_row a = fixture_identity(1, "a");
	fixture_commit(store, &a);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, commit_often, (void *)i), 0);
	for (uintptr_t i = 0; i < THREADS; i++) {
		void *failed;
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	auto_free char *text = fixture_text(store, 0);
	assert_non_null(strstr(text, "rev 81\n"));
	fixture_row_free(&a);
}

/* It changes nothing else, no revision above all, and what a digest holds together still fits. */
static void test_touch(void **state)
{
	struct store_row i = fixture_identity(1, "a"), c = fixture_credential(1, 1);
	struct store_row other = fixture_credential(2, 1), none = fixture_credential(3, 1);
	struct error err = {""};
	i.rev = fixture_commit(store, &i);
	c.rev = fixture_commit(store, &c);
	other.rev = fixture_commit(store, &other);
	auto_free char *before = fixture_text(store, 0), *history = fixture_history(store);
	struct store_use uses[3] = {{.kind = STORE_CREDENTIAL, .at = 7},
		{.kind = STORE_CREDENTIAL, .at = 8}, {.kind = STORE_CREDENTIAL, .at = 9}};
	memcpy(uses[0].key_id, none.credential.key_id, TOKEN_ID_SIZE);
	memcpy(uses[1].key_id, c.credential.key_id, TOKEN_ID_SIZE);
	memcpy(uses[2].key_id, other.credential.key_id, TOKEN_ID_SIZE);
	assert_int_equal(store_touch(store, uses, 3, &err), 0);
	for (unsigned k = 0; k < 2; k++) {
		auto_free char *after = fixture_text(store, 0), *now = fixture_history(store);
		char *first = strstr(after, " 8\n"), *second = strstr(after, " 9\n");
		assert_non_null(first);
		assert_non_null(second);
		assert_null(strstr(after, " 7\n"));
		assert_int_equal(strlen(after) + 2, strlen(before)); /* two -1 less */
		assert_string_equal(now, history);
		assert_int_equal(store_check(store, &err), 0);
		reopen();
	}
	/* Who knows the revision of before may change it. */
	c.credential.last_used_at = 10;
	assert_int_equal(fixture_commit(store, &c), other.rev + 1);
	fixture_row_free(&i);
	fixture_row_free(&c);
	fixture_row_free(&other);
	fixture_row_free(&none);
}

static void test_lock(void **state)
{
	int fd = -1, other = -1;
	struct error err = {""};
	char pid[32];
	assert_int_equal(store_lock_take(fixture.dir, &fd, &err), 0);
	assert_int_equal(store_lock_take(fixture.dir, &other, &err), -EWOULDBLOCK);
	assert_int_equal(other, -1);
	snprintf(pid, sizeof pid, "process %d", (int)getpid());
	assert_non_null(strstr(err.text, pid));
	assert_non_null(strstr(err.text, fixture.dir));
	close(fd);
	assert_int_equal(store_lock_take(fixture.dir, &fd, &err), 0);
	close(fd);
	assert_int_equal(store_lock_take("/nonexistent", &fd, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_new_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_whole_rows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_update_and_since, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_deleted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_revoked_key_is_not_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stale, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_values_that_are_not_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_meta, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_audit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_moved, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_backup, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_check, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_threads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_touch, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lock, set_up, tear_down),
	};
	return crypto_start() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
