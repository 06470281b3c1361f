/* SPDX-License-Identifier: MIT */
/* Where the token comes from, and which files are no place for it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/macros.h"
#include "config/token_source.h"

static char dir[64]; /* on a disk, where modes count */

static const char *make_file(const char *text, size_t n, mode_t mode)
{
	static char path[128];
	snprintf(path, sizeof path, "%s/" CREDENTIALS_NAME, dir);
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	fchmod(fd, mode);
	close(fd);
	return path;
}

static bool modes_count(void)
{
	struct statfs fs;
	return statfs(dir, &fs) == 0 && (uint32_t)fs.f_type != TMPFS_MAGIC &&
	       (uint32_t)fs.f_type != RAMFS_MAGIC;
}

static void test_content(void **state)
{
	static char longest[TOKEN_SOURCE_MAX + 2];
	memset(longest, 'a', sizeof longest);
	const struct {
		const char *text;
		size_t n;
		const char *token;    /* NULL: refused */
		const char *sentence; /* has this in it */
	} rows[] = {
		{"secret", 6, "secret", NULL},
		{"secret\n", 7, "secret", NULL},
		{"secret\r\n\n", 9, "secret", NULL},
		{" two words \n", 12, " two words ", NULL},
		{"", 0, NULL, "is empty"},
		{"\r\n", 2, NULL, "is empty"},
		{"a\0b", 3, NULL, "NUL"},
		{longest, TOKEN_SOURCE_MAX + 1, NULL, "longer than 4096 bytes"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct token_source src = {.path = make_file(rows[i].text, rows[i].n, 0600)};
		struct error warning, err;
		char *token = NULL;
		int r = token_source_find(&src, &token, &warning, &err);
		if (rows[i].token) {
			assert_int_equal(r, 0);
			assert_string_equal(token, rows[i].token);
			assert_string_equal(warning.text, "");
		} else {
			assert_int_equal(r, -EINVAL);
			assert_null(token);
			assert_non_null(strstr(err.text, rows[i].sentence));
			assert_non_null(strstr(err.text, src.path));
		}
		free(token);
	}
}

static void test_modes(void **state)
{
	static const struct {
		mode_t mode;
		bool credentials; /* $CREDENTIALS_DIRECTORY is where the file is */
		int r;
		bool warns;
	} rows[] = {
		{0600, false, 0, false}, {0400, false, 0, false}, {0640, false, -EPERM, false},
		{0604, false, -EPERM, false}, {0602, false, -EPERM, false}, {0644, true, 0, true},
		{0440, true, 0, false}, /* systemd's ACL looks like this */
	};
	if (!modes_count())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct token_source src = {.path = make_file("secret", 6, rows[i].mode)};
		struct error warning, err;
		char *token = NULL;
		if (rows[i].credentials)
			setenv(CREDENTIALS_ENV, dir, 1);
		assert_int_equal(token_source_find(&src, &token, &warning, &err), rows[i].r);
		assert_int_equal(warning.text[0] != 0, rows[i].warns);
		if (rows[i].r)
			assert_non_null(strstr(err.text, "others can read it"));
		free(token);
		unsetenv(CREDENTIALS_ENV);
	}
}

static void test_memory_file_system(void **state)
{
	char path[] = "/dev/shm/test_token.XXXXXX";
	int fd = mkstemp(path);
	struct statfs fs;
	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != TMPFS_MAGIC) {
		if (fd >= 0)
			unlink(path);
		skip();
	}
	assert_int_equal(write(fd, "secret", 6), 6);
	fchmod(fd, 0644);
	close(fd);
	struct token_source src = {.path = path};
	struct error warning, err;
	char *token = NULL;
	assert_int_equal(token_source_find(&src, &token, &warning, &err), 0);
	assert_non_null(strstr(warning.text, "others can read it"));
	free(token);
	unlink(path);
}

static void test_sources(void **state)
{
	const char *path = make_file("from-file", 9, 0600);
	static const char missing[] = "/nonexistent/token";
	const struct {
		const char *given, *path, *credentials;
		bool open;
		int r;
		const char *token;
	} rows[] = {
		{"given", NULL, NULL, false, 0, "given"},
		{"given\n", NULL, dir, false, 0, "given"},
		{"\n", NULL, NULL, false, -EINVAL, NULL},
		{NULL, path, NULL, false, 0, "from-file"},
		{NULL, NULL, dir, false, 0, "from-file"},
		{NULL, NULL, "/nonexistent", false, TOKEN_SOURCE_NONE, NULL},
		{NULL, NULL, "", false, TOKEN_SOURCE_NONE, NULL},
		{NULL, NULL, NULL, false, TOKEN_SOURCE_NONE, NULL},
		{NULL, NULL, dir, true, TOKEN_SOURCE_NONE, NULL},
		{"given", path, NULL, false, -EINVAL, NULL},
		{"given", NULL, NULL, true, -EINVAL, NULL},
		{NULL, path, NULL, true, -EINVAL, NULL},
		{NULL, missing, NULL, false, -ENOENT, NULL},
		{NULL, dir, NULL, false, -EISDIR, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct token_source src = {.path = rows[i].path, .open = rows[i].open};
		struct error warning, err = {""};
		char *token = rows[i].given ? strdup(rows[i].given) : NULL;
		if (rows[i].credentials)
			setenv(CREDENTIALS_ENV, rows[i].credentials, 1);
		else
			unsetenv(CREDENTIALS_ENV);
		assert_int_equal(token_source_find(&src, &token, &warning, &err), rows[i].r);
		if (rows[i].token)
			assert_string_equal(token, rows[i].token);
		if (rows[i].r < 0)
			assert_true(err.text[0]);
		free(token);
	}
	unsetenv(CREDENTIALS_ENV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_memory_file_system),
		cmocka_unit_test(test_sources),
	};
	unsetenv(CREDENTIALS_ENV);
	strcpy(dir, "./test_token_source.XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	char path[128];
	snprintf(path, sizeof path, "%s/" CREDENTIALS_NAME, dir);
	unlink(path);
	rmdir(dir);
	return r;
}
