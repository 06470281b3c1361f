/* SPDX-License-Identifier: MIT */
#include "store/store_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "store/store_file.h"

#define PID_SIZE 16 /* bytes: a process id in digits */

/* Whoever has it wrote its number there; a number that is not there is no news. */
static int refuse(int fd, const char *dir, struct error *err)
{
	char text[PID_SIZE] = "";
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	long pid = n > 0 ? strtol(text, NULL, 10) : 0;
	if (pid > 0)
		return error_set(err, -EWOULDBLOCK,
			"another tunnel works with the state directory %s: process %ld", dir, pid);
	return error_set(err, -EWOULDBLOCK, "another tunnel works with the state directory %s",
		dir);
}

static void sign(int fd)
{
	char text[PID_SIZE];
	int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	/* For people alone: the lock is the kernel's. */
	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) < 0)
		return;
}

int store_lock_take(const char *dir, int *fd_out, struct error *err)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/%s", dir, STORE_LOCK_FILE) >= (int)sizeof path)
		return error_set(err, -ENAMETOOLONG, "the name of the state directory is too long");
	auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? -errno : store_file_give(fd, path);
	if (r)
		return file_error(err, r, path, FILE_WRITE, "%s cannot be opened", path);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return refuse(fd, dir, err);
		if (errno != EINTR)
			return error_set(err, -errno, "%s cannot be locked: %m", path);
	}
	sign(fd);
	*fd_out = fd;
	fd = -1;
	return 0;
}
