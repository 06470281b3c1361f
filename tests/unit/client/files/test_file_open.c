/* SPDX-License-Identifier: MIT */
/*
 * What is reached in a folder, and what is not, on a kernel with openat2(2) and where a sandbox forbids it. The
 * paths are those that file_path lets through, and some that it does not.
 */
#include "client/files/file_open.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "tests/unit/emulated.h"

enum { IS_FILE = 1, IS_DIRECTORY = 2 };

static const struct {
	const char *path;
	int want;   /* or a negative errno */
	int walked; /* where openat2() is not to be had; 0: the same */
} rows[] = {
	{"file", IS_FILE, 0},
	{"a/b/file", IS_FILE, 0},
	{"", IS_DIRECTORY, 0},
	{"a", IS_DIRECTORY, 0},
	{"a/b", IS_DIRECTORY, 0},
	{"none", -ENOENT, 0},
	{"a/none", -ENOENT, 0},
	{"none/file", -ENOENT, 0},
	{"file/file", -ENOENT, 0},
	{"fifo", -ENOENT, 0},
	{"socket", -ENOENT, 0},
	/* links that stay */
	{"to-file", IS_FILE, -ENOENT},
	{"to-a", IS_DIRECTORY, -ENOENT},
	{"to-a/b/file", IS_FILE, -ENOENT},
	{"a/up", IS_FILE, -ENOENT},
	{"to-here", IS_DIRECTORY, -ENOENT},
	{"to-here/file", IS_FILE, -ENOENT},
	/* links that do not, and what they lead to */
	{"out", -ENOENT, 0},
	{"out-directory", -ENOENT, 0},
	{"out-directory/secret", -ENOENT, 0},
	{"out-and-in", -ENOENT, 0},
	{"absolute", -ENOENT, 0},
	{"root", -ENOENT, 0},
	{"self", -ENOENT, 0},
	{"dangling", -ENOENT, 0},
	{"loop", -ENOENT, 0},
	{"to-fifo", -ENOENT, 0},
	/* links to what is hidden */
	{"to-hidden", -ENOENT, 0},
	{"to-git", -ENOENT, 0},
	{"to-git/config", -ENOENT, 0},
	/* what no request can say */
	{"..", -ENOENT, 0},
	{"../outside/secret", -ENOENT, 0},
	{"a/../../outside/secret", -ENOENT, 0},
	{"/etc/passwd", -ENOENT, 0},
};

static char top[] = "/tmp/tunnel-file-open-XXXXXX";

static __attribute__((format(printf, 1, 2))) void make(const char *format, ...)
{
	char command[2048];
	va_list args;
	va_start(args, format);
	assert_in_range(vsnprintf(command, sizeof command, format, args), 1, sizeof command - 1);
	va_end(args);
	assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
	assert_non_null(mkdtemp(top));
	make("set -e; cd %s && mkdir -p outside site/a/b site/.git && echo secret >outside/secret "
	     "&& "
	     "echo in | tee site/file site/a/b/file site/.hidden site/.git/config >/dev/null && "
	     "cd site && mkfifo fifo && ln -s file to-file && ln -s a to-a && ln -s ../file a/up "
	     "&& "
	     "ln -s . to-here && ln -s ../outside/secret out && ln -s ../outside out-directory && "
	     "ln -s ../site/file out-and-in && ln -s %s/site/file absolute && ln -s / root && "
	     "ln -s /proc/self/exe self && ln -s nowhere dangling && ln -s loop loop && "
	     "ln -s fifo to-fifo && ln -s .hidden to-hidden && ln -s .git to-git",
		top, top);
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	snprintf(sa.sun_path, sizeof sa.sun_path, "%s/site/socket", top);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return close(fd);
}

static int teardown(void **state)
{
	make("rm -rf %s", top);
	return 0;
}

static int open_site(void)
{
	char site[sizeof top + 8];
	snprintf(site, sizeof site, "%s/site", top);
	int fd = file_open_folder(site);
	assert_true(fd >= 0);
	return fd;
}

