/* SPDX-License-Identifier: MIT */
/*
 * Each system call that changes a file fails once, each in its turn; or all from there on; or the process ends
 * there, or the power. What was answered is there, what was refused has a sentence and is not there in part,
 * and the store goes on.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "crypto/crypto.h"
#include "faults.h"
#include "store/store_db.h"
#include "store/store_lock.h"
#include "store/store_schema.h"
#include "store_fixture.h"

#define CHANGES 3
#define ALL     ((1u << CHANGES) - 1)

/* More calls than any sequence here has: one that never passes is a failure. */
#define CALLS_MAX 2000

static struct store_fixture fixture;
static char original[PATH_MAX + 16], copy[PATH_MAX + 16]; /* beside the store */
static char *expected[ALL + 1]; /* what the store has when these changes were made */

/* What one run under a fault came to; shared with a process that ends in it. */
static struct outcome {
	bool opened, done; /* done: of the acts that are one call */
	unsigned made;     /* changes that were answered, as bits */
	bool speechless;   /* something failed without a sentence */
	bool passed;       /* the process came to its end */
} * outcome;

static const char *text_of(struct store *s)
{
	static char text[16384];
	auto_free char *rows = fixture_text(s, 0), *history = fixture_history(s);
	assert_non_null(history);
	snprintf(text, sizeof text, "%s%s", rows, history);
	return text;
}

/* ---- Three changes, none of which needs another ---- */

static int change(struct store *s, unsigned which, struct error *err)
{
	struct store_row rows[2];
	struct store_note note = {"uid 0", "a test", "change", "create", "{}"};
	uint64_t rev;
	if (which == 0) {
		rows[0] = fixture_identity(10, "created");
		rows[1] = fixture_credential(10, 10);
	} else if (which == 1) {
		rows[0] = fixture_identity(1, "revoked");
		rows[0].identity.revoked = true;
		rows[0].rev = 1;
		rows[1] = fixture_credential(1, 1);
		rows[1].credential.revoked_at = 5;
		rows[1].rev = 2;
		note.subject = "revoke";
	} else {
		rows[0] = fixture_identity(2, "deleted");
		rows[0].gone = true;
		rows[0].rev = 3;
		note.subject = "delete";
	}
	size_t n = which == 2 ? 1 : 2;
	int r = store_commit(s, rows, n, &note, &rev, err);
	for (size_t i = 0; i < n; i++)
		fixture_row_free(&rows[i]);
	return r;
}

static int prepare_all(void **state)
{
	struct store_row rows[] = {fixture_identity(1, "revoked"), fixture_credential(1, 1),
		fixture_identity(2, "deleted"), fixture_credential(2, 2)};
	struct error err;
	outcome = mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	fixture_make(&fixture);
	snprintf(original, sizeof original, "%s.original", fixture.path);
	snprintf(copy, sizeof copy, "%s.copy", fixture.path);
	struct store *s = fixture_open(&fixture);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		fixture_commit(s, &rows[i]);
		fixture_row_free(&rows[i]);
	}
	store_close(s);
	fixture_copy(fixture.path, original);
	for (unsigned bits = 0; bits <= ALL; bits++) {
		fixture_copy(original, fixture.path);
		s = fixture_open(&fixture);
		for (unsigned i = 0; i < CHANGES; i++)
			if (bits & 1u << i)
				assert_int_equal(change(s, i, &err), 0);
		expected[bits] = strdup(text_of(s));
		store_close(s);
	}
	return 0;
}

static int remove_all(void **state)
{
	for (unsigned bits = 0; bits <= ALL; bits++)
		free(expected[bits]);
	munmap(outcome, sizeof *outcome);
	fixture_remove(&fixture);
	return 0;
}

/* ---- Acts: prepared, done under a fault, looked at ---- */

struct act {
	void (*prepare)(void);
	void (*run)(void);
	void (*look)(bool in_doubt);
};

static void note_failure(int r, const struct error *err)
{
	outcome->speechless |= r >= 0 || !err->text[0];
}

/* With faults that end, what failed is tried again. */
static void change_all(void)
{
	struct store *s = NULL;
	struct error err = {""};
	int r = store_open(&s, fixture.path, fixture_salt, false, &err);
	if (r) {
		note_failure(r, &err);
		return;
	}
	outcome->opened = true;
	for (unsigned i = 0; i < CHANGES; i++) {
		err.text[0] = '\0';
		r = change(s, i, &err);
		if (r)
			note_failure(r, &err);
		else
			outcome->made |= 1u << i;
	}
	store_close(s);
}

static void restore(void)
{
	char log[PATH_MAX + 8];
	snprintf(log, sizeof log, "%s-wal", fixture.path);
	unlink(log);
	fixture_copy(original, fixture.path);
}

