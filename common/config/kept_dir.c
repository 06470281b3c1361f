/* SPDX-License-Identifier: MIT */
/* Where a program's kept files are. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_error.h"
#include "config/kept_file.h"

/* $STATE_DIRECTORY names several directories where a unit has several. */
static char *first_of_list(const char *list)
{
	return strndup(list, strcspn(list, ":"));
}

char *kept_dir_find(const char *option, const char *name)
{
	const char *systemd = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	char *dir = NULL;
	/* The option's table reads the variable too, as it stands. */
	if (systemd && *systemd && (!option || strcmp(option, systemd) == 0))
		return first_of_list(systemd);
	if (option)
		return strdup(option);
	errno = 0;
	/* The XDG specification: a relative path is to be ignored. */
	if (xdg && xdg[0] == '/')
		return asprintf(&dir, "%s/%s", xdg, name) < 0 ? NULL : dir;
	if (home && home[0] == '/')
		return asprintf(&dir, "%s/.local/state/%s", home, name) < 0 ? NULL : dir;
	return NULL;
}

/* Makes the directory and what is missing above it, for this user alone as XDG wants it. */
static int make_dirs(char *dir)
{
	int denied = 0;
	for (char *p = dir + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		int r = mkdir(dir, 0700) < 0 ? -errno : 0;
		*p = '/';
		/* These may hide EEXIST; if they do not, the child is missing its parent. */
		if (r == -EROFS || r == -EACCES)
			denied = r;
		else if (r && r != -EEXIST)
			return r == -ENOENT && denied ? denied : r;
	}
	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		return 0;
	return errno == ENOENT && denied ? denied : -errno;
}

int kept_dir_open(struct kept_dir *out, const char *option, const char *name, struct error *err)
{
	*out = KEPT_DIR_NULL;
	out->path = kept_dir_find(option, name);
	if (!out->path)
		return error_set(err, errno ? -errno : -ENOENT,
			"there is no state directory: none of --state-dir, $STATE_DIRECTORY, "
			"$XDG_STATE_HOME and $HOME is set");
	if (!*out->path)
		return error_set(err, -ENOENT, "--state-dir is empty");
	int made = 0;
	out->fd = open(out->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out->fd < 0 && errno == ENOENT) {
		made = make_dirs(out->path);
		out->fd = open(out->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (out->fd < 0)
		return file_error(err, made ? made : -errno, out->path,
			made ? FILE_WRITE : FILE_READ, "the state directory %s cannot be %s",
			out->path, made ? "made" : "opened");
	/* Paths in it go into commands that are typed elsewhere. */
	char *absolute = out->path[0] == '/' ? NULL : realpath(out->path, NULL);
	if (absolute) {
		free(out->path);
		out->path = absolute;
	}
	return 0;
}

void kept_dir_close(struct kept_dir *d)
{
	if (d->fd >= 0)
		close(d->fd);
	free(d->path);
	*d = KEPT_DIR_NULL;
}
