/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The file of a Unix socket that is listened on. Whoever has it holds a lock beside it ("PATH.lock") while it
 * lives, so that a second server neither removes nor replaces the socket of the first.
 */
#include <sys/stat.h>

#include "base/error.h"

struct panel_socket {
	int fd;            /* listening; -1: none */
	int lock;          /* -1: none */
	char *path;        /* owned */
	struct stat bound; /* what was made there */
};

#define PANEL_SOCKET_NULL ((struct panel_socket){.fd = -1, .lock = -1})

/*
 * Makes the file with `mode` (the umask is set meanwhile), and listens. A socket that nobody listens on any more
 * is replaced; anything else that stands there stays. 0; PANEL_TAKEN or -errno with a sentence.
 */
int panel_socket_open(struct panel_socket *s, const char *path, mode_t mode, struct error *err);

/* Removes the file if it is still the one that was made. Accepts PANEL_SOCKET_NULL. */
void panel_socket_close(struct panel_socket *s);
