/* SPDX-License-Identifier: MIT */
/* The names of libc as they are, without the ones that the compiler would put in their place. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE
#include "faults.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Longest write that can be undone: a page of SQLite with its frame's head, with room. */
#define PIECE      65536
#define PIECES_MAX 4096

/* What was there before a write that is not synced yet. */
struct piece {
	int fd; /* -1: synced since */
	off64_t at, size;
	size_t n;
	uint8_t *was;
};

static struct {
	enum fault fault;
	unsigned at, calls;
	bool on;
	struct piece pieces[PIECES_MAX];
	unsigned n_pieces;
} faults;

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

static void lose_unsynced(void)
{
	ssize_t (*put)(int, const void *, size_t, off64_t) = REAL(pwrite64);
	int (*cut)(int, off64_t) = REAL(ftruncate64);
	for (unsigned i = faults.n_pieces; i-- > 0;) {
		const struct piece *p = &faults.pieces[i];
		if (p->fd < 0)
			continue;
		if (p->n && put(p->fd, p->was, p->n, p->at) != (ssize_t)p->n)
			abort();
		if (cut(p->fd, p->size) < 0)
			abort();
	}
}

/* Whether this call fails, and how. `grows`: it needs space. */
static bool strikes(bool grows)
{
	if (!faults.on)
		return false;
	unsigned n = ++faults.calls;
	if (n < faults.at || faults.fault == FAULT_NONE)
		return false;
	switch (faults.fault) {
	case FAULT_FULL:
		errno = ENOSPC;
		return grows;
	case FAULT_POWER:
		lose_unsynced();
		_exit(0);
	case FAULT_CRASH:
		_exit(0);
	case FAULT_IO:
	case FAULT_SHORT:
		errno = EIO;
		return n == faults.at;
	case FAULT_NONE:
	case FAULT_BROKEN:
		break;
	}
	errno = EIO;
	return true;
}

static void remember(int fd, off64_t at, size_t n)
{
	struct stat64 st;
	if (!faults.on || faults.fault != FAULT_POWER)
		return;
	if (faults.n_pieces == PIECES_MAX || fstat64(fd, &st) < 0)
		abort();
	struct piece *p = &faults.pieces[faults.n_pieces++];
	*p = (struct piece){.fd = fd, .at = at, .size = st.st_size, .was = malloc(n + 1)};
	ssize_t got = pread64(fd, p->was, n, at);
	p->n = got > 0 ? (size_t)got : 0;
}

static void forget(int fd)
{
	for (unsigned i = 0; i < faults.n_pieces; i++)
		if (faults.pieces[i].fd == fd)
			faults.pieces[i].fd = -1;
}

void faults_begin(enum fault fault, unsigned n)
{
	faults.fault = fault;
	faults.at = n;
	faults.calls = faults.n_pieces = 0;
	faults.on = true;
}

unsigned faults_end(void)
{
	faults.on = false;
	return faults.calls;
}

/* ---- In place of libc's ---- */

#define EXPORTED __attribute__((used, visibility("default")))

#define DEFINE_OPEN(name)                                                   \
	EXPORTED int name(const char *path, int flags, ...)                 \
	{                                                                   \
		va_list ap;                                                 \
		va_start(ap, flags);                                        \
		mode_t mode = (flags & O_CREAT) ? va_arg(ap, mode_t) : 0;   \
		va_end(ap);                                                 \
		return strikes(false) ? -1 : REAL(name)(path, flags, mode); \
	}
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

/* What calls without a mode become where the compiler checks them. */
EXPORTED int __open_2(const char *path, int flags);
EXPORTED int __open64_2(const char *path, int flags);
EXPORTED int __open_2(const char *path, int flags)
{
	return open(path, flags);
}
EXPORTED int __open64_2(const char *path, int flags)
{
	return open64(path, flags);
}

static size_t shortened(size_t n)
{
	return faults.on && faults.fault == FAULT_SHORT && faults.calls == faults.at ? n / 2 : 0;
}

#define DEFINE_PWRITE(name, type)                                       \
	EXPORTED ssize_t name(int fd, const void *p, size_t n, type at) \
	{                                                               \
		if (strikes(true)) {                                    \
			size_t part = shortened(n);                     \
			return part ? REAL(name)(fd, p, part, at) : -1; \
		}                                                       \
		remember(fd, at, n);                                    \
		return REAL(name)(fd, p, n, at);                        \
	}
DEFINE_PWRITE(pwrite, off_t)
DEFINE_PWRITE(pwrite64, off64_t)

EXPORTED ssize_t write(int fd, const void *p, size_t n)
{
	return strikes(true) ? -1 : REAL(write)(fd, p, n);
}

#define DEFINE_SYNC(name)              \
	EXPORTED int name(int fd)      \
	{                              \
		if (strikes(false))    \
			return -1;     \
		forget(fd);            \
		return REAL(name)(fd); \
	}
DEFINE_SYNC(fsync)
DEFINE_SYNC(fdatasync)

EXPORTED int ftruncate(int fd, off_t size)
{
	return strikes(false) ? -1 : REAL(ftruncate)(fd, size);
}

EXPORTED int ftruncate64(int fd, off64_t size)
{
	return strikes(false) ? -1 : REAL(ftruncate64)(fd, size);
}

EXPORTED int rename(const char *from, const char *to)
{
	return strikes(false) ? -1 : REAL(rename)(from, to);
}

EXPORTED int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	return strikes(false) ? -1 : REAL(renameat2)(from_dir, from, to_dir, to, flags);
}
