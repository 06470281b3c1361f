/* SPDX-License-Identifier: MIT */
#pragma once
/* The store of this machine's state directory, while no server runs there: as when it does not start. */
#include "base/error.h"

/*
 * Opens it under the directory's lock, so that no server starts meanwhile, and calls `use`, which returns 0 or -errno.
 * `state_dir`: as --state-dir. 0; STATUS_NOT_FOUND where there is no store, else STATUS_FAILED, with a sentence.
 */
struct store;
int store_offline(const char *state_dir,
	int (*use)(struct store *s, const char *arg, struct error *err), const char *arg,
	struct error *err);
