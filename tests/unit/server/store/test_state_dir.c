/* SPDX-License-Identifier: MIT */
/* What is kept between starts, who may read it, and what happens where nothing can be kept. */
#include "server/store/state_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"

#define PATHS 300

static char root[] = "/tmp/tunnel-state-XXXXXX";

static const char *in_root(const char *rest)
{
	static char paths[16][PATHS];
	static unsigned next;
	char *path = paths[next++ % 16];
	snprintf(path, PATHS, "%s%s", root, rest);
	return path;
}

static void write_text(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static mode_t mode_of(const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static size_t files_in(const char *path)
{
	size_t n = 0;
	DIR *dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(dir);
	return n;
}

static void test_made_once(void **state)
{
	struct state_dir first, second;
	struct error err;
	const char *dir = in_root("/a/b/state");
	umask(0);
	int r = state_dir_open(&first, dir, true, &err);
	umask(022);
	assert_int_equal(r, 0);
	assert_string_equal(first.dir, dir);
	assert_true(first.token_made);
	assert_int_equal(first.token->n, TOKEN_RANDOM_LEN);
	assert_string_equal(first.token_path, in_root("/a/b/state/token"));
	assert_int_equal(mode_of(first.token_path), 0600);
	assert_int_equal(mode_of(in_root("/a/b/state/salt")), 0600);
	assert_int_equal(files_in(dir), 2);

	assert_int_equal(state_dir_open(&second, dir, true, &err), 0);
	assert_false(second.token_made);
	assert_memory_equal(second.salt, first.salt, TOKEN_SALT_SIZE);
	assert_int_equal(second.token->n, first.token->n);
	assert_memory_equal(second.token->bytes, first.token->bytes, first.token->n);
	state_dir_deinit(&second);

	/* Given a token of its own, the server wants nothing but the salt. */
	assert_int_equal(state_dir_open(&second, dir, false, &err), 0);
	assert_null(second.token);
	assert_memory_equal(second.salt, first.salt, TOKEN_SALT_SIZE);
	state_dir_deinit(&second);
	state_dir_deinit(&first);
}

static void test_directory_is_private(void **state)
{
	struct state_dir s;
	struct error err;
	assert_int_equal(state_dir_open(&s, in_root("/private/state"), false, &err), 0);
	assert_int_equal(mode_of(in_root("/private")), 0700);
	assert_int_equal(mode_of(in_root("/private/state")), 0700);
	assert_int_equal(files_in(s.dir), 1);
	state_dir_deinit(&s);
}

static void test_where(void **state)
{
	static const struct {
		const char *option, *systemd, *xdg, *home; /* below the root, "-" unset */
		const char *want;                          /* NULL: nowhere */
	} cases[] = {
		{"/opt", "/sys", "/xdg", "/home", "/opt"},
		{NULL, "/sys", "/xdg", "/home", "/sys"},
		{NULL, "-", "/xdg", "/home", "/xdg/tunnel"},
		{NULL, "-", "-", "/home", "/home/.local/state/tunnel"},
		{NULL, "-", "-", "-", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct state_dir s;
		struct error err;
		const char *const names[] = {"STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"};
		const char *const values[] = {cases[i].systemd, cases[i].xdg, cases[i].home};
		for (size_t j = 0; j < ARRAY_LEN(names); j++) {
			if (values[j][0] == '-')
				unsetenv(names[j]);
			else
				setenv(names[j], in_root(values[j]), 1);
		}
		const char *option = cases[i].option ? in_root(cases[i].option) : NULL;
		int r = state_dir_open(&s, option, true, &err);
		if (cases[i].want) {
			assert_int_equal(r, 0);
			assert_string_equal(s.dir, in_root(cases[i].want));
		} else {
			assert_true(r < 0);
			assert_non_null(strstr(err.text, "--state-dir"));
		}
		state_dir_deinit(&s);
	}

	/* systemd's list, read by us or handed in by the options' table. */
	char list[2 * PATHS];
	snprintf(list, sizeof list, "%s:%s", in_root("/first"), in_root("/second"));
	setenv("STATE_DIRECTORY", list, 1);
	for (int i = 0; i < 2; i++) {
		struct state_dir s;
		struct error err;
		assert_int_equal(state_dir_open(&s, i ? list : NULL, false, &err), 0);
		assert_string_equal(s.dir, in_root("/first"));
		state_dir_deinit(&s);
	}
	/* A relative XDG path does not count. */
	unsetenv("STATE_DIRECTORY");
	setenv("XDG_STATE_HOME", "relative", 1);
	struct state_dir s;
	struct error err;
	assert_true(state_dir_open(&s, NULL, true, &err) < 0);
	state_dir_deinit(&s);
}

static void test_nothing_can_be_kept(void **state)
{
	struct state_dir one, two;
	struct error err;
	write_text(in_root("/blocked"), "", 0600);
	const char *dir = in_root("/blocked/x");
	assert_int_equal(state_dir_open(&one, dir, false, &err), STATE_DIR_VOLATILE);
	assert_non_null(strstr(err.text, dir));
	assert_non_null(strstr(err.text, "salt"));
	assert_int_equal(state_dir_open(&two, dir, false, &err), STATE_DIR_VOLATILE);
	assert_memory_not_equal(one.salt, two.salt, TOKEN_SALT_SIZE);
	state_dir_deinit(&one);
	state_dir_deinit(&two);
	assert_true(state_dir_open(&one, dir, true, &err) < 0);
	assert_non_null(strstr(err.text, dir));
	assert_non_null(strstr(err.text, "token"));
	assert_null(one.token);
	state_dir_deinit(&one);
}

static void test_unfit_files(void **state)
{
	static const struct {
		const char *name, *text;
		mode_t mode;
		bool need_token, fine;
		const char *says;
	} cases[] = {
		{"token", "a-token-of-ones-own\r\n", 0600, true, true, NULL},
		{"token", "a-token-of-ones-own", 0400, true, true, NULL},
		{"token", "exposed-to-others", 0644, true, false, "chmod"},
		{"token", "exposed-to-group", 0640, true, false, "chmod"},
		{"token", "", 0600, true, false, "damaged"},
		{"token", "\n", 0600, true, false, "damaged"},
		{"token", "two\nlines\n", 0600, true, false, "damaged"},
		{"token", "exposed, not asked for", 0644, false, true, NULL},
		{"salt", "0123456789abcdef0123456789abcdef\n", 0644, false, true, NULL},
		{"salt", "0123456789abcdef0123456789abcdef\n", 0600, true, true, NULL},
		{"salt", "0123456789abcdef0123456789abcde\n", 0600, false, false, "damaged"},
		{"salt", "0123456789abcdef0123456789abcdef0\n", 0600, true, false, "damaged"},
		{"salt", "0123456789abcdef0123456789abcdeg\n", 0600, true, false, "damaged"},
		{"salt", "", 0600, false, false, "damaged"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct state_dir s;
		struct error err;
		char dir[32], file[64];
		snprintf(dir, sizeof dir, "/unfit%zu", i);
		snprintf(file, sizeof file, "%s/%s", dir, cases[i].name);
		assert_int_equal(mkdir(in_root(dir), 0700), 0);
		write_text(in_root(file), cases[i].text, cases[i].mode);
		int r = state_dir_open(&s, in_root(dir), cases[i].need_token, &err);
		if (cases[i].fine != (r == 0))
			fail_msg("case %zu: %d", i, r);
		if (r) {
			assert_true(r < 0);
			assert_non_null(strstr(err.text, in_root(file)));
			assert_non_null(strstr(err.text, cases[i].says));
			assert_null(strstr(err.text, "exposed-to"));
		}
		if (!r && strcmp(cases[i].name, "salt") == 0)
			assert_int_equal(s.salt[15], 0xef);
		if (!r && cases[i].need_token && cases[i].name[0] == 't')
			assert_int_equal(s.token->n, strlen("a-token-of-ones-own"));
		state_dir_deinit(&s);
	}
}

/* A link out of the directory is somebody's trick, not our file. */
static void test_symbolic_link(void **state)
{
	struct state_dir s;
	struct error err;
	assert_int_equal(mkdir(in_root("/link"), 0700), 0);
	write_text(in_root("/elsewhere"), "secret-of-another-program", 0600);
	assert_int_equal(symlink(in_root("/elsewhere"), in_root("/link/token")), 0);
	assert_true(state_dir_open(&s, in_root("/link"), true, &err) < 0);
	state_dir_deinit(&s);
}

/* Servers that start together on one directory agree. */
static void test_together(void **state)
{
	enum { N = 6 };
	char dir[PATHS];
	strcpy(dir, in_root("/together"));
	for (int i = 0; i < N; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			struct state_dir s;
			struct error err;
			int r = state_dir_open(&s, dir, true, &err);
			char out[64];
			snprintf(out, sizeof out, "/together-%d", i);
			if (!r)
				write_text(in_root(out), (char[]){(char)s.salt[0], 'x', 0}, 0600);
			_exit(r ? 1 : 0);
		}
		assert_true(pid > 0);
	}
	for (int i = 0; i < N; i++) {
		int status;
		wait(&status);
		assert_int_equal(status, 0);
	}
	struct state_dir s;
	struct error err;
	assert_int_equal(state_dir_open(&s, dir, true, &err), 0);
	assert_false(s.token_made);
	for (int i = 0; i < N; i++) {
		char out[64];
		snprintf(out, sizeof out, "/together-%d", i);
		FILE *f = fopen(in_root(out), "r");
		assert_non_null(f);
		if (s.salt[0]) /* else the text is empty */
			assert_int_equal(fgetc(f), s.salt[0]);
		fclose(f);
	}
	assert_int_equal(files_in(dir), 2);
	state_dir_deinit(&s);
}

/* As somebody who may not do everything; false: this is one already who may not become another. */
static bool as_nobody(bool now)
{
	return geteuid() != 0 && now ? false : seteuid(now ? 65534 : 0) == 0;
}

/* Nothing is made, and what could be made is no fault. */
static void test_inspect(void **state)
{
	struct error err;
	const char *dir = in_root("/inspected");
	assert_int_equal(state_dir_inspect(in_root("/not-yet/there"), &err), 0);
	write_text(in_root("/a-file"), "", 0600);
	assert_int_equal(state_dir_inspect(in_root("/a-file"), &err), -ENOTDIR);
	assert_non_null(strstr(err.text, "/a-file cannot be opened"));
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(state_dir_inspect(dir, &err), 0);
	assert_int_equal(files_in(dir), 0);
	write_text(in_root("/inspected/salt"), "0123456789abcdef0123456789abcdef\n", 0600);
	write_text(in_root("/inspected/token"), "a-token-of-ones-own\n", 0644);
	assert_int_equal(state_dir_inspect(dir, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/inspected/token holds a secret"));
	chmod(in_root("/inspected/token"), 0600);
	assert_int_equal(state_dir_inspect(dir, &err), 0);
	write_text(in_root("/inspected/salt"), "", 0600);
	assert_int_equal(state_dir_inspect(dir, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/inspected/salt is damaged"));
	unlink(in_root("/inspected/salt"));
	unlink(in_root("/inspected/token"));
	chmod(dir, 0755);
	if (!as_nobody(true))
		return;
	int r = state_dir_inspect(dir, &err);
	as_nobody(false);
	assert_int_equal(r, -EACCES);
	assert_non_null(strstr(err.text, "/inspected/salt cannot be made"));
}

/* The cause is named, and not what came of it: that the parent is missing. */
static void test_who_may_not_make_it(void **state)
{
	struct state_dir s;
	struct error err;
	assert_int_equal(mkdir(in_root("/mine"), 0755), 0);
	assert_int_equal(mkdir(in_root("/everyones"), 0755), 0);
	chmod(in_root("/everyones"), 0777);
	if (!as_nobody(true))
		return;
	const char *dirs[] = {"/mine/a", "/mine/a/b", "/mine/a/b/c", "/everyones/a/b"};
	int results[ARRAY_LEN(dirs)];
	char sentences[ARRAY_LEN(dirs)][sizeof(err.text)];
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		results[i] = state_dir_open(&s, in_root(dirs[i]), true, &err);
		strcpy(sentences[i], results[i] ? err.text : "");
		state_dir_deinit(&s);
	}
	as_nobody(false);
	for (size_t i = 0; i < 3; i++) {
		if (results[i] != -EACCES)
			fail_msg("%s: %d: %s", dirs[i], results[i], sentences[i]);
		assert_non_null(strstr(sentences[i], "cannot be made"));
	}
	assert_int_equal(results[3], 0);
	/* Below a file there is no directory. */
	write_text(in_root("/not-a-dir"), "", 0600);
	assert_int_equal(state_dir_open(&s, in_root("/not-a-dir/a/b"), true, &err), -ENOTDIR);
	state_dir_deinit(&s);
}

static void test_empty_and_relative(void **state)
{
	struct state_dir s;
	struct error err;
	char was[PATH_MAX];
	unsetenv("STATE_DIRECTORY");
	assert_int_equal(state_dir_open(&s, "", true, &err), -ENOENT);
	assert_non_null(strstr(err.text, "--state-dir is empty"));
	state_dir_deinit(&s);
	/* The token's path is for a command that is typed elsewhere. */
	assert_non_null(getcwd(was, sizeof was));
	assert_int_equal(chdir(root), 0);
	assert_int_equal(state_dir_open(&s, "from-here/x", true, &err), 0);
	assert_string_equal(s.dir, in_root("/from-here/x"));
	assert_string_equal(s.token_path, in_root("/from-here/x/token"));
	state_dir_deinit(&s);
	assert_int_equal(chdir(was), 0);
}

/* What stands there instead of a file, or is longer than any token. */
static void test_what_is_no_file(void **state)
{
	struct state_dir s;
	struct error err;
	char text[8192];
	assert_int_equal(mkdir(in_root("/odd"), 0700), 0);
	assert_int_equal(mkdir(in_root("/odd/token"), 0700), 0);
	assert_int_equal(state_dir_open(&s, in_root("/odd"), true, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/odd/token is not a file"));
	state_dir_deinit(&s);
	rmdir(in_root("/odd/token"));
	static const struct {
		size_t n;
		bool fine;
	} rows[] = {{4000, true}, {4093, true}, {4094, false}, {4095, false}, {6000, false}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		memset(text, 'x', rows[i].n);
		text[rows[i].n] = '\0';
		write_text(in_root("/odd/token"), text, 0600);
		int r = state_dir_open(&s, in_root("/odd"), true, &err);
		if ((r == 0) != rows[i].fine)
			fail_msg("row %zu: %d", i, r);
		if (!r)
			assert_int_equal(s.token->n, rows[i].n);
		state_dir_deinit(&s);
	}
	/* What is behind a NUL is damage. */
	FILE *f = fopen(in_root("/odd/token"), "w");
	assert_int_equal(fwrite("abc\0def\n", 1, 8, f), 8);
	fclose(f);
	assert_int_equal(state_dir_open(&s, in_root("/odd"), true, &err), -EINVAL);
	state_dir_deinit(&s);
}

static int setup(void **state)
{
	/* Others come through it, but see nothing of it. */
	return crypto_start() || !mkdtemp(root) || chmod(root, 0711);
}

static int teardown(void **state)
{
	char command[64];
	snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_once),
		cmocka_unit_test(test_directory_is_private),
		cmocka_unit_test(test_where),
		cmocka_unit_test(test_nothing_can_be_kept),
		cmocka_unit_test(test_unfit_files),
		cmocka_unit_test(test_symbolic_link),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_inspect),
		cmocka_unit_test(test_who_may_not_make_it),
		cmocka_unit_test(test_empty_and_relative),
		cmocka_unit_test(test_what_is_no_file),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
