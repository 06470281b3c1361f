/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a folder answers to one request: a file or a part of it, a redirect, a listing, or a refusal. Read only:
 * GET and HEAD. The head, and a body that is made here, are in memory; a file's body is read while it is sent.
 */
#include <sys/stat.h>

#include "base/buf.h"
#include "client/files/file_folder.h"
#include "wire/http1.h"

struct file_answer {
	struct buf text;       /* head, and what body is no file's */
	int fd;                /* -1: there is no file to send of */
	uint64_t offset, left; /* of the file */
	uint64_t size; /* of the file, when the answer began; with `changed` it tells a change */
	struct timespec changed;
	bool close; /* the connection ends behind it */
};

#define FILE_ANSWER_NULL ((struct file_answer){.fd = -1})

/*
 * Fills an empty answer. `now` is in seconds since 1970; `crowded`: listings take too much memory as it is, 503.
 * 0; or -errno, and the answer is empty: there is no folder, or no memory, and nothing can be said.
 */
int file_answer_make(struct file_answer *out, const struct file_folder *folder,
	const struct http1_head *h, int64_t now, bool crowded);

/* The answer to a head that is none (an HTTP1_E_*), behind which the connection ends. */
int file_answer_malformed(struct file_answer *out, int code, int64_t now);

/* Whether the file is as it was when the answer began; if not, its rest must not be sent as the same file's. */
bool file_answer_holds(const struct file_answer *a);

/* Accepts an empty one, and leaves one. */
void file_answer_deinit(struct file_answer *a);
