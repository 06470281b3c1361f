/* SPDX-License-Identifier: MIT */
/* tunnel cert's parts: when it renews, the three files that belong together, and the command behind it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/certificate_files.h"
#include "cli/renewal.h"
#include "cli/renewal_command.h"
#include "crypto/crypto.h"

static char top[64], dir[96];

static int set_up(void **state)
{
	strcpy(top, "/tmp/tunnel-renewal-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof dir, "%s/out", top);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];
	snprintf(command, sizeof command, "rm -r %s", top);
	return system(command) == 0 ? 0 : -1;
}

static const char *path(const char *name)
{
	static char text[512];
	snprintf(text, sizeof text, "%s/%s", dir, name);
	return text;
}

static const char *read_file(const char *name)
{
	static char text[256];
	auto_close int fd = open(path(name), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n < 0)
		return "(none)";
	text[n] = 0;
	return text;
}

static int put(const char *text, struct error *err)
{
	char certificate[64], ca[64];
	snprintf(certificate, sizeof certificate, "certificate %s", text);
	snprintf(ca, sizeof ca, "ca %s", text);
	struct secret *key = secret_new(text, strlen(text));
	const struct certificate_files files = {certificate, key, ca};
	int r = certificate_files_write(dir, &files, err);
	secret_free(key);
	return r;
}

static mode_t mode_of(const char *name)
{
	struct stat st;
	assert_int_equal(stat(path(name), &st), 0);
	return st.st_mode & 07777;
}

static unsigned count_entries(void)
{
	unsigned n = 0;
	DIR *d = opendir(dir);
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

/* ---- When ---- */

static void test_wait(void **state)
{
	const uint64_t day = 86400 * CLOCK_S;
	assert_true(renewal_wait(day, 0) == day / 10 * 6);
	for (uint32_t random = 0; random < 5000; random += 7) {
		uint64_t wait = renewal_wait(day, random);
		assert_true(wait >= day / 10 * 6 && wait <= day / 10 * 9);
	}
	/* All of the span is used. */
	assert_true(renewal_wait(day, 999) > day / 100 * 89);
	assert_true(renewal_wait(365 * day, 999) > 365 * day / 100 * 89);
	assert_true(renewal_wait(0, 999) == 0);
}

/* ---- Files ---- */

static void test_files(void **state)
{
	struct error err = {""};
	char link[128];
	mode_t before = umask(077);
	assert_int_equal(put("one", &err), 0);
	umask(before);
	assert_string_equal(read_file("cert.pem"), "certificate one");
	assert_string_equal(read_file("key.pem"), "one");
	assert_string_equal(read_file("ca.pem"), "ca one");
	/* Of a reverse proxy, which runs as another user, the key is none of the business. */
	assert_int_equal(mode_of("key.pem"), 0600);
	assert_int_equal(mode_of("cert.pem"), 0644);
	assert_int_equal(mode_of("ca.pem"), 0644);
	ssize_t n = readlink(path("key.pem"), link, sizeof link - 1);
	assert_true(n > 0);
	link[n] = 0;
	assert_string_equal(link, ".current/key.pem");

	unsigned entries = count_entries();
	for (int i = 0; i < 5; i++)
		assert_int_equal(put("two", &err), 0);
	assert_string_equal(read_file("cert.pem"), "certificate two");
	assert_string_equal(read_file("key.pem"), "two");
	assert_int_equal(count_entries(), entries);
}

/* What was there before has its names taken, and what a crash left is swept away. */
static void test_others(void **state)
{
	struct error err = {""};
	assert_int_equal(mkdir(dir, 0755), 0);
	close(open(path("key.pem"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	close(open(path("mine"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	assert_int_equal(mkdir(path(".version-0123456789abcdef"), 0755), 0);
	close(open(path(".version-0123456789abcdef/key.pem"), O_WRONLY | O_CREAT | O_CLOEXEC,
		0600));
	assert_int_equal(symlink("nowhere", path(".next-0123456789abcdef")), 0);
	assert_int_equal(put("one", &err), 0);
	assert_string_equal(read_file("key.pem"), "one");
	assert_string_equal(read_file("mine"), "");
	assert_int_equal(access(path(".version-0123456789abcdef"), F_OK), -1);
	assert_int_equal(count_entries(), 6);
}

static void test_failure(void **state)
{
	struct error err = {""};
	assert_int_equal(put("one", &err), 0);
	unsigned entries = count_entries();
	/* A directory has the name of the link that is to change. */
	assert_int_equal(unlink(path(".current")), 0);
	assert_int_equal(mkdir(path(".current"), 0755), 0);
	assert_int_equal(put("two", &err), -EISDIR);
	assert_non_null(strstr(err.text, dir));
	assert_int_equal(count_entries(), entries);
	snprintf(dir, sizeof dir, "%s/missing/out", top);
	assert_true(put("three", &err) < 0);
	assert_non_null(strstr(err.text, "cannot be made"));
}

/* ---- The command ---- */

static void test_command(void **state)
{
	struct error err = {""};
	char command[256];
	snprintf(command, sizeof command, "echo \"a b\" > %s/said", top);
	assert_int_equal(renewal_command(command, &err), 0);
	snprintf(dir, sizeof dir, "%s", top);
	assert_string_equal(read_file("said"), "a b\n");
	assert_int_equal(renewal_command("exit 3", &err), -ECANCELED);
	assert_non_null(strstr(err.text, "status 3"));
	assert_int_equal(renewal_command("kill -TERM $$", &err), -ECANCELED);
	assert_non_null(strstr(err.text, "signal 15"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wait),
		TEST(test_files),
		TEST(test_others),
		TEST(test_failure),
		TEST(test_command),
	};
	return crypto_start() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
