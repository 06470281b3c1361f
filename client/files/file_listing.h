/* SPDX-License-Identifier: MIT */
#pragma once
/* The page that lists a directory, for --listing. */
#include "base/buf.h"
#include "client/files/file_path.h"

/*
 * Entries of one page. It is read and sorted in one go, while nothing else goes on: some 10 ms for so many. A visitor
 * may ask for it as often as he likes.
 */
#define FILE_LISTING_MAX 4096

/*
 * Appends the page for the directory `at` of the folder, whose descriptor `directory` is and is closed.
 * Without what is hidden, and without what is not served: devices, links that lead out. 0, or -errno.
 */
int file_listing_write(struct buf *out, int folder, int directory, const struct file_path *at);
