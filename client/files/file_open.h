/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Opens what is in a folder, and nothing else: the kernel resolves a path beneath the folder's descriptor
 * (openat2(2)) and refuses what leads out of it. Where the kernel has no such call, or a sandbox does not let it
 * through, the path is walked segment by segment, and symbolic links are not followed at all.
 *
 * A link that stays within the folder is followed; not to something whose own path is hidden.
 */
#include <limits.h>
#include <sys/stat.h>

#include "base/str.h"

/* The folder itself, through whatever links; its path is the operator's. A descriptor, or -errno. */
int file_open_folder(const char *path);

/*
 * What a path in it is, without opening it. 0, or -ENOENT for all that is not served: neither a regular file nor a
 * directory, outside, hidden; -EACCES; or another -errno, when the machine is short of something.
 */
int file_look(int folder, const char *path, struct stat *st_out);

/* A regular file, for reading. A descriptor, or -errno likewise; -EISDIR for a directory. */
int file_open(int folder, const char *path, struct stat *st_out);
/* A directory, for reading. Likewise. */
int file_open_directory(int folder, const char *path);

/* Where an open file or directory is at this moment, for people; empty where /proc does not tell. */
struct str file_place(int fd, char out[PATH_MAX]);
