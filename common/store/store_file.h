/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Files of the store that appear whole or not at all: made under a name of their own, filled, synced, and then
 * given their name.
 */
#include <limits.h>
#include <stdbool.h>

#include "base/error.h"

/* What is being made, beside the file that it is to be. */
struct store_file {
	char part[PATH_MAX];
	const char *path;
};

/*
 * Makes an empty file, mode 0600, for `path`; one that a crash has left there goes first. -errno with a
 * sentence.
 */
int store_file_make(struct store_file *f, const char *path, struct error *err);

/*
 * Syncs it and gives it its name, in place of a file that has it if `replace`, else -EEXIST. It is removed when
 * that fails.
 */
int store_file_place(struct store_file *f, bool replace, struct error *err);

/* Removes what was made. */
void store_file_drop(struct store_file *f);

/*
 * Gives a file that root makes to the owner of its directory, whose program is to read it. 0 or -errno.
 */
int store_file_give(int fd, const char *path);

/* 0; STORE_NONE; -EINVAL: others can read it, or it is no file; -errno. All but the first two with a sentence. */
int store_file_check(const char *path, struct error *err);
