/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A folder that is published. It is counted: connections to it go on until they end, also when the
 * configuration does not name it any more.
 */
#include <stdbool.h>

#include "base/error.h"
#include "client/config/upstreams.h"

struct file_folder {
	char *path;     /* opened for each request anew: what is built may replace it */
	char *text;     /* its URL, for people */
	bool listing;   /* directories without an index.html are listed */
	unsigned users; /* freed with the last */
};

/* Of an upstream that is a folder; nothing is opened. NULL when memory is out. */
struct file_folder *file_folder_new(const struct upstream *u);
struct file_folder *file_folder_ref(struct file_folder *f);
struct file_folder *file_folder_unref(struct file_folder *f); /* accepts NULL; returns NULL */

enum file_folder_state {
	FILE_FOLDER_OK,         /* or the upstream is no folder */
	FILE_FOLDER_NO_INDEX,   /* a request for / gets neither a file nor a list of files */
	FILE_FOLDER_UNREADABLE, /* it cannot be opened */
};

/*
 * Looks at the folder as a visitor would find it now; that may change at any time. Unless it is OK,
 * `sentence_out` says what visitors get instead, and why.
 */
enum file_folder_state file_folder_check(const struct upstream *u, struct error *sentence_out);