/*
 * What was answered, and nothing else. In doubt is what was under way when the process ended, or when a disk
 * broke between the last write and the sync: nobody can take it back there. It is there whole or not at all.
 */
static void look_at_changes(bool in_doubt)
{
	unsigned next = (outcome->made + 1) | outcome->made;
	struct store *s = fixture_open(&fixture);
	const char *text = text_of(s);
	if (!in_doubt || strcmp(text, expected[next & ALL]) != 0)
		assert_string_equal(text, expected[outcome->made]);
	store_close(s);
}

static void make(void)
{
	struct store *s = NULL;
	struct error err = {""};
	int r = store_open(&s, fixture.path, fixture_salt, true, &err);
	outcome->done = r == 0;
	if (r)
		note_failure(r, &err);
	store_close(s);
}

static void prepare_none(void)
{
	restore();
	unlink(fixture.path);
}

static void look_at_new(bool in_doubt)
{
	if (outcome->done)
		assert_int_equal(access(fixture.path, F_OK), 0);
	/* There or not, it is not there in part. */
	struct store *s = fixture_open(&fixture);
	assert_string_equal(text_of(s), "meta program 5\nmeta salt 16\nrev 0\n");
	store_close(s);
}

static void back_up(void)
{
	struct store *s = NULL;
	struct error err = {""};
	int r = store_open(&s, fixture.path, fixture_salt, false, &err);
	r = r ? r : store_backup(s, copy, &err);
	outcome->done = r == 0;
	if (r)
		note_failure(r, &err);
	store_close(s);
}

static void prepare_backup(void)
{
	restore();
	unlink(copy);
}

static void look_at_backup(bool in_doubt)
{
	struct store_fixture other = fixture;
	strcpy(other.path, copy);
	/* The last thing that can fail is to make the name of a whole copy last. */
	if (outcome->done)
		assert_int_equal(access(copy, F_OK), 0);
	if (access(copy, F_OK) == 0) {
		struct store *s = fixture_open(&other);
		assert_string_equal(text_of(s), expected[0]);
		store_close(s);
	}
	outcome->made = 0;
	look_at_changes(false);
}

static void migrate(void)
{
	static const struct store_script scripts[] = {
		[STORE_VERSION] = {"ALTER TABLE gone ADD COLUMN why TEXT NOT NULL DEFAULT ''",
			NULL}};
	struct store *s = NULL;
	struct error err = {""};
	int r = store_open(&s, fixture.path, fixture_salt, false, &err);
	r = r ? r : store_migrate(s, scripts, STORE_VERSION, STORE_VERSION + 1, &err);
	outcome->done = r == 0;
	if (r)
		note_failure(r, &err);
	store_close(s);
}

static void look_at_migration(bool in_doubt)
{
	struct store *s = NULL;
	struct error err;
	int r = store_open(&s, fixture.path, fixture_salt, false, &err);
	if (r) {
		assert_non_null(strstr(err.text, "has version 4 of the format"));
		return;
	}
	assert_false(outcome->done);
	assert_string_equal(text_of(s), expected[0]);
	store_close(s);
}

static void lock(void)
{
	struct error err = {""};
	int fd, r = store_lock_take(fixture.dir, &fd, &err);
	outcome->done = r == 0;
	if (r)
		note_failure(r, &err);
	else
		close(fd);
}

static void look_at_lock(bool in_doubt)
{
	struct error err;
	int fd;
	assert_int_equal(store_lock_take(fixture.dir, &fd, &err), 0);
	close(fd);
}

static const struct act acts[] = {
	{restore, change_all, look_at_changes},
	{prepare_none, make, look_at_new},
	{prepare_backup, back_up, look_at_backup},
	{restore, migrate, look_at_migration},
	{restore, lock, look_at_lock},
};

/* ---- Every call of each ---- */

static void in_this_process(const struct act *act, enum fault fault, unsigned n)
{
	faults_begin(fault, n);
	act->run();
	outcome->passed = faults_end() < n;
}

static void in_another(const struct act *act, enum fault fault, unsigned n)
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		in_this_process(act, fault, n);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void every_call(enum fault fault, bool crashes)
{
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		unsigned n = 0;
		do {
			assert_in_range(++n, 1, CALLS_MAX);
			*outcome = (struct outcome){0};
			acts[i].prepare();
			(crashes ? in_another : in_this_process)(&acts[i], fault, n);
			assert_false(outcome->speechless);
			acts[i].look(!outcome->passed && (crashes || fault == FAULT_BROKEN));
		} while (!outcome->passed);
		assert_true(n > 1);
		print_message("act %zu: %u calls\n", i, n - 1);
	}
}

