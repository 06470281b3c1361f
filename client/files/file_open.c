/* SPDX-License-Identifier: MIT */
#include "client/files/file_open.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "client/files/file_path.h"

/* The kernel gives up a resolution while somebody renames things; how often it is asked again. */
#define RACES_MAX 8

#define LOOK (O_PATH | O_CLOEXEC)
/* What may turn out to be a fifo or a device must neither block nor become our terminal. */
#define READ (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

int file_open_folder(const char *path)
{
	int fd = open(path, LOOK | O_DIRECTORY);
	return fd < 0 ? -errno : fd;
}

static int resolve(int folder, const char *path, int flags, uint64_t how)
{
	struct open_how o = {.flags = (uint64_t)flags,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | how};
	long fd = -1;
	errno = EAGAIN;
	for (int i = 0; i < RACES_MAX && fd < 0 && errno == EAGAIN; i++)
		fd = syscall(SYS_openat2, folder, path, &o, sizeof o);
	return fd < 0 ? -errno : (int)fd;
}

/* One segment after another, none of which may be a link. */
static int walk(int folder, const char *path, int flags)
{
	auto_close int above = -1;
	for (;;) {
		size_t n = strcspn(path, "/");
		char name[NAME_MAX + 1];
		if (n > NAME_MAX || str_eq((struct str){path, n}, STR("..")))
			return -ENOENT;
		memcpy(name, path, n);
		name[n] = '\0';
		bool last = !path[n];
		int fd = openat(above < 0 ? folder : above, name,
			(last ? flags : LOOK | O_DIRECTORY) | O_NOFOLLOW);
		if (fd < 0 || last)
			return fd < 0 ? -errno : fd;
		if (above >= 0)
			close(above);
		above = fd;
		path += n + 1;
	}
}

struct str file_place(int fd, char out[PATH_MAX])
{
	char link[sizeof "/proc/self/fd/" + 10];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, out, PATH_MAX);
	return (struct str){out, n < 0 ? 0 : (size_t)n};
}

/* Where a link has led to: the kernel has seen that it is in the folder. Who cannot tell says it is hidden. */
static bool is_hidden(int folder, int fd)
{
	char a[PATH_MAX], b[PATH_MAX];
	struct str above = file_place(folder, a), path = file_place(fd, b);
	if (!above.n || path.n < above.n || memcmp(path.p, above.p, above.n) != 0)
		return true;
	if (above.n == 1)
		above.n = 0; /* the folder is "/" */
	return path.n > above.n &&
	       (path.p[above.n] != '/' || file_path_is_hidden((struct str){path.p + above.n + 1,
						  path.n - above.n - 1}));
}

static int open_beneath(int folder, const char *path, int flags)
{
	if (!*path)
		path = ".";
	int fd = resolve(folder, path, flags, RESOLVE_NO_SYMLINKS);
	if (fd == -ENOSYS || fd == -EPERM)
		return walk(folder, path, flags);
	if (fd != -ELOOP)
		return fd;
	fd = resolve(folder, path, flags, 0);
	if (fd >= 0 && is_hidden(folder, fd)) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

/* What a visitor's path can bring about, other than by being short of something, is that there is nothing. */
static int absent(int error)
{
	switch (-error) {
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case EACCES:
	case EIO:
		return error;
	default:
		return -ENOENT;
	}
}

int file_look(int folder, const char *path, struct stat *st_out)
{
	struct stat st;
	auto_close int fd = open_beneath(folder, path, LOOK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return absent(fd < 0 ? fd : -errno);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return -ENOENT;
	*st_out = st;
	return 0;
}

int file_open(int folder, const char *path, struct stat *st_out)
{
	/* Looked at first: opening a fifo or a device is noticed at its other end. */
	int r = file_look(folder, path, st_out);
	if (r || S_ISDIR(st_out->st_mode))
		return r ? r : -EISDIR;
	auto_close int fd = open_beneath(folder, path, READ);
	if (fd < 0 || fstat(fd, st_out) < 0)
		return absent(fd < 0 ? fd : -errno);
	if (!S_ISREG(st_out->st_mode))
		return -ENOENT;
	int opened = fd;
	fd = -1; /* the caller's now */
	return opened;
}

int file_open_directory(int folder, const char *path)
{
	int fd = open_beneath(folder, path, READ | O_DIRECTORY);
	return fd < 0 ? absent(fd) : fd;
}
