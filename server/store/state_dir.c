/* SPDX-License-Identifier: MIT */
/*
 * A file is written under a name of its own, synced, and then renamed without replacing: whoever
 * looks sees all of it or nothing, and of two servers that start together one makes the file and the
 * other reads it.
 */
#include "server/store/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "crypto/random.h"

/* Bytes of a file at most: longer than any token (TOKEN_SOURCE_MAX), and than the salt. */
#define FILE_MAX 4096

/* Outcomes of read_file() besides 0 */
enum {
	FILE_NONE = 1,
	FILE_UNFIT, /* damaged, or exposed: nothing that making it anew on the side would solve */
};

/* $STATE_DIRECTORY names several directories where a unit has several. */
static char *first_of_list(const char *list)
{
	return strndup(list, strcspn(list, ":"));
}

char *state_dir_find(const char *option)
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
		return asprintf(&dir, "%s/tunnel", xdg) < 0 ? NULL : dir;
	if (home && home[0] == '/')
		return asprintf(&dir, "%s/.local/state/tunnel", home) < 0 ? NULL : dir;
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

static int open_dir(struct state_dir *s, const char *option, struct error *err)
{
	s->dir = state_dir_find(option);
	if (!s->dir)
		return error_set(err, errno ? -errno : -ENOENT,
			"there is no state directory: none of --state-dir, $STATE_DIRECTORY, "
			"$XDG_STATE_HOME and $HOME is set");
	if (!*s->dir)
		return error_set(err, -ENOENT, "--state-dir is empty");
	int made = 0;
	int fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		made = make_dirs(s->dir);
		fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return file_error(err, made ? made : -errno, s->dir, made ? FILE_WRITE : FILE_READ,
			"the state directory %s cannot be %s", s->dir, made ? "made" : "opened");
	/* The token's path goes into a command that is typed elsewhere. */
	char *absolute = s->dir[0] == '/' ? NULL : realpath(s->dir, NULL);
	if (absolute) {
		free(s->dir);
		s->dir = absolute;
	}
	return fd;
}

static int error_of(struct error *err, int code, const struct state_dir *s, const char *name,
	enum file_wish wish, const char *what)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", s->dir, name);
	return file_error(err, code, path, wish, "%s cannot be %s", path, what);
}

/* The first line of a file, without its end; what is behind a NUL or another line is damage. */
static int read_file(const struct state_dir *s, int dir, const char *name, bool secret,
	char text_out[FILE_MAX], struct error *err)
{
	auto_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return FILE_NONE;
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_of(err, -errno, s, name, FILE_READ_SECRET, "opened");
	if (!S_ISREG(st.st_mode))
		return error_set(err, FILE_UNFIT, "%s/%s is not a file", s->dir, name);
	if (secret && (st.st_mode & 0077))
		return error_set(err, FILE_UNFIT,
			"%s/%s holds a secret and others can read it (mode %04o): remove it, so "
			"that a new token is made, or chmod 600 it if nobody did",
			s->dir, name, (unsigned)st.st_mode & 07777);
	char text[FILE_MAX];
	ssize_t n = read(fd, text, sizeof text - 1);
	if (n < 0)
		return error_set(err, -errno, "%s/%s cannot be read: %m", s->dir, name);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	text[n] = '\0';
	bool clean = n > 0 && n < FILE_MAX - 2 && strcspn(text, "\r\n") == (size_t)n;
	if (clean)
		memcpy(text_out, text, (size_t)n + 1);
	explicit_bzero(text, sizeof text);
	if (!clean)
		return error_set(err, FILE_UNFIT,
			"%s/%s is damaged: remove it, and it is made anew", s->dir, name);
	return 0;
}

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

static int write_file(const struct state_dir *s, int dir, const char *name, const char *line,
	struct error *err)
{
	char temporary[64];
	uint32_t unique;
	random_bytes(&unique, sizeof unique);
	snprintf(temporary, sizeof temporary, ".%s.%08x", name, unique);
	auto_close int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_of(err, -errno, s, name, FILE_WRITE, "made");
	int r = write_all(fd, line, strlen(line));
	r = r ? r : write_all(fd, "\n", 1);
	r = r || fsync(fd) == 0 ? r : -errno;
	r = r ? r : rename_new(dir, temporary, name);
	if (r) {
		unlinkat(dir, temporary, 0);
		return error_set(err, r, "%s/%s cannot be written: %s", s->dir, name, strerror(-r));
	}
	/* The name is as precious as the content; where directories cannot be synced, be it. */
	fsync(dir);
	return 0;
}

