/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One program at a time works with a state directory: whoever holds an exclusive lock on the file "lock" in it,
 * for as long as its descriptor is open.
 */
#include "base/error.h"

#define STORE_LOCK_FILE "lock"

/*
 * 0; -EWOULDBLOCK: another process has it, and the sentence says which; -errno: it can be neither made nor
 * opened. The file stays when the descriptor is closed.
 */
int store_lock_take(const char *dir, int *fd_out, struct error *err);
