/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Small files that a program keeps between two starts, in a directory of mode 0700: each 0600, and written whole or not
 * at all. Everything here blocks, and is for starts, reloads and helper threads.
 *
 * Besides 0, and -errno where the system refuses something, files have two outcomes; `err` has a sentence with each
 * but 0 and KEPT_NONE.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Bytes of a file of one line, with a NUL: longer than any token (TOKEN_SOURCE_MAX), salt or key. */
#define KEPT_LINE_MAX 4096

/* Bytes of any other: some 10,000 lines of a name and a key. */
#define KEPT_TEXT_MAX (2u << 20)

enum {
	KEPT_NONE = 1, /* there is no such file */
	KEPT_UNFIT, /* damaged, or exposed: nothing that making it anew on the side would solve */
};

struct kept_dir {
	char *path; /* owned; absolute if the option was */
	int fd;     /* owned; -1: not open */
};

#define KEPT_DIR_NULL ((struct kept_dir){.fd = -1})

/*
 * The directory's name, which the caller frees: `option` (--state-dir), else $STATE_DIRECTORY, else
 * $XDG_STATE_HOME/NAME, else ~/.local/state/NAME. NULL, with errno 0 when nobody says where it could be.
 */
char *kept_dir_find(const char *option, const char *name);

/* Finds it, and makes it and what is missing above it. 0 or -errno; `out` is for kept_dir_close() in any case. */
int kept_dir_open(struct kept_dir *out, const char *option, const char *name, struct error *err);
void kept_dir_close(struct kept_dir *d); /* accepts KEPT_DIR_NULL */

/* A file's path for people; cut where it is too long. Returns `to`. */
#define KEPT_PATH 4096
char *kept_path(const struct kept_dir *d, const char *name, char to[KEPT_PATH]);

/*
 * A file of one line, which is the text that is read, without its end. `secret` says what it holds, for the sentence
 * about one that others can read ("a new token"); NULL: it is no secret.
 */
int kept_line_read(const struct kept_dir *d, const char *name, const char *secret,
	char text_out[KEPT_LINE_MAX], struct error *err);

/* Makes it, unless somebody else was faster: then that one stays. */
int kept_line_write(const struct kept_dir *d, const char *name, const char *line,
	struct error *err);

/* Reads it, or makes it with `fresh` in it where it is missing. */
int kept_line_keep(const struct kept_dir *d, const char *name, const char *secret,
	const char *fresh, char text_out[KEPT_LINE_MAX], bool *made_out, struct error *err);

/* Whether kept_line_keep() would succeed. Makes nothing. */
int kept_line_inspect(const struct kept_dir *d, const char *name, const char *secret,
	struct error *err);

/*
 * A whole file, which the caller frees, with a NUL behind it; one with a NUL in it, or above KEPT_TEXT_MAX, is
 * KEPT_UNFIT.
 */
int kept_text_read(const struct kept_dir *d, const char *name, char **text_out, struct error *err);

/* In the place of what was there. */
int kept_text_replace(const struct kept_dir *d, const char *name, const char *text, size_t n,
	struct error *err);

/*
 * Nobody else who asks for it changes the file until the descriptor is closed. Waits; the lock is a file of its own,
 * as this one is replaced. The descriptor, or -errno.
 */
int kept_lock(const struct kept_dir *d, const char *name, struct error *err);
