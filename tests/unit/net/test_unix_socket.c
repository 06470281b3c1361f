/* SPDX-License-Identifier: MIT */
/* The file of the socket: what is replaced, and what is not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "net/unix_socket.h"

static char folder[32], path[64], lock[80];
static struct error err;

static int setup(void **state)
{
	if (!mkdtemp(strcpy(folder, "/tmp/test_socket.XXXXXX")))
		return -1;
	snprintf(path, sizeof(path), "%s/test.sock", folder);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	unlink(lock);
	return rmdir(folder);
}

static int dial(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	memcpy(a.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* A socket that another program left there, or still has. */
static int foreign(bool lives)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	memcpy(a.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	if (lives)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void test_life(void **state)
{
	struct unix_socket s;
	struct stat st;
	for (int i = 0; i < 2; i++) {
		mode_t mode = i ? 0666 : 0600, before = umask(022);
		assert_int_equal(unix_socket_open(&s, path, mode, 1, &err), 0);
		assert_int_equal(umask(before), 022);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, mode);
		auto_close int fd = dial();
		assert_true(fd >= 0);
		unix_socket_close(&s);
		assert_int_equal(stat(path, &st), -1);
		unix_socket_close(&s); /* nothing is left */
	}
}

static void test_second(void **state)
{
	struct unix_socket first, second;
	assert_int_equal(unix_socket_open(&first, path, 0600, 1, &err), 0);
	assert_int_equal(unix_socket_open(&second, path, 0600, 1, &err), UNIX_SOCKET_TAKEN);
	assert_non_null(strstr(err.text, path));
	auto_close int fd = dial();
	assert_true(fd >= 0); /* it is still the first one's */
	unix_socket_close(&first);
	assert_int_equal(unix_socket_open(&second, path, 0600, 1, &err), 0);
	unix_socket_close(&second);
}

/* A process that was killed leaves the file. */
static void test_left(void **state)
{
	struct unix_socket s;
	close(foreign(true));
	assert_int_equal(unix_socket_open(&s, path, 0600, 1, &err), 0);
	auto_close int fd = dial();
	assert_true(fd >= 0);
	unix_socket_close(&s);
}

static void test_foreign(void **state)
{
	struct unix_socket s;
	auto_close int fd = foreign(true);
	assert_true(fd >= 0);
	assert_int_equal(unix_socket_open(&s, path, 0600, 1, &err), UNIX_SOCKET_TAKEN);
	auto_close int peer = dial();
	assert_true(peer >= 0);
}

static void test_no_socket(void **state)
{
	struct unix_socket s;
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs("precious", f);
	fclose(f);
	assert_int_equal(unix_socket_open(&s, path, 0600, 1, &err), -EEXIST);
	assert_non_null(strstr(err.text, "no socket"));
	assert_int_equal(access(path, F_OK), 0);
}

/* Another file took its place: it is not ours to remove. */
static void test_replaced(void **state)
{
	struct unix_socket s;
	assert_int_equal(unix_socket_open(&s, path, 0600, 1, &err), 0);
	unlink(path);
	auto_close int fd = foreign(true);
	assert_true(fd >= 0);
	unix_socket_close(&s);
	assert_int_equal(access(path, F_OK), 0);
}

static void test_paths(void **state)
{
	struct unix_socket s;
	char longer[200];
	memset(longer, 'a', sizeof(longer));
	longer[0] = '/';
	longer[sizeof(longer) - 1] = 0;
	assert_int_equal(unix_socket_open(&s, longer, 0600, 1, &err), -ENAMETOOLONG);
	assert_non_null(strstr(err.text, "107 bytes"));
	snprintf(longer, sizeof(longer), "%s/none/test.sock", folder);
	assert_int_equal(unix_socket_open(&s, longer, 0600, 1, &err), -ENOENT);
	assert_non_null(strstr(err.text, longer));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_life),
		TEST(test_second),
		TEST(test_left),
		TEST(test_foreign),
		TEST(test_no_socket),
		TEST(test_replaced),
		TEST(test_paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
