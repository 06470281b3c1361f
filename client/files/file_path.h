/* SPDX-License-Identifier: MIT */
#pragma once
/* The path of a request as the name of something in a folder. */
#include <limits.h>
#include <stdbool.h>

#include "base/str.h"

enum file_path_result {
	FILE_PATH_OK,
	FILE_PATH_MALFORMED, /* 400: the percent-encoding is wrong */
	FILE_PATH_HIDDEN,    /* 404: no such name is ever served */
};

struct file_path {
	char text
		[PATH_MAX]; /* relative; empty for the folder itself; neither "." nor ".." is in it */
	size_t n;
	bool directory; /* a slash stood at the end, or there was nothing */
};

/*
 * `path` begins with a slash; it is decoded once, and empty segments are left out. A segment that begins with a
 * dot, or that has a slash or a NUL in it when decoded, is hidden; so is all below it. ".well-known" is not, as the
 * first (RFC 8615). `out` is whole after FILE_PATH_OK alone.
 */
enum file_path_result file_path_decode(struct str path, struct file_path *out);

/* Whether a decoded, relative path has a segment that is hidden. */
bool file_path_is_hidden(struct str path);

/* Appends one more segment; false: it does not fit. */
bool file_path_add(struct file_path *path, const char *name);