static bool from_hex(const char *hex, uint8_t salt_out[TOKEN_SALT_SIZE])
{
	uint8_t salt[TOKEN_SALT_SIZE];
	if (strlen(hex) != 2 * TOKEN_SALT_SIZE ||
		strspn(hex, "0123456789abcdef") != 2 * TOKEN_SALT_SIZE)
		return false;
	for (size_t i = 0; i < TOKEN_SALT_SIZE; i++)
		sscanf(hex + 2 * i, "%2hhx", &salt[i]);
	memcpy(salt_out, salt, sizeof salt);
	return true;
}

/* Reads a file, which is made with `fresh` in it where it is missing. */
static int keep(struct state_dir *s, int dir, const char *name, bool secret, const char *fresh,
	char text_out[FILE_MAX], bool *made_out, struct error *err)
{
	int r = read_file(s, dir, name, secret, text_out, err);
	*made_out = r == FILE_NONE;
	if (r != FILE_NONE)
		return r;
	r = write_file(s, dir, name, fresh, err);
	/* Another server may have been faster. */
	return r ? r : read_file(s, dir, name, secret, text_out, err);
}

static int keep_salt(struct state_dir *s, int dir, struct error *err)
{
	uint8_t salt[TOKEN_SALT_SIZE];
	char fresh[2 * TOKEN_SALT_SIZE + 1], text[FILE_MAX];
	random_bytes(salt, sizeof salt);
	for (size_t i = 0; i < sizeof salt; i++)
		sprintf(fresh + 2 * i, "%02x", salt[i]);
	bool made;
	int r = keep(s, dir, STATE_DIR_SALT_FILE, false, fresh, text, &made, err);
	if (!r && !from_hex(text, s->salt))
		r = error_set(err, FILE_UNFIT, "%s/%s is damaged: remove it, and it is made anew",
			s->dir, STATE_DIR_SALT_FILE);
	return r;
}

static int keep_token(struct state_dir *s, int dir, struct error *err)
{
	char fresh[TOKEN_RANDOM_LEN + 1], text[FILE_MAX];
	token_random(fresh);
	int r = keep(s, dir, STATE_DIR_TOKEN_FILE, true, fresh, text, &s->token_made, err);
	explicit_bzero(fresh, sizeof fresh);
	if (r)
		return r;
	s->token = secret_new(text, strlen(text));
	explicit_bzero(text, sizeof text);
	if (!s->token || asprintf(&s->token_path, "%s/%s", s->dir, STATE_DIR_TOKEN_FILE) < 0) {
		s->token_path = NULL;
		return error_set(err, -ENOMEM, "no memory for the token");
	}
	return 0;
}

int state_dir_open(struct state_dir *s, const char *option, bool need_token, struct error *err)
{
	*s = STATE_DIR_NULL;
	auto_close int dir = open_dir(s, option, err);
	int r = dir < 0 ? dir : keep_salt(s, dir, err);
	if (!r && need_token)
		r = keep_token(s, dir, err);
	if (!r)
		return 0;
	if (r == FILE_UNFIT)
		return -EINVAL;
	if (need_token) {
		error_prefix(err, "a token can be neither found nor kept (give --token, "
				  "--token-from or --state-dir)");
		return r;
	}
	random_bytes(s->salt, sizeof s->salt);
	error_prefix(err, "nothing is kept, so the salt is a new one with every start");
	return STATE_DIR_VOLATILE;
}

/* A file that is missing can be made where the directory may be written. */
static int inspect_file(const struct state_dir *s, int dir, const char *name, bool secret,
	struct error *err)
{
	char text[FILE_MAX];
	int r = read_file(s, dir, name, secret, text, err);
	explicit_bzero(text, sizeof text);
	if (r == FILE_NONE && faccessat(dir, ".", W_OK, AT_EACCESS) < 0)
		return error_of(err, -errno, s, name, FILE_WRITE, "made");
	return r == FILE_UNFIT ? -EINVAL : r == FILE_NONE ? 0 : r;
}

int state_dir_inspect(const char *option, struct error *err)
{
	struct state_dir s = {.dir = state_dir_find(option)};
	if (!s.dir)
		return error_set(err, -ENOMEM, "no memory");
	auto_close int dir = open(s.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? -errno : inspect_file(&s, dir, STATE_DIR_SALT_FILE, false, err);
	if (dir >= 0 && !r)
		r = inspect_file(&s, dir, STATE_DIR_TOKEN_FILE, true, err);
	else if (r == -ENOENT && dir < 0)
		r = 0; /* it is made */
	else if (dir < 0)
		file_error(err, r, s.dir, FILE_READ, "%s cannot be opened", s.dir);
	free(s.dir);
	return r;
}

void state_dir_deinit(struct state_dir *s)
{
	secret_free(s->token);
	free(s->token_path);
	free(s->dir);
	*s = STATE_DIR_NULL;
}
