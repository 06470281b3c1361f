/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The admin API without a server: the same table, over the store of this machine's state directory and under its
 * lock, so that no server starts meanwhile. Nothing is live, so nothing is cut.
 */
#include "cli/admin_transport.h"

/*
 * `state_dir`: as --state-dir. STATUS_NO_ANSWER: no server ever ran there, and `err` is as it was. 0; STATUS_FAILED
 * with a sentence: another program has the directory, or it cannot be used.
 */
int admin_offline_open(struct admin_transport **transport_out, const char *state_dir,
	struct error *err);
