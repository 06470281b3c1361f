/* SPDX-License-Identifier: MIT */
/* Files that are kept: whole or not at all, for one user alone, and for one process at a time. */
#include "config/kept_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

static char root[] = "/tmp/tunnel-kept-XXXXXX";
static struct kept_dir d;
static struct error err;

static int setup(void **state)
{
	char path[64];
	strcpy(root + sizeof(root) - 7, "XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(path, sizeof(path), "%s/a/b", root);
	return kept_dir_open(&d, path, "x", &err);
}

static int teardown(void **state)
{
	char command[64];
	kept_dir_close(&d);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static mode_t mode_of(const char *name)
{
	struct stat st;
	assert_int_equal(fstatat(d.fd, name, &st, 0), 0);
	return st.st_mode & 07777;
}

static void put(const char *name, const char *text, size_t n, mode_t mode)
{
	auto_close int fd = openat(d.fd, name, O_WRONLY | O_CREAT | O_TRUNC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	assert_int_equal(fchmod(fd, mode), 0);
}

/* Temporary files are gone, whatever happened. */
static void assert_files(size_t expected)
{
	size_t n = 0;
	DIR *dir = opendir(d.path);
	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(dir);
	assert_int_equal(n, expected);
}

static void the_directory_is_this_user_s_alone(void **state)
{
	assert_int_equal(mode_of("."), 0700);
	assert_int_equal(mode_of(".."), 0700);
}

static void a_line_is_made_once(void **state)
{
	char text[KEPT_LINE_MAX];
	bool made;
	assert_int_equal(kept_line_read(&d, "key", "a new one", text, &err), KEPT_NONE);
	assert_int_equal(kept_line_keep(&d, "key", "a new one", "first", text, &made, &err), 0);
	assert_true(made);
	assert_string_equal(text, "first");
	assert_int_equal(mode_of("key"), 0600);
	assert_int_equal(kept_line_keep(&d, "key", "a new one", "second", text, &made, &err), 0);
	assert_false(made);
	assert_string_equal(text, "first");
	assert_int_equal(kept_line_write(&d, "key", "third", &err), 0);
	assert_int_equal(kept_line_read(&d, "key", "a new one", text, &err), 0);
	assert_string_equal(text, "first");
	assert_files(1);
}

static void a_secret_that_others_can_read_is_refused(void **state)
{
	char text[KEPT_LINE_MAX];
	put("key", "x\n", 2, 0640);
	assert_int_equal(kept_line_read(&d, "key", NULL, text, &err), 0);
	assert_int_equal(kept_line_read(&d, "key", "a new key", text, &err), KEPT_UNFIT);
	assert_non_null(strstr(err.text, "others can read it (mode 0640)"));
	assert_non_null(strstr(err.text, "so that a new key is made"));
}

static void what_is_no_line_is_damage(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} cases[] = {{"", 0}, {"\n", 1}, {"a\nb\n", 4}, {"a\0b\n", 4}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[KEPT_LINE_MAX] = "before";
		put("key", cases[i].text, cases[i].n, 0600);
		assert_int_equal(kept_line_read(&d, "key", NULL, text, &err), KEPT_UNFIT);
		assert_string_equal(text, "before");
	}
}

static void a_link_or_a_pipe_is_no_file(void **state)
{
	char text[KEPT_LINE_MAX];
	assert_int_equal(symlinkat("/etc/passwd", d.fd, "link"), 0);
	assert_true(kept_line_read(&d, "link", NULL, text, &err) < 0);
	assert_int_equal(mkfifoat(d.fd, "pipe", 0600), 0);
	assert_int_equal(kept_line_read(&d, "pipe", NULL, text, &err), KEPT_UNFIT);
}

static void a_text_replaces_the_one_before(void **state)
{
	auto_free char *text = NULL;
	assert_int_equal(kept_text_read(&d, "known", &text, &err), KEPT_NONE);
	assert_null(text);
	assert_int_equal(kept_text_replace(&d, "known", "a\nb\n", 4, &err), 0);
	assert_int_equal(kept_text_replace(&d, "known", "c\n", 2, &err), 0);
	assert_int_equal(kept_text_read(&d, "known", &text, &err), 0);
	assert_string_equal(text, "c\n");
	assert_int_equal(mode_of("known"), 0600);
	assert_files(1);
}

static void a_text_has_a_limit_and_no_nul(void **state)
{
	char *text = NULL, *large = calloc(1, KEPT_TEXT_MAX + 1);
	assert_non_null(large);
	put("known", "a\0b", 3, 0600);
	assert_int_equal(kept_text_read(&d, "known", &text, &err), KEPT_UNFIT);
	memset(large, 'x', KEPT_TEXT_MAX + 1);
	put("known", large, KEPT_TEXT_MAX + 1, 0600);
	assert_int_equal(kept_text_read(&d, "known", &text, &err), KEPT_UNFIT);
	put("known", large, KEPT_TEXT_MAX, 0600);
	assert_int_equal(kept_text_read(&d, "known", &text, &err), 0);
	assert_int_equal(strlen(text), KEPT_TEXT_MAX);
	free(text);
	free(large);
}

static void what_cannot_be_written_leaves_nothing(void **state)
{
	auto_free char *text = NULL;
	if (geteuid() == 0) {
		/* Nobody keeps this user from writing; a directory in the file's place does. */
		assert_int_equal(mkdirat(d.fd, "known", 0700), 0);
		assert_true(kept_text_replace(&d, "known", "a\n", 2, &err) < 0);
		assert_files(1);
		return;
	}
	assert_int_equal(fchmod(d.fd, 0500), 0);
	assert_int_equal(kept_text_replace(&d, "known", "a\n", 2, &err), -EACCES);
	assert_int_equal(kept_line_inspect(&d, "key", NULL, &err), -EACCES);
	assert_int_equal(fchmod(d.fd, 0700), 0);
	assert_files(0);
}

static void a_lock_is_one_process_s_at_a_time(void **state)
{
	int fd = kept_lock(&d, "known", &err);
	assert_true(fd >= 0);
	auto_close int other = openat(d.fd, "known.lock", O_RDWR);
	assert_true(other >= 0);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	close(fd);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
}

static void the_directory_is_found(void **state)
{
	char before[4096];
	const char *home = getenv("HOME");
	snprintf(before, sizeof(before), "%s", home ? home : "");
	unsetenv("STATE_DIRECTORY");
	unsetenv("XDG_STATE_HOME");
	setenv("HOME", "/home/x", 1);
	auto_free char *by_home = kept_dir_find(NULL, "name");
	assert_string_equal(by_home, "/home/x/.local/state/name");
	setenv("XDG_STATE_HOME", "relative", 1);
	auto_free char *ignored = kept_dir_find(NULL, "name");
	assert_string_equal(ignored, "/home/x/.local/state/name");
	setenv("XDG_STATE_HOME", "/xdg", 1);
	auto_free char *by_xdg = kept_dir_find(NULL, "name");
	assert_string_equal(by_xdg, "/xdg/name");
	setenv("STATE_DIRECTORY", "/one:/two", 1);
	auto_free char *by_unit = kept_dir_find(NULL, "name");
	assert_string_equal(by_unit, "/one");
	auto_free char *by_option = kept_dir_find("/option", "name");
	assert_string_equal(by_option, "/option");
	unsetenv("STATE_DIRECTORY");
	unsetenv("XDG_STATE_HOME");
	unsetenv("HOME");
	errno = EIO;
	assert_null(kept_dir_find(NULL, "name"));
	assert_int_equal(errno, 0);
	setenv("HOME", before, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_directory_is_this_user_s_alone),
		TEST(a_line_is_made_once),
		TEST(a_secret_that_others_can_read_is_refused),
		TEST(what_is_no_line_is_damage),
		TEST(a_link_or_a_pipe_is_no_file),
		TEST(a_text_replaces_the_one_before),
		TEST(a_text_has_a_limit_and_no_nul),
		TEST(what_cannot_be_written_leaves_nothing),
		TEST(a_lock_is_one_process_s_at_a_time),
		TEST(the_directory_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