/* What a row comes to by each of the three ways to ask. */
static int reach(int folder, const char *path)
{
	struct stat st;
	int looked = file_look(folder, path, &st);
	int fd = file_open(folder, path, &st);
	int directory = file_open_directory(folder, path);
	int result = fd >= 0 ? IS_FILE : directory >= 0 ? IS_DIRECTORY : fd;
	if (fd >= 0) {
		char byte;
		/* Of what is outside not a byte. */
		assert_int_equal(read(fd, &byte, 1), 1);
		assert_int_equal(byte, 'i');
		close(fd);
	}
	assert_true(fd < 0 || directory < 0);
	assert_int_equal(looked, result > 0 ? 0 : result);
	if (directory >= 0) {
		assert_int_equal(fd, -EISDIR);
		close(directory);
	}
	return result;
}

static bool check(bool walked)
{
	int folder = open_site();
	bool right = true;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int want = walked && rows[i].walked ? rows[i].walked : rows[i].want;
		int got = reach(folder, rows[i].path);
		if (got != want)
			fprintf(stderr, "%s: %d instead of %d\n", rows[i].path, got, want);
		right = right && got == want;
	}
	close(folder);
	return right;
}

static void test_beneath(void **state)
{
	assert_true(check(EMULATED));
}

/* openat2() is answered by this errno from here on, as sandboxes and old kernels do. */
static bool forbid(int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((uint32_t)error & SECCOMP_RET_DATA)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {ARRAY_LEN(filter), filter};
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 &&
	       syscall(SYS_openat2, -1, "", NULL, 0) < 0 && errno == error;
}

static void test_walked(void **state)
{
	static const int errors[] = {ENOSYS, EPERM};
	if (EMULATED)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		int status = 0;
		pid_t child = fork();
		if (child == 0)
			_exit(!forbid(errors[i]) ? 2 : !check(true));
		assert_true(child > 0 && waitpid(child, &status, 0) == child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

/* Whoever has a fifo open notices a reader; nobody is one. */
static void test_fifo_is_left_alone(void **state)
{
	struct stat st;
	char fifo[sizeof top + 16];
	int folder = open_site();
	snprintf(fifo, sizeof fifo, "%s/site/fifo", top);
	assert_int_equal(file_open(folder, "fifo", &st), -ENOENT);
	assert_true(open(fifo, O_WRONLY | O_NONBLOCK) < 0 && errno == ENXIO);
	close(folder);
}

/* Names that are there, and may not be read by who serves them. */
static int reach_locked(int folder)
{
	struct stat st;
	static const char *const denied[] = {"locked-file", "locked/file"};
	for (size_t i = 0; i < ARRAY_LEN(denied); i++)
		if (file_open(folder, denied[i], &st) != -EACCES)
			return 1;
	if (file_open_directory(folder, "locked") != -EACCES ||
		file_open(folder, "locked", &st) != -EISDIR)
		return 2;
	return file_open(folder, "file", &st) < 0;
}

static void test_locked(void **state)
{
	int status = 0, folder = open_site();
	make("cd %s/site && mkdir locked && echo in | tee locked/file >locked-file && "
	     "chmod 755 .. . && chmod 0 locked locked-file",
		top);
	pid_t child = fork();
	if (child == 0) {
		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(3);
		_exit(reach_locked(folder));
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	make("chmod 700 %s/site/locked", top);
	close(folder);
}

static void test_folder(void **state)
{
	char path[sizeof top + 32];
	snprintf(path, sizeof path, "%s/none", top);
	assert_int_equal(file_open_folder(path), -ENOENT);
	snprintf(path, sizeof path, "%s/site/file", top);
	assert_int_equal(file_open_folder(path), -ENOTDIR);
	/* A link to the folder is the operator's own. */
	snprintf(path, sizeof path, "%s/site/to-a", top);
	int fd = file_open_folder(path);
	assert_true(fd >= 0);
	assert_int_equal(reach(fd, "b/file"), IS_FILE);
	assert_int_equal(reach(fd, "up"), -ENOENT);
	close(fd);
	/* The whole machine, whose paths have no prefix. */
	fd = file_open_folder("/");
	snprintf(path, sizeof path, "%s/site/to-file", top + 1);
	assert_int_equal(reach(fd, path), EMULATED ? -ENOENT : IS_FILE);
	snprintf(path, sizeof path, "%s/site/to-hidden", top + 1);
	assert_int_equal(reach(fd, path), -ENOENT);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_beneath),
		cmocka_unit_test(test_walked),
		cmocka_unit_test(test_fifo_is_left_alone),
		cmocka_unit_test(test_locked),
		cmocka_unit_test(test_folder),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
