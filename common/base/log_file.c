/* SPDX-License-Identifier: MIT */
#include "base/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/journal.h"
#include "base/macros.h"

/* One write to what is not a pipe; a bound for how long a slow disk holds one call. */
#define WRITE_MAX ((size_t)64 << 10)

/* Under systemd the standard streams are sockets, which no path opens; after su they are another user's. */
static int standard_stream(const char *path)
{
	if (strcmp(path, "/dev/stdout") == 0)
		return STDOUT_FILENO;
	return strcmp(path, "/dev/stderr") == 0 ? STDERR_FILENO : -1;
}

/*
 * To append, as several programs may share the file and it may be truncated meanwhile. Never waits: a FIFO
 * without a reader is opened for reading too, and its lines wait in it. O_NONBLOCK disturbs nobody who has
 * the file open too, because the descriptor is ours alone. The descriptor or -errno.
 */
static int open_path(const char *path)
{
	const int flags = O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int fd = open(path, O_WRONLY | flags, 0640);
	int stream = standard_stream(path);
	if (fd < 0 && stream >= 0)
		fd = fcntl(stream, F_DUPFD_CLOEXEC, 0);
	else if (fd < 0 && errno == ENXIO)
		fd = open(path, O_RDWR | flags, 0640);
	return fd < 0 ? -errno : fd;
}

static int open_entries(int fd)
{
	return journal_has(fd) ? journal_open(fd) : -ENOENT;
}

/* `entries`: the socket for them, beside the journal's stream; or -errno. */
static void set_fd(struct log_file *f, int fd, int entries)
{
	struct stat st;
	f->is_journal = journal_has(fd);
	f->has_entries = entries >= 0;
	if (f->has_entries) {
		if (f->path)
			close(fd);
		fd = entries;
	}
	bool known = fstat(fd, &st) == 0;
	f->fd = fd;
	f->is_socket = known && S_ISSOCK(st.st_mode);
	f->is_regular = known && S_ISREG(st.st_mode);
	f->write_max = f->is_socket || f->is_regular ? WRITE_MAX : PIPE_BUF;
	f->partial = 0;
	/* How standard error's file ended before is not ours to mend. */
	f->unsure = f->path != NULL;
}

int log_file_open(struct log_file *f, const char *path)
{
	int fd = path ? open_path(path) : STDERR_FILENO;
	if (fd < 0)
		return fd;
	*f = (struct log_file){.path = path};
	set_fd(f, fd, open_entries(fd));
	return 0;
}

int log_file_reopen(struct log_file *f)
{
	int fd = open_path(f->path);
	if (fd < 0)
		return fd;
	int entries = open_entries(fd);
	/* Lines that are on their way have fields, which are nothing for another file. */
	if (f->has_entries && entries < 0) {
		close(fd);
		return entries;
	}
	close(f->fd);
	set_fd(f, fd, entries);
	return 0;
}

void log_file_close(struct log_file *f)
{
	if ((f->path || f->has_entries) && f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

/* The file has a piece of a line at its end, from a full disk or a power cut: nothing is glued to it. */
static int end_line(const struct log_file *f, off_t size)
{
	char path[64], last;
	if (size == 0)
		return 0;
	/* By this way, because its name may be another file's by now; not if it cannot be read. */
	snprintf(path, sizeof path, "/proc/self/fd/%d", f->fd);
	auto_close int reader = open(path, O_RDONLY | O_CLOEXEC);
	if (reader < 0 || pread(reader, &last, 1, size - 1) != 1 || last == '\n')
		return 0;
	return write(f->fd, "\n", 1) == 1 ? 0 : -errno;
}

int log_file_resume(struct log_file *f)
{
	struct stat st;
	if (!f->unsure)
		return 0;
	if (f->is_regular && fstat(f->fd, &st) == 0 &&
		(!f->partial || st.st_size != f->torn_size)) {
		f->partial = 0;
		int r = end_line(f, st.st_size);
		if (r < 0)
			return r;
	}
	f->unsure = false;
	return 0;
}

static int failed(struct log_file *f)
{
	int r = -errno;
	struct stat st;
	f->unsure |= f->partial > 0;
	f->torn_size = f->partial && fstat(f->fd, &st) == 0 ? st.st_size : 0;
	return r;
}

/* The journal was started anew. Where it is known by standard error, that still names it. */
static void connect_again(const struct log_file *f)
{
	auto_close int fd = f->path ? -1 : journal_open(STDERR_FILENO);
	if (fd >= 0)
		dup3(fd, f->fd, O_CLOEXEC);
}

/* A line may come in two pieces, from both ends of a ring. */
static int write_entry(struct log_file *f, const char *p, size_t n, size_t *done_out)
{
	const char *last = memchr(p, '\n', n);
	n = MIN(last ? (size_t)(last - p) : n, sizeof(f->held) - f->partial);
	memcpy(f->held + f->partial, p, n);
	*done_out = 0;
	if (!last) {
		f->partial += n;
		return 0;
	}
	int r = journal_send(f->fd, f->held, f->partial + n);
	if (r == -ECONNREFUSED || r == -ENOTCONN)
		connect_again(f);
	if (r < 0)
		return r == -EAGAIN || r == -EINTR ? 0 : r;
	*done_out = f->partial + n + 1;
	f->partial = 0;
	return 0;
}

int log_file_write(struct log_file *f, const char *p, size_t n, size_t *done_out)
{
	if (f->has_entries)
		return write_entry(f, p, n, done_out);
	n = MIN(n, f->write_max);
	const char *last = memrchr(p, '\n', n);
	if (last)
		n = (size_t)(last + 1 - p);
	ssize_t w =
		f->is_socket ? send(f->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL) : write(f->fd, p, n);
	*done_out = 0;
	if (w < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : failed(f);
	last = memrchr(p, '\n', (size_t)w);
	if (last)
		*done_out = f->partial + (size_t)(last + 1 - p);
	f->partial += (size_t)w - *done_out;
	return 0;
}
