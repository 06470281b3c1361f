/* SPDX-License-Identifier: MIT */
/* Who is kept from a file, by what: said as it is, through links, and nothing guessed. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file_error.h"
#include "base/macros.h"

#define NOBODY 65534 /* Debian's, and the kernel's for who has no number here */

static void make_file(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT, 0600);
	assert_return_code(fd, errno);
	close(fd);
	chmod(name, geteuid() ? 0 : 0600);
}

/* The root is kept from nothing: it becomes somebody else. Others are by their own mode. */
static int setup(void **state)
{
	static char dir[] = "/tmp/test_file_error.XXXXXX";
	assert_non_null(mkdtemp(dir));
	assert_return_code(chdir(dir), errno);
	chmod(".", 0755);
	mkdir("closed", 0700);
	mkdir("open", 0755);
	chmod("open", 0755);
	make_file("closed/file");
	make_file("open/file");
	assert_return_code(symlink("../closed/file", "open/link"), errno);
	assert_return_code(symlink("file", "open/near"), errno);
	assert_return_code(symlink("gone", "open/dangling"), errno);
	assert_return_code(symlink("round", "open/round"), errno);
	mkdir("hidden", 0);
	mkdir("anybody", 0);
	chmod("anybody", 0777);
	chmod("closed", geteuid() ? 0 : 0700);
	*state = dir;
	return geteuid() == 0 ? seteuid(NOBODY) : 0;
}

static int teardown(void **state)
{
	if (getuid() == 0 && seteuid(0) < 0)
		return -1;
	chmod("closed", 0700);
	static const char *const files[] = {"closed/file", "open/file", "open/link", "open/near",
		"open/dangling", "open/round"};
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		unlink(files[i]);
	rmdir("closed");
	rmdir("open");
	rmdir("hidden");
	rmdir("anybody");
	return rmdir(*state);
}

static void test_causes(void **state)
{
	const char *dir = *state;
	static const struct {
		const char *path;
		enum file_wish wish;
		const char *words[4];
	} rows[] = {
		{"closed/file", FILE_READ,
			{"the file cannot be opened: Permission denied (user ",
				" may not enter the directory closed: it is ", "; let one of"}},
		{"open/link", FILE_READ, {"may not enter the directory open/../closed: "}},
		{"open/file", FILE_READ,
			{"Permission denied (open/file is ", "'s, mode 0", ", and this is user ",
				"chgrp, chmod g+r"}},
		{"open/near", FILE_READ_SECRET, {"(open/file is ", "; chown it to that user"}},
		{"open/file", FILE_WRITE, {"(open/file is ", "may write to"}},
		{"gone/file", FILE_READ, {"No such file or directory (there is no gone)"}},
		{"open/dangling", FILE_READ, {"No such file or directory (there is no open/gone)"}},
		{"open/round", FILE_READ, {"Too many levels of symbolic links"}},
		{"open", FILE_WRITE, {"Is a directory"}},
	};
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		struct error err = {""};
		char path[256];
		bool absolute = i >= ARRAY_LEN(rows);
		size_t n = i % ARRAY_LEN(rows);
		snprintf(path, sizeof path, "%s%s%s", absolute ? dir : "", absolute ? "/" : "",
			rows[n].path);
		int fd = open(path, rows[n].wish == FILE_WRITE ? O_WRONLY : O_RDONLY);
		int code = -errno;
		assert_true(fd < 0);
		assert_int_equal(file_error(&err, code, path, rows[n].wish,
					 "the %s cannot be opened", "file"),
			code);
		for (size_t k = 0; !absolute && k < 4 && rows[n].words[k]; k++)
			if (!strstr(err.text, rows[n].words[k]))
				fail_msg("\"%s\" is not in \"%s\"", rows[n].words[k], err.text);
	}
}

/* Where it would have been made, and nothing more where it is only missing. */
static void test_plain(void **state)
{
	struct error err;
	file_error(&err, -ENOENT, "open/missing", FILE_READ, "x");
	assert_string_equal(err.text, "x: No such file or directory");
	file_error(&err, -EACCES, "/proc/missing", FILE_WRITE, "x");
	assert_non_null(strstr(err.text, "x: Permission denied (/proc is "));
	file_error(&err, -EIO, "open/file", FILE_READ, "x");
	assert_string_equal(err.text, "x: Input/output error");
}

/* What systemd hides from a service has a mode of its own; only the process that it started is one. */
static void test_hidden_by_the_unit(void **state)
{
	char own[32], parent[32];
	snprintf(own, sizeof own, "%d", (int)getpid());
	snprintf(parent, sizeof parent, "%d", (int)getppid());
	const struct {
		const char *pid, *path;
		bool hides;
	} rows[] = {
		{NULL, "hidden/file", false},
		{parent, "hidden/file", false},
		{own, "hidden/file", true},
		{own, geteuid() == getuid() ? "hidden/file" : "closed/file", geteuid() == getuid()},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err;
		unsetenv("SYSTEMD_EXEC_PID");
		if (rows[i].pid)
			setenv("SYSTEMD_EXEC_PID", rows[i].pid, 1);
		file_error(&err, -EACCES, rows[i].path, FILE_READ, "x");
		assert_int_equal(strstr(err.text, "the unit hides") != NULL, rows[i].hides);
	}
	unsetenv("SYSTEMD_EXEC_PID");
}

/* So has its /tmp. */
static void test_private_tmp(void **state)
{
	char own[32];
	snprintf(own, sizeof own, "%d", (int)getpid());
	const struct {
		const char *pid, *path;
		bool tells;
	} rows[] = {
		{own, "/tmp/there-is-no-such-file", true},
		{own, "/var/tmp/there-is-no-such-file", true},
		{own, "there-is-no-such-file", false},
		{NULL, "/tmp/there-is-no-such-file", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err;
		if (rows[i].pid)
			setenv("SYSTEMD_EXEC_PID", rows[i].pid, 1);
		file_error(&err, -ENOENT, rows[i].path, FILE_READ, "x");
		assert_int_equal(strstr(err.text, "PrivateTmp=") != NULL, rows[i].tells);
		unsetenv("SYSTEMD_EXEC_PID");
	}
}

static void test_may_write(void **state)
{
	assert_int_equal(file_may_write("anybody/new"), 0);
	assert_int_equal(file_may_write("anybody/none/new"), -ENOENT);
	assert_int_equal(file_may_write("/proc/new"), geteuid() ? -EACCES : 0);
	assert_int_equal(file_may_write("/dev/null"), 0);
	assert_int_equal(file_may_write("closed/file"), -EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_causes),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_hidden_by_the_unit),
		cmocka_unit_test(test_private_tmp),
		cmocka_unit_test(test_may_write),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
