/* SPDX-License-Identifier: MIT */
#include "store/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "store/store.h"

/* The directory that a file is in. */
static void directory_of(const char *path, char to[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		strcpy(to, ".");
	else
		snprintf(to, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

int store_file_give(int fd, const char *path)
{
	char dir[PATH_MAX];
	struct stat of_dir, st;
	if (geteuid() != 0)
		return 0;
	directory_of(path, dir);
	if (stat(dir, &of_dir) < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid == of_dir.st_uid)
		return 0;
	return fchown(fd, of_dir.st_uid, of_dir.st_gid) < 0 ? -errno : 0;
}

int store_file_make(struct store_file *f, const char *path, struct error *err)
{
	f->path = path;
	/* SQLite takes "file:…" for a URL. */
	if (snprintf(f->part, sizeof f->part, "%s%s.part", path[0] == '/' ? "" : "./", path) >=
		(int)sizeof f->part)
		return error_set(err, -ENAMETOOLONG, "the name of %.64s… is too long", path);
	unlink(f->part);
	auto_close int fd =
		open(f->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? -errno : store_file_give(fd, path);
	if (!r)
		return 0;
	if (fd >= 0)
		unlink(f->part);
	return file_error(err, r, path, FILE_WRITE, "%s cannot be made", path);
}

static int sync_path(const char *path, int flags)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int rename_as(const char *from, const char *to, bool replace)
{
	if (replace)
		return rename(from, to) < 0 ? -errno : 0;
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	/* Some file systems know no flags. */
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (faccessat(AT_FDCWD, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return rename(from, to) < 0 ? -errno : 0;
}

int store_file_place(struct store_file *f, bool replace, struct error *err)
{
	char dir[PATH_MAX];
	int r = sync_path(f->part, 0);
	if (!r)
		r = rename_as(f->part, f->path, replace);
	if (r) {
		store_file_drop(f);
		return error_set(err, r, "%s cannot be made: %s", f->path, strerror(-r));
	}
	/* The name is as precious as the content; where directories cannot be synced, be it. */
	directory_of(f->path, dir);
	r = sync_path(dir, O_DIRECTORY);
	if (r && r != -EINVAL && r != -EACCES)
		return error_set(err, r, "the directory %s cannot be synced: %s", dir,
			strerror(-r));
	return 0;
}

void store_file_drop(struct store_file *f)
{
	unlink(f->part);
}

int store_file_check(const char *path, struct error *err)
{
	struct stat st;
	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return STORE_NONE;
		return file_error(err, -errno, path, FILE_READ_SECRET, "%s cannot be opened", path);
	}
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "%s is not a file", path);
	if (st.st_mode & 0077)
		return error_set(err, -EINVAL,
			"%s holds secrets and others can read or change it (mode %04o): chmod 600 "
			"it, "
			"and revoke the tokens in it if somebody did",
			path, (unsigned)st.st_mode & 07777);
	if (faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) < 0)
		return file_error(err, -errno, path, FILE_READ_SECRET, "%s cannot be opened", path);
	return 0;
}
