/* SPDX-License-Identifier: MIT */
#pragma once
/* What a server would stumble over at its start, or at a reload, with options that are right in themselves. */
#include "server/base/options.h"

/*
 * Reads the files that the options name, as a start would, but makes nothing, and listens nowhere. `found`
 * is called with a sentence for each that is not there, that this user may not have, or that is wrong.
 */
void server_inspect(const struct server_options *o, void (*found)(void *arg, const char *sentence),
	void *arg);
