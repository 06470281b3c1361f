/* SPDX-License-Identifier: MIT */
/* A file of names is read, changed and replaced, under a lock. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file_error.h"
#include "client/local/hosts_file.h"

/* Between two looks at a lock that another process holds, µs. */
#define LOCK_LOOK (10 * CLOCK_MS)

static bool alive(pid_t pid)
{
	return kill(pid, 0) == 0 || errno == EPERM;
}

static void rest(uint64_t us)
{
	nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
}

/* Whether the path still leads to what was opened: another process may have replaced it meanwhile. */
static bool is_there(const char *path, int fd)
{
	struct stat opened, there;
	return fstat(fd, &opened) == 0 && stat(path, &there) == 0 &&
	       opened.st_ino == there.st_ino && opened.st_dev == there.st_dev;
}

/* The file, open and locked, or -errno with a sentence. */
static int open_locked(const char *path, struct error *err)
{
	for (uint64_t until = clock_now() + HOSTS_FILE_LOCK_TIME;;) {
		int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			return file_error(err, -errno, path, FILE_WRITE, "%s cannot be opened",
				path);
		bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
		if (locked && is_there(path, fd))
			return fd;
		close(fd);
		if (clock_now() > until)
			return error_set(err, -EBUSY, "another process has locked %s", path);
		if (!locked)
			rest(LOCK_LOOK);
	}
}

static int read_all(int fd, struct buf *to, const char *path, struct error *err)
{
	for (;;) {
		if (buf_len(to) > HOSTS_FILE_MAX)
			return error_set(err, -EFBIG, "%s is larger than %u MiB", path,
				HOSTS_FILE_MAX >> 20);
		if (buf_reserve(to, 64 << 10) < 0)
			return error_set(err, -ENOMEM, "out of memory");
		ssize_t n = read(fd, buf_tail(to), buf_room(to));
		if (n < 0)
			return error_set(err, -errno, "%s cannot be read: %m", path);
		if (n == 0)
			return 0;
		buf_commit(to, (size_t)n);
	}
}

static int write_all(int fd, const struct buf *b)
{
	for (size_t done = 0; done < buf_len(b);) {
		ssize_t n = pwrite(fd, buf_at(b, b->start + done), buf_len(b) - done, (off_t)done);
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

/* Where it stands, as the last resort: what is read meanwhile may be half of the old and half of the new. */
static int write_in_place(int fd, const struct buf *b)
{
	int r = write_all(fd, b);
	if (!r && ftruncate(fd, (off_t)buf_len(b)) < 0)
		r = -errno;
	if (!r && fsync(fd) < 0)
		r = -errno;
	return r;
}

/* A new file with the mode and owner of the old one, which is `fd`, in its place. 0 or -errno. */
static int replace(const char *path, int fd, const struct buf *b)
{
	auto_free char *other = NULL;
	struct stat st;
	if (asprintf(&other, "%s.tunnel-XXXXXX", path) < 0) {
		other = NULL;
		return -ENOMEM;
	}
	if (fstat(fd, &st) < 0)
		return -errno;
	auto_close int new = mkostemp(other, O_CLOEXEC);
	if (new < 0)
		return -errno;
	int r = write_all(new, b);
	if (!r && (st.st_uid != geteuid() || st.st_gid != getegid()) &&
		fchown(new, st.st_uid, st.st_gid) < 0)
		r = -errno;
	if (!r &&
		(fchmod(new, st.st_mode & 07777) < 0 || fsync(new) < 0 || rename(other, path) < 0))
		r = -errno;
	if (r)
		unlink(other);
	return r;
}

/* It cannot be replaced by this process, or by nobody; and may be written nevertheless. */
static bool is_fixed(int r)
{
	return r == -EBUSY || r == -EACCES || r == -EPERM || r == -EROFS || r == -EXDEV;
}

static int put(const char *path, int fd, const struct buf *b, struct error *err)
{
	int r = replace(path, fd, b);
	if (is_fixed(r))
		r = write_in_place(fd, b);
	return r ? error_set(err, r, "%s cannot be written: %s", path, strerror(-r)) : 0;
}

int hosts_file_check(const char *path, struct error *err)
{
	auto_close int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? file_error(err, -errno, path, FILE_WRITE, "%s cannot be opened", path) : 0;
}

int hosts_file_write(const char *path, pid_t pid, const struct hosts_entry *entries, size_t n,
	const atomic_bool *cancelled, struct error *err)
{
	struct buf old = BUF_NULL, new = BUF_NULL;
	/* A link stays a link. */
	auto_free char *real = realpath(path, NULL);
	if (!real)
		return file_error(err, -errno, path, FILE_WRITE, "%s cannot be opened", path);
	auto_close int fd = open_locked(real, err);
	if (fd < 0)
		return fd;
	if (cancelled && atomic_load(cancelled))
		return error_set(err, -ECANCELED, "the client ends");
	int r = read_all(fd, &old, path, err);
	struct str text = {(const char *)buf_head(&old), buf_len(&old)};
	if (!r && hosts_text_change(text, pid, alive, entries, n, &new) < 0)
		r = error_set(err, -ENOMEM, "out of memory");
	bool same =
		buf_len(&new) == text.n && (!text.n || memcmp(buf_head(&new), text.p, text.n) == 0);
	if (!r && !same)
		r = put(real, fd, &new, err);
	buf_deinit(&old);
	buf_deinit(&new);
	return r;
}
