/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The file of a Unix socket that is listened on. Whoever has it holds a lock beside it ("PATH.lock") while it
 * lives, so that a second process neither removes nor replaces the socket of the first.
 */
#include <sys/stat.h>

#include "base/error.h"

struct unix_socket {
	int fd;            /* listening; -1: none */
	int lock;          /* -1: none */
	char *path;        /* owned */
	struct stat bound; /* what was made there */
};

#define UNIX_SOCKET_NULL ((struct unix_socket){.fd = -1, .lock = -1})

/* Outcome of unix_socket_open(): it is another process's, which lives. */
#define UNIX_SOCKET_TAKEN 1

/*
 * Makes the file with `mode` (the umask is set meanwhile), and listens; the kernel holds `backlog` connections. A socket that nobody listens on any more
 * is replaced; anything else that stands there stays. 0; UNIX_SOCKET_TAKEN or -errno with a sentence.
 */
int unix_socket_open(struct unix_socket *s, const char *path, mode_t mode, int backlog,
	struct error *err);

/* Removes the file if it is still the one that was made. Accepts UNIX_SOCKET_NULL. */
void unix_socket_close(struct unix_socket *s);
