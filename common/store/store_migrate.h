/* SPDX-License-Identifier: MIT */
#pragma once
/* From the version that a file has to ours, one script a version, each in a transaction of its own. */
#include "store/store_db.h"

struct store_script {
	const char *sql;
	/* What SQL alone cannot write, behind it: digests. NULL: nothing. 0, or -errno with a sentence. */
	int (*then)(struct store *s, struct error *err);
};

/*
 * Runs scripts `from`…`to` - 1, and keeps a copy of what was there as "PATH.vN" first, unless it is a file that
 * is being made (version 0). -errno with a sentence: the file is as the last script that succeeded left it.
 */
int store_migrate(struct store *s, const struct store_script *scripts, unsigned from, unsigned to,
	struct error *err);