static void test_input_output(void **state)
{
	every_call(FAULT_IO, false);
}

static void test_broken_disk(void **state)
{
	every_call(FAULT_BROKEN, false);
}

static void test_full_disk(void **state)
{
	every_call(FAULT_FULL, false);
}

static void test_short_writes(void **state)
{
	every_call(FAULT_SHORT, false);
}

static void test_crash(void **state)
{
	every_call(FAULT_CRASH, true);
}

static void test_power_cut(void **state)
{
	every_call(FAULT_POWER, true);
}

/* A fault that is over is over: what failed by it succeeds on the same store. */
static void test_goes_on(void **state)
{
	static const enum fault kinds[] = {FAULT_IO, FAULT_FULL, FAULT_SHORT, FAULT_BROKEN};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		unsigned calls = 0, refused = 0;
		for (unsigned n = 1; calls + 1 >= n; n++) {
			struct error err = {""};
			unsigned failed = 0;
			restore();
			struct store *s = fixture_open(&fixture);
			faults_begin(kinds[i], n);
			for (unsigned which = 0; which < CHANGES; which++)
				failed |= change(s, which, &err) ? 1u << which : 0;
			calls = faults_end();
			refused += failed != 0;
			const char *text = text_of(s);
			assert_string_equal(text, expected[ALL & ~failed]);
			for (unsigned which = 0; which < CHANGES; which++)
				if (failed & 1u << which)
					assert_int_equal(change(s, which, &err), 0);
			assert_int_equal(store_check(s, &err), 0);
			auto_free char *before = strdup(text_of(s));
			store_close(s);
			s = fixture_open(&fixture);
			assert_string_equal(text_of(s), before);
			store_close(s);
		}
		assert_true(refused > CHANGES);
	}
}

/* A good store is read where nothing more can be written. */
static void test_opened_on_a_full_disk(void **state)
{
	struct store *s = NULL;
	struct error err = {""};
	restore();
	faults_begin(FAULT_FULL, 1);
	/* All that it makes is the log beside it, which is empty. */
	int r = store_open(&s, fixture.path, fixture_salt, false, &err);
	const char *text = r ? err.text : text_of(s);
	faults_end();
	assert_string_equal(text, expected[0]);
	store_close(s);
}

/* ---- A disk that is really full ---- */

#define DISK    "size=1m" /* a store and some twenty changes */
#define NO_DISK 77        /* status: none can be had here */

static bool put_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	return f && fputs(text, f) >= 0 && fclose(f) == 0;
}

/* Name spaces of its own, where anybody may mount one and is root. */
static bool mount_small_disk(void)
{
	char user[32], group[32];
	snprintf(user, sizeof user, "0 %u 1", (unsigned)geteuid());
	snprintf(group, sizeof group, "0 %u 1", (unsigned)getegid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	       put_text("/proc/self/setgroups", "deny") && put_text("/proc/self/uid_map", user) &&
	       put_text("/proc/self/gid_map", group) &&
	       mount("none", fixture.dir, "tmpfs", 0, DISK) == 0;
}

static int fill_a_disk(void)
{
	struct store_row row = fixture_identity(1, "a");
	struct error err = {""};
	int r = 0;
	if (!mount_small_disk())
		return NO_DISK;
	struct store *s = fixture_open(&fixture);
	while (!r) {
		r = store_commit(s, &row, 1, &(struct store_note){"a", "b", "c", "d", "{}"},
			&row.rev, &err);
		row.identity.updated_at++;
	}
	row.identity.updated_at--; /* the change that was refused */
	if (r != -ENOSPC || !strstr(err.text, "No space left on device") || row.rev < 10)
		return 1;
	/* What was answered is there: now, and after another start on the full disk. */
	for (unsigned i = 0; i < 2; i++) {
		auto_free char *text = fixture_text(s, row.rev - 1);
		char line[64];
		snprintf(line, sizeof line, "\n@%" PRIu64 " 1 a ", row.rev);
		if (!strstr(text, line) || store_check(s, &err))
			return 2;
		store_close(s);
		if (store_open(&s, fixture.path, fixture_salt, false, &err))
			return 3;
	}
	store_close(s);
	return 0;
}

static void test_small_disk(void **state)
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(fill_a_disk());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_DISK)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_input_output),
		cmocka_unit_test(test_broken_disk),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_short_writes),
		cmocka_unit_test(test_crash),
		cmocka_unit_test(test_power_cut),
		cmocka_unit_test(test_goes_on),
		cmocka_unit_test(test_opened_on_a_full_disk),
		cmocka_unit_test(test_small_disk),
	};
	return crypto_start() ? 1 : cmocka_run_group_tests(tests, prepare_all, remove_all);
}
