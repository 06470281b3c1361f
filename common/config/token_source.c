/* SPDX-License-Identifier: MIT */
#include "config/token_source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file_error.h"

#define RUN_SECRETS "/run/secrets"

/* In characters: a name of a file of this length without a dot or a slash may be a token. */
#define MAYBE_TOKEN 16

/* Whether the file lies below the directory, links followed on both sides. */
static bool is_below(const char *path, const char *dir)
{
	char real[PATH_MAX], real_dir[PATH_MAX];
	if (!dir || !*dir || !realpath(path, real) || !realpath(dir, real_dir))
		return false;
	size_t n = strlen(real_dir);
	return strncmp(real, real_dir, n) == 0 && real[n] == '/';
}

/* Its type is an int on some machines, a long on others. */
static bool is_memory(const struct statfs *fs)
{
	return (uint32_t)fs->f_type == TMPFS_MAGIC || (uint32_t)fs->f_type == RAMFS_MAGIC;
}

static bool is_handed_over(int fd, const char *path)
{
	struct statfs fs;
	if (fstatfs(fd, &fs) == 0 && ((fs.f_flags & ST_RDONLY) || is_memory(&fs)))
		return true;
	return is_below(path, RUN_SECRETS) || is_below(path, getenv(CREDENTIALS_ENV));
}

int token_source_check_file(int fd, const char *path, struct error *warning_out, struct error *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, "%s: %m", path);
	/* A pipe, as in --token-from <(pass show tunnel), is its two ends' alone. */
	if (!S_ISREG(st.st_mode))
		return 0;
	mode_t others = 0077;
	/* systemd gives its user access by an ACL, whose mask shows in the group's bits. */
	if (is_below(path, getenv(CREDENTIALS_ENV)))
		others = 0007;
	if (!(st.st_mode & others))
		return 0;
	if (!is_handed_over(fd, path))
		return error_set(err, -EPERM,
			"%s holds a secret and others can read it (mode %04o): chmod 600 it", path,
			(unsigned)st.st_mode & 07777);
	error_set(warning_out, 0, "%s holds a secret and others can read it (mode %04o)", path,
		(unsigned)st.st_mode & 07777);
	return TOKEN_SOURCE_EXPOSED;
}

/* Removes what an editor or echo put behind it. */
static int trim_token(char *token, const char *where, struct error *err)
{
	size_t n = strlen(token);
	while (n && (token[n - 1] == '\n' || token[n - 1] == '\r'))
		token[--n] = 0;
	if (n > TOKEN_SOURCE_MAX)
		return error_set(err, -EINVAL, "the token %s is longer than %d bytes", where,
			TOKEN_SOURCE_MAX);
	return n ? 0 : error_set(err, -EINVAL, "the token %s is empty", where);
}

static int read_all(int fd, const char *path, char *to, size_t size, struct error *err)
{
	size_t n = 0;
	ssize_t got;
	do {
		got = read(fd, to + n, size - 1 - n);
		if (got < 0 && errno != EINTR)
			return error_set(err, -errno, "the token file %s cannot be read: %m", path);
		if (got > 0)
			n += (size_t)got;
	} while (got != 0 && n < size - 1);
	to[n] = 0;
	if (memchr(to, 0, n))
		return error_set(err, -EINVAL, "the token file %s has a NUL character in it", path);
	return 0;
}

/*
 * A token where its file's name belongs is a slip that must not put it into the log: what is no path, has
 * no suffix and is as long as a token may be is not shown.
 */
static int cannot_open(int code, const char *path, struct error *err)
{
	size_t n = strcspn(path, "/.");
	if (code == -ENOENT && !path[n] && n >= MAYBE_TOKEN)
		return error_set(err, code,
			"there is no token file of that name (%zu characters, not shown, as it may "
			"be "
			"the token itself: that is given by the variable TUNNEL_TOKEN or --token)",
			n);
	return file_error(err, code, path, FILE_READ_SECRET, "the token file %s cannot be opened",
		path);
}

static int read_token(const char *path, char **token_out, struct error *warning_out,
	struct error *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return cannot_open(-errno, path, err);
	int r = token_source_check_file(fd, path, warning_out, err);
	if (r < 0)
		return r;
	/* Room for a line's end and for seeing that there is more than is taken. */
	char text[TOKEN_SOURCE_MAX + 4], where[256];
	r = read_all(fd, path, text, sizeof text, err);
	snprintf(where, sizeof where, "in %s", path);
	if (!r)
		r = trim_token(text, where, err);
	char *copy = r ? NULL : strdup(text);
	explicit_bzero(text, sizeof text);
	if (!r && !copy)
		r = error_set(err, -ENOMEM, "no memory");
	if (!r)
		*token_out = copy;
	return r;
}

int token_source_find(const struct token_source *src, char **token, struct error *warning_out,
	struct error *err)
{
	warning_out->text[0] = 0;
	if (*token && src->path)
		return error_set(err, -EINVAL,
			"a token and a token file (%s) are given: keep one of the two", src->path);
	if ((*token || src->path) && src->open)
		return error_set(err, -EINVAL, "--no-token contradicts the token that is given");
	if (*token)
		return trim_token(*token, "that is given", err);
	if (src->path)
		return read_token(src->path, token, warning_out, err);
	const char *dir = getenv(CREDENTIALS_ENV);
	if (src->open || !dir || !*dir)
		return TOKEN_SOURCE_NONE;
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/" CREDENTIALS_NAME, dir) >= (int)sizeof path ||
		(access(path, F_OK) < 0 && errno == ENOENT))
		return TOKEN_SOURCE_NONE;
	return read_token(path, token, warning_out, err);
}
