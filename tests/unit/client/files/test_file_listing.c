/* SPDX-License-Identifier: MIT */
/* Names that are longer than NAME_MAX, which some file systems have (FUSE: 1,024 bytes). */
#include "client/files/file_listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NAME_LONGEST 1024

static size_t length; /* of the one name that there is; 0: none is left */

/* In place of libc's; what follows d_name belongs to it, as there. */
struct dirent *readdir(DIR *dir)
{
	static union {
		struct dirent d;
		char room[sizeof(struct dirent) + NAME_LONGEST];
	} u;
	if (!length)
		return NULL;
	/* Through a pointer: the array's declared end is not the name's. */
	char *name = u.room + offsetof(struct dirent, d_name);
	memset(name, 0xff, length);
	memset(name, 'a', 2);
	name[length] = '\0';
	length = 0;
	return &u.d;
}

int fstatat(int fd, const char *restrict name, struct stat *restrict st, int flags)
{
	*st = (struct stat){.st_mode = S_IFREG | 0644, .st_size = 5};
	return 0;
}

static void test_long_names(void **state)
{
	for (size_t n = NAME_MAX - 2; n <= NAME_LONGEST; n++) {
		struct buf page = BUF_NULL;
		struct file_path at = {.directory = true};
		char link[3 * NAME_LONGEST + 32], *to = stpcpy(link, "<a href=\"aa");
		for (size_t i = 2; i < n; i++)
			to = stpcpy(to, "%FF");
		strcpy(to, "\">");
		length = n;
		int folder = open("/", O_PATH | O_DIRECTORY),
		    dir = open("/", O_RDONLY | O_DIRECTORY);
		assert_int_equal(file_listing_write(&page, folder, dir, &at), 0);
		assert_non_null(memmem(buf_head(&page), buf_len(&page), link, strlen(link)));
		buf_deinit(&page);
		close(folder);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_long_names)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
