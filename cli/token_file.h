/* SPDX-License-Identifier: MIT */
#pragma once
/* Where a token that is shown once goes. */
#include "base/error.h"

/*
 * Makes the file, of mode 600, before the server makes the token: one that cannot be written would be lost. A file
 * of that name is not overwritten. The descriptor, or -errno with a sentence.
 */
int token_file_make(const char *path, struct error *err);

/* Writes the token and a line end, and syncs it. `fd` stays the caller's. 0 or -errno. */
int token_file_write(int fd, const char *path, const char *token, struct error *err);
