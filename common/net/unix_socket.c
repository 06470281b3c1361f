/* SPDX-License-Identifier: MIT */
#include "net/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file_error.h"

static int taken(struct error *err, const char *path)
{
	return error_set(err, UNIX_SOCKET_TAKEN, "another process listens at the socket %s", path);
}

static int take_lock(struct unix_socket *s, const char *path, struct error *err)
{
	auto_free char *name = NULL;
	if (asprintf(&name, "%s.lock", path) < 0) {
		name = NULL;
		return error_set(err, -ENOMEM, "out of memory");
	}
	s->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock < 0)
		return file_error(err, -errno, name, FILE_WRITE,
			"the socket %s cannot be made: %s cannot be opened", path, name);
	/* The file stays when the lock goes: removing it would let two hold a lock on two files. */
	if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? taken(err, path)
				    : error_set(err, -errno, "%s cannot be locked: %m", name);
}

/* Whether a process listens there: one that holds no lock, as other programs hold none. */
static bool answers(const struct sockaddr_un *address)
{
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return true;
	/* EAGAIN: its backlog is full. */
	return connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	       errno == EAGAIN;
}

static int make_way(const struct sockaddr_un *address, struct error *err)
{
	struct stat st;
	const char *path = address->sun_path;
	if (lstat(path, &st) < 0)
		return 0; /* bind() says what it is, if it is not ENOENT */
	if (!S_ISSOCK(st.st_mode))
		return error_set(err, -EEXIST,
			"%s is there and is no socket: remove it, or name "
			"another path",
			path);
	if (answers(address))
		return taken(err, path);
	if (unlink(path) < 0)
		return error_set(err, -errno,
			"the socket %s, which nobody uses, cannot be "
			"removed: %m",
			path);
	return 0;
}

static int listen_there(struct unix_socket *s, const struct sockaddr_un *address, mode_t mode,
	int backlog, struct error *err)
{
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return error_set(err, -errno, "no socket can be made: %m");
	/* A chmod() behind bind() would come too late for whoever connects between the two. */
	mode_t before = umask(0777 & ~mode);
	int r = bind(s->fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
	umask(before);
	if (r < 0)
		return file_error(err, r, address->sun_path, FILE_WRITE,
			"the socket %s cannot be made", address->sun_path);
	if (lstat(address->sun_path, &s->bound) < 0 || listen(s->fd, backlog) < 0)
		return error_set(err, -errno, "the socket %s cannot be listened on: %m",
			address->sun_path);
	return 0;
}

int unix_socket_open(struct unix_socket *s, const char *path, mode_t mode, int backlog,
	struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	*s = UNIX_SOCKET_NULL;
	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, -ENAMETOOLONG,
			"the path of the socket %s is longer than the %zu bytes that a socket's "
			"path may have",
			path, sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	s->path = strdup(path);
	int r = s->path ? take_lock(s, path, err) : error_set(err, -ENOMEM, "out of memory");
	r = r ? r : make_way(&address, err);
	r = r ? r : listen_there(s, &address, mode, backlog, err);
	if (r)
		unix_socket_close(s);
	return r;
}

void unix_socket_close(struct unix_socket *s)
{
	struct stat now;
	if (s->bound.st_ino && lstat(s->path, &now) == 0 && now.st_ino == s->bound.st_ino &&
		now.st_dev == s->bound.st_dev)
		unlink(s->path);
	if (s->fd >= 0)
		close(s->fd);
	if (s->lock >= 0)
		close(s->lock);
	free(s->path);
	*s = UNIX_SOCKET_NULL;
}
