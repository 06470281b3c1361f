/* SPDX-License-Identifier: MIT */
#include "base/file_error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Links on a way: as many as the kernel's own limit is (path_resolution(7)). */
#define LINKS_MAX 40

/* Bytes that getpwuid_r() may want for one user; the usual answer of sysconf() is 1 KiB. */
#define USER_BUFFER 4096
#define USER_SIZE   64

static const char *user_name(uid_t uid, char to[USER_SIZE])
{
	struct passwd entry, *found = NULL;
	char buffer[USER_BUFFER];
	if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found)
		snprintf(to, USER_SIZE, "%s", found->pw_name);
	else
		snprintf(to, USER_SIZE, "%u", (unsigned)uid);
	return to;
}

/* ---- The way there ---- */

struct walk {
	char at[PATH_MAX];   /* as far as it is resolved; where it stopped */
	char rest[PATH_MAX]; /* behind it */
	unsigned links;
};

static bool walk_begin(struct walk *w, const char *path)
{
	w->links = 0;
	strcpy(w->at, path[0] == '/' ? "/" : ".");
	return snprintf(w->rest, sizeof w->rest, "%s", path) < (int)sizeof w->rest;
}

/* The link's target takes its place before the rest. */
static int walk_link(struct walk *w, const char *link)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlink(link, target, sizeof target - 1);
	if (n < 0)
		return -errno;
	target[n] = 0;
	if (++w->links > LINKS_MAX ||
		snprintf(rest, sizeof rest, "%s/%s", target, w->rest) >= (int)sizeof rest)
		return -ELOOP;
	strcpy(w->rest, rest);
	if (target[0] == '/')
		strcpy(w->at, "/");
	return 0;
}

/* One name further. 0, 1 at the end, or -errno with `at` where it stops. */
static int walk_step(struct walk *w)
{
	char next[PATH_MAX];
	const char *name = w->rest + strspn(w->rest, "/");
	size_t n = strcspn(name, "/");
	struct stat st;
	if (!n)
		return 1;
	if (faccessat(AT_FDCWD, w->at, X_OK, AT_EACCESS) < 0)
		return -errno;
	if (snprintf(next, sizeof next, "%s%s%.*s", strcmp(w->at, ".") ? w->at : "",
		    strcmp(w->at, ".") && strcmp(w->at, "/") ? "/" : "", (int)n,
		    name) >= (int)sizeof next)
		return -ENAMETOOLONG;
	memmove(w->rest, name + n, strlen(name + n) + 1);
	int r = lstat(next, &st) < 0 ? -errno : 0;
	if (!r && S_ISLNK(st.st_mode))
		return walk_link(w, next);
	strcpy(w->at, next);
	return r;
}

/* ---- What is to be seen there ---- */

struct seen {
	char user[USER_SIZE];
	char owner[32 + USER_SIZE]; /* "root's, mode 0700" */
};

static void see(struct seen *s, const char *at)
{
	struct stat st;
	char owner[USER_SIZE];
	user_name(geteuid(), s->user);
	if (stat(at, &st) < 0)
		strcpy(s->owner, "somebody else's");
	else
		snprintf(s->owner, sizeof s->owner, "%s's, mode %04o", user_name(st.st_uid, owner),
			(unsigned)st.st_mode & 07777);
}

/* A shell in a desktop session inherits the rest of a service's environment, but not its process. */
static bool is_service(void)
{
	const char *pid = getenv("SYSTEMD_EXEC_PID");
	return pid && strtol(pid, NULL, 10) == getpid();
}

static void tell_way(char *to, size_t size, const char *at)
{
	struct seen s;
	struct stat st;
	see(&s, at);
	/* What systemd puts there in its place has this mode, which no directory has otherwise. */
	if (is_service() && stat(at, &st) == 0 && !(st.st_mode & 07777))
		snprintf(to, size,
			" (the unit hides %.200s from the service, as ProtectHome= does /home); "
			"keep "
			"the file elsewhere, such as in /etc/tunnel",
			at);
	else
		snprintf(to, size,
			" (user %s may not enter the directory %.200s: it is %s); let one of that "
			"user's groups in (chgrp, chmod g+x), or keep the file elsewhere",
			s.user, at, s.owner);
}

static void tell_file(char *to, size_t size, const char *at, enum file_wish wish)
{
	static const char *const advice[] = {
		[FILE_READ] = "let one of that user's groups read it (chgrp, chmod g+r)",
		[FILE_READ_SECRET] = "chown it to that user",
		[FILE_WRITE] = "name a place that this user may write to",
	};
	struct seen s;
	see(&s, at);
	snprintf(to, size, " (%.200s is %s, and this is user %s); %s", at, s.owner, s.user,
		advice[wish]);
}

static void cut_last(char *path)
{
	char *slash = strrchr(path, '/');
	strcpy(slash == path ? path + 1 : slash ? slash : path, slash ? "" : ".");
}

static void tell(char *to, size_t size, const char *path, int code, enum file_wish wish)
{
	struct walk w;
	bool temporary = strncmp(path, "/tmp/", 5) == 0 || strncmp(path, "/var/tmp/", 9) == 0;
	int r = walk_begin(&w, path) ? 0 : 1;
	to[0] = 0;
	while (!r)
		r = walk_step(&w);
	bool last = !w.rest[strspn(w.rest, "/")];
	if (code == -EACCES && r == -EACCES) {
		tell_way(to, size, w.at);
	} else if (code == -EACCES) {
		if (r == -ENOENT && wish == FILE_WRITE)
			cut_last(w.at); /* it would have been made there */
		if (faccessat(AT_FDCWD, w.at, wish == FILE_WRITE ? W_OK : R_OK, AT_EACCESS) < 0)
			tell_file(to, size, w.at, wish);
	} else if (code == -ENOENT && strcmp(path, "-") == 0) {
		snprintf(to, size, " (standard input is /dev/stdin)");
	} else if (code == -ENOENT && temporary && is_service()) {
		snprintf(to, size, " (a unit with PrivateTmp= has a /tmp of its own)");
	} else if (code == -ENOENT && r == -ENOENT && (!last || w.links)) {
		snprintf(to, size, " (there is no %.200s)", w.at);
	}
}

int file_error(struct error *err, int code, const char *path, enum file_wish wish, const char *fmt,
	...)
{
	char what[sizeof err->text], why[sizeof err->text];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	tell(why, sizeof why, path, code, wish);
	return error_set(err, code, "%s: %s%s", what, strerror(-code), why);
}

int file_may_write(const char *path)
{
	char dir[PATH_MAX];
	if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0)
		return 0;
	if (errno != ENOENT || snprintf(dir, sizeof dir, "%s", path) >= (int)sizeof dir)
		return -errno;
	cut_last(dir);
	return faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0 ? 0 : -errno;
}
