/* SPDX-License-Identifier: MIT */
#pragma once
/* Inside the room: what a configuration is made of, for the files that load, print and compare it. */
#include "config/apply.h"

#define CONFIG_VALUE_SIZE   512 /* bytes of a value in the dump; longer lists are cut */
#define CONFIG_PLACE_SIZE   256 /* bytes of "FILE:LINE"; a longer path is cut */
#define CONFIG_CONTEXT_SIZE (CONFIG_PLACE_SIZE + 64) /* the same and an option's name */

struct config {
	const struct option_table *table;
	void *values;
	struct option_list notes;
	int argc;
	char **argv;                    /* copies, for loading again */
	const struct config *before;    /* while it is loaded again: has the secrets */
	struct config_origin origins[]; /* one a row */
};

/* Where the row's value came from. */
struct config_origin *config_origin_of(struct config *c, const struct option_row *row);

/* "command line", "tunnel.yaml:7"; returns `to`. */
const char *config_place(const struct option_row *row, const struct config_origin *o, char *to,
	size_t size);
