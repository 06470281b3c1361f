/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Why a file could not be opened, for the person who named it: which user is not allowed, which directory on
 * the way or which owner and mode is the cause, and what to do.
 */
#include "base/error.h"

enum file_wish {
	FILE_READ,        /* the user, or one of its groups */
	FILE_READ_SECRET, /* the user alone: other users must not be able to read it */
	FILE_WRITE,       /* to be made where it is missing */
};

/*
 * Sets the sentence of `fmt` ("the CA file /x cannot be read"), the cause that `code` (-errno) stands for,
 * and what the file system shows of it now. Returns `code`. It reads files and users, so it is for starts
 * and reloads.
 */
int file_error(struct error *err, int code, const char *path, enum file_wish wish, const char *fmt,
	...) __attribute__((format(printf, 5, 6)));

/* Whether it could be written, or made where it is missing: 0 or -errno. Makes nothing. */
int file_may_write(const char *path);
