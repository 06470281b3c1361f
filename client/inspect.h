/* SPDX-License-Identifier: MIT */
#pragma once
/* Files that a start or a reload could not use, though the options themselves are valid. */
#include "client/config/options.h"

/*
 * Reads the files that the options name, as a start would. `found` is called with a sentence for each file that
 * is missing, that this user may not read, or that is wrong. Upstreams are not dialled: they may start later.
 */
void client_inspect(const struct client_options *o, void (*found)(void *arg, const char *sentence),
	void *arg);
