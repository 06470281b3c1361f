/* SPDX-License-Identifier: MIT */
/*
 * A file is written under a name of its own, synced, and then renamed: whoever looks sees all of it or nothing, and
 * where two programs that start together make one, the other reads it.
 */
#include "config/kept_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file_error.h"

char *kept_path(const struct kept_dir *d, const char *name, char to[KEPT_PATH])
{
	snprintf(to, KEPT_PATH, "%s/%s", d->path, name);
	return to;
}

static int error_of(struct error *err, int code, const struct kept_dir *d, const char *name,
	enum file_wish wish, const char *what)
{
	char path[KEPT_PATH];
	kept_path(d, name, path);
	return file_error(err, code, path, wish, "%s cannot be %s", path, what);
}

/* ---- Reading ---- */

/* The descriptor is the caller's. */
static int open_file(const struct kept_dir *d, const char *name, const char *secret, int *fd_out,
	struct error *err)
{
	auto_close int fd = openat(d->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return KEPT_NONE;
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_of(err, -errno, d, name, FILE_READ_SECRET, "opened");
	if (!S_ISREG(st.st_mode))
		return error_set(err, KEPT_UNFIT, "%s/%s is not a file", d->path, name);
	if (secret && (st.st_mode & 0077))
		return error_set(err, KEPT_UNFIT,
			"%s/%s holds a secret and others can read it (mode %04o): remove it, so "
			"that %s is made, or chmod 600 it if nobody did",
			d->path, name, (unsigned)st.st_mode & 07777, secret);
	*fd_out = fd;
	fd = -1;
	return 0;
}

/* Until its end, or the room's. Bytes, or -errno. */
static ssize_t read_all(int fd, char *to, size_t size)
{
	size_t n = 0;
	ssize_t got = 1;
	while (got > 0 && n < size) {
		got = read(fd, to + n, size - n);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			n += (size_t)got;
		else if (got < 0)
			got = 1;
	}
	return (ssize_t)n;
}

int kept_line_read(const struct kept_dir *d, const char *name, const char *secret,
	char text_out[KEPT_LINE_MAX], struct error *err)
{
	auto_close int fd = -1;
	int r = open_file(d, name, secret, &fd, err);
	if (r)
		return r;
	char text[KEPT_LINE_MAX];
	ssize_t n = read_all(fd, text, sizeof text - 1);
	if (n < 0)
		return error_set(err, (int)n, "%s/%s cannot be read: %s", d->path, name,
			strerror((int)-n));
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	text[n] = '\0';
	/* What is behind a NUL or another line is damage. */
	bool clean = n > 0 && n < KEPT_LINE_MAX - 2 && strcspn(text, "\r\n") == (size_t)n;
	if (clean)
		memcpy(text_out, text, (size_t)n + 1);
	explicit_bzero(text, sizeof text);
	if (!clean)
		return error_set(err, KEPT_UNFIT,
			"%s/%s is damaged: remove it, and it is made anew", d->path, name);
	return 0;
}

int kept_text_read(const struct kept_dir *d, const char *name, char **text_out, struct error *err)
{
	auto_close int fd = -1;
	int r = open_file(d, name, NULL, &fd, err);
	if (r)
		return r;
	auto_free char *text = malloc(KEPT_TEXT_MAX + 2);
	if (!text)
		return error_set(err, -ENOMEM, "no memory");
	ssize_t n = read_all(fd, text, KEPT_TEXT_MAX + 1);
	if (n < 0)
		return error_set(err, (int)n, "%s/%s cannot be read: %s", d->path, name,
			strerror((int)-n));
	if (n > (ssize_t)KEPT_TEXT_MAX || memchr(text, '\0', (size_t)n))
		return error_set(err, KEPT_UNFIT, "%s/%s is damaged", d->path, name);
	text[n] = '\0';
	*text_out = text;
	text = NULL;
	return 0;
}

/* ---- Writing ---- */

static int write_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, text, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		text += done;
		n -= (size_t)done;
	}
	return 0;
}

/* 0 also when the file is there by now. */
static int rename_new(int dir, const char *from, const char *to)
{
	if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EEXIST)
		return unlinkat(dir, from, 0) < 0 ? -errno : 0;
	/* Some file systems know no flags. */
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	return renameat(dir, from, dir, to) < 0 ? -errno : 0;
}

static int rename_over(int dir, const char *from, const char *to)
{
	return renameat(dir, from, dir, to) < 0 ? -errno : 0;
}

static int write_file(const struct kept_dir *d, const char *name, const char *text, size_t n,
	int (*put)(int dir, const char *from, const char *to), struct error *err)
{
	char temporary[64];
	uint32_t unique;
	if (getrandom(&unique, sizeof unique, 0) != sizeof unique)
		unique = (uint32_t)getpid(); /* O_EXCL finds out */
	snprintf(temporary, sizeof temporary, ".%.40s.%08x", name, unique);
	auto_close int fd = openat(d->fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_of(err, -errno, d, name, FILE_WRITE, "made");
	int r = write_all(fd, text, n);
	r = r || fsync(fd) == 0 ? r : -errno;
	r = r ? r : put(d->fd, temporary, name);
	if (r) {
		unlinkat(d->fd, temporary, 0);
		return error_set(err, r, "%s/%s cannot be written: %s", d->path, name,
			strerror(-r));
	}
	/* The name is as precious as the content; where directories cannot be synced, be it. */
	fsync(d->fd);
	return 0;
}

int kept_line_write(const struct kept_dir *d, const char *name, const char *line, struct error *err)
{
	char text[KEPT_LINE_MAX];
	int n = snprintf(text, sizeof text, "%s\n", line);
	int r = n < (int)sizeof text ? write_file(d, name, text, (size_t)n, rename_new, err)
				     : error_set(err, -EMSGSIZE, "%s is too long a line", name);
	explicit_bzero(text, sizeof text);
	return r;
}

int kept_text_replace(const struct kept_dir *d, const char *name, const char *text, size_t n,
	struct error *err)
{
	return write_file(d, name, text, n, rename_over, err);
}

int kept_lock(const struct kept_dir *d, const char *name, struct error *err)
{
	char lock[64];
	snprintf(lock, sizeof lock, "%.50s.lock", name);
	auto_close int fd = openat(d->fd, lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_of(err, -errno, d, lock, FILE_WRITE, "made");
	int r;
	do
		r = flock(fd, LOCK_EX);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return error_of(err, -errno, d, lock, FILE_WRITE, "locked");
	int locked = fd;
	fd = -1;
	return locked;
}

/* ---- Both ---- */

int kept_line_keep(const struct kept_dir *d, const char *name, const char *secret,
	const char *fresh, char text_out[KEPT_LINE_MAX], bool *made_out, struct error *err)
{
	int r = kept_line_read(d, name, secret, text_out, err);
	*made_out = r == KEPT_NONE;
	if (r != KEPT_NONE)
		return r;
	r = kept_line_write(d, name, fresh, err);
	/* Another one may have been faster. */
	return r ? r : kept_line_read(d, name, secret, text_out, err);
}

int kept_line_inspect(const struct kept_dir *d, const char *name, const char *secret,
	struct error *err)
{
	char text[KEPT_LINE_MAX];
	int r = kept_line_read(d, name, secret, text, err);
	explicit_bzero(text, sizeof text);
	/* One that is missing can be made where the directory may be written. */
	if (r == KEPT_NONE && faccessat(d->fd, ".", W_OK, AT_EACCESS) < 0)
		return error_of(err, -errno, d, name, FILE_WRITE, "made");
	return r == KEPT_NONE ? 0 : r;
}
