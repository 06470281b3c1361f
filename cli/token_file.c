/* SPDX-License-Identifier: MIT */
#include "cli/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file_error.h"

int token_file_make(const char *path, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		return fd;
	if (errno == EEXIST)
		return error_set(err, -EEXIST,
			"--out: there is a file %s already, and it is not overwritten", path);
	return file_error(err, -errno, path, FILE_WRITE, "--out: %s cannot be made", path);
}

int token_file_write(int fd, const char *path, const char *token, struct error *err)
{
	if (dprintf(fd, "%s\n", token) == (int)strlen(token) + 1 && fsync(fd) == 0)
		return 0;
	return error_set(err, -errno,
		"the token cannot be written to %s (%s); it is lost: make another with tunnel "
		"token "
		"rotate",
		path, strerror(errno));
}
