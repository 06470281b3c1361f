/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * cert.pem, key.pem and ca.pem of a directory: always three that belong together, whatever happens meanwhile. They are
 * links into a directory beside them, and one rename puts another in its place; Kubernetes does it so with its
 * secrets, and programs that watch those know it.
 */
#include "base/error.h"
#include "crypto/token.h"

struct certificate_files {
	const char *certificate; /* and those behind it */
	const struct secret *key;
	const char *ca;
};

/*
 * Writes them to the directory, which is made where it is missing: the key for this user alone (mode 600). 0 or -errno
 * with a sentence: what was there is there still. Blocks.
 */
int certificate_files_write(const char *dir, const struct certificate_files *files,
	struct error *err);
