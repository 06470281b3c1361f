/* SPDX-License-Identifier: MIT */
/* What a listing shows of a folder: what a visitor could also have, links by what they lead to. */
#include "client/files/file_listing.h"

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

#include "base/macros.h"
#include "tests/unit/emulated.h"

static const struct {
	const char *name, *link; /* NULL: no link */
	bool shown;
} rows[] = {
	{"file", NULL, true},
	{"to-file", "file", true},
	{"to-directory", "directory", true},
	{"to-here", ".", true},
	{"dangling", "none", false},
	{"out", "/etc/passwd", false},
	{"up", "..", false},
	{"to-hidden", ".hidden", false},
	{"to-fifo", "fifo", false},
	{"fifo", NULL, false},
	{".hidden", NULL, false},
	{".to-file", "file", false},
};

static void make(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void test_links(void **state)
{
	char dir[] = "/tmp/test_listing.XXXXXX";
	struct buf page = BUF_NULL;
	struct file_path at = {.directory = true};
	if (EMULATED)
		skip(); /* links are followed by openat2() alone */
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(mkdir("directory", 0700), 0);
	make("file");
	make(".hidden");
	assert_int_equal(mkfifo("fifo", 0600), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].link)
			assert_int_equal(symlink(rows[i].link, rows[i].name), 0);
	int folder = open(dir, O_PATH | O_DIRECTORY), all = open(dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(file_listing_write(&page, folder, all, &at), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char link[64];
		size_t n = (size_t)snprintf(link, sizeof(link), "<a href=\"%s", rows[i].name);
		bool shown = memmem(buf_head(&page), buf_len(&page), link, n);
		if (shown != rows[i].shown)
			fail_msg("%s is %s", rows[i].name, shown ? "listed" : "not listed");
		unlink(rows[i].name);
	}
	buf_deinit(&page);
	close(folder);
	assert_int_equal(rmdir("directory"), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_links)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
