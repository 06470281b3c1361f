/* SPDX-License-Identifier: MIT */
/*
 *	cert.pem -> .current/cert.pem    key.pem -> .current/key.pem    ca.pem -> .current/ca.pem
 *	.current -> .version-8e1f…       the only link that ever changes
 */
#include "cli/certificate_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "base/macros.h"
#include "crypto/random.h"

#define CURRENT   ".current"
#define VERSION   ".version-"
#define NEXT_LINK ".next-"
#define NAME_SIZE 32

static const char *const names[] = {"cert.pem", "key.pem", "ca.pem"};

static void unique_name(const char *prefix, char to[NAME_SIZE])
{
	uint64_t random;
	random_bytes(&random, sizeof random);
	snprintf(to, NAME_SIZE, "%s%016llx", prefix, (unsigned long long)random);
}

/* ---- A version ---- */

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t sent = write(fd, p, n);
		if (sent < 0 && errno != EINTR)
			return -errno;
		p += sent > 0 ? sent : 0;
		n -= sent > 0 ? (size_t)sent : 0;
	}
	return 0;
}

static int write_file(int dir, const char *name, mode_t mode, const void *p, size_t n)
{
	auto_close int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	int r = fd < 0 ? -errno : write_all(fd, p, n);
	/* Whatever the umask is: programs of other users may want all but the key. */
	r = r || fchmod(fd, mode) == 0 ? r : -errno;
	return r || fsync(fd) == 0 ? r : -errno;
}

static int write_version(int dir, const char *version, const struct certificate_files *files)
{
	if (mkdirat(dir, version, 0700) < 0)
		return -errno;
	auto_close int fd = openat(dir, version, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -errno : 0;
	r = r ? r : write_file(fd, names[0], 0644, files->certificate, strlen(files->certificate));
	r = r ? r : write_file(fd, names[1], 0600, files->key->bytes, files->key->n);
	r = r ? r : write_file(fd, names[2], 0644, files->ca, strlen(files->ca));
	r = r || fchmod(fd, 0755) == 0 ? r : -errno;
	return r || fsync(fd) == 0 ? r : -errno;
}

static void remove_version(int dir, const char *version)
{
	char path[NAME_SIZE + 16];
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof path, "%s/%s", version, names[i]);
		unlinkat(dir, path, 0);
	}
	unlinkat(dir, version, AT_REMOVEDIR);
}

/* Of before, and those that a crash left. */
static void remove_others(int dir, const char *version)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *all = fd < 0 ? NULL : fdopendir(fd);
	if (!all) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *e; (e = readdir(all));) {
		bool link = strncmp(e->d_name, NEXT_LINK, strlen(NEXT_LINK)) == 0;
		if (strlen(e->d_name) >= NAME_SIZE)
			continue;
		if (link)
			unlinkat(dir, e->d_name, 0);
		else if (strncmp(e->d_name, VERSION, strlen(VERSION)) == 0 &&
			 strcmp(e->d_name, version) != 0)
			remove_version(dir, e->d_name);
	}
	closedir(all);
}

/* ---- Links ---- */

/* Takes the place of whatever has the name. */
static int put_link(int dir, const char *name, const char *target)
{
	char there[PATH_MAX], next[NAME_SIZE];
	ssize_t n = readlinkat(dir, name, there, sizeof there);
	if (n == (ssize_t)strlen(target) && memcmp(there, target, (size_t)n) == 0)
		return 0;
	unique_name(NEXT_LINK, next);
	if (symlinkat(target, dir, next) < 0)
		return -errno;
	if (renameat(dir, next, dir, name) == 0)
		return 0;
	int r = -errno;
	unlinkat(dir, next, 0);
	return r;
}

static int put_names(int dir)
{
	int r = 0;
	for (size_t i = 0; !r && i < ARRAY_LEN(names); i++) {
		char target[NAME_SIZE];
		snprintf(target, sizeof target, CURRENT "/%s", names[i]);
		r = put_link(dir, names[i], target);
	}
	return r || fsync(dir) == 0 ? r : -errno;
}

static int fail(struct error *err, int r, const char *dir)
{
	return error_set(err, r, "--out: a certificate cannot be written to %s: %s", dir,
		strerror(-r));
}

int certificate_files_write(const char *dir, const struct certificate_files *files,
	struct error *err)
{
	char version[NAME_SIZE];
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return file_error(err, -errno, dir, FILE_WRITE, "--out: %s cannot be made", dir);
	auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return file_error(err, -errno, dir, FILE_READ, "--out: %s cannot be opened", dir);
	unique_name(VERSION, version);
	int r = write_version(fd, version, files);
	r = r ? r : put_link(fd, CURRENT, version);
	if (r) {
		remove_version(fd, version);
		return fail(err, r, dir);
	}
	r = put_names(fd);
	remove_others(fd, version);
	return r ? fail(err, r, dir) : 0;
}
