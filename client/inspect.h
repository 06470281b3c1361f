#pragma once
/* What a client would stumble over at its start, or at a reload, with options that are right in themselves. */
#include "client/config/options.h"

/*
 * Reads the files that the options name, as a start would. `found` is called with a sentence for each that
 * is not there, that this user may not have, or that is wrong. Upstreams are not asked: they may come later.
 */
void client_inspect(const struct client_options *o, void (*found)(void *arg, const char *sentence),
	void *arg);
