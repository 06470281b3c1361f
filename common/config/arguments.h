/* SPDX-License-Identifier: MIT */
#pragma once
/* A configuration as a command line again, for what starts the program elsewhere. */
#include <stdbool.h>

#include "config/config.h"

/* One option with one value. */
struct config_argument {
	const struct option_row *row;
	const struct option_row *group; /* NULL: it is no setting of an element */
	void *element;                  /* of the group; NULL: none */
	const char *value; /* "true" of a flag; of a secret "(set)": what it is nobody is told */
};

/*
 * Calls `fn` for each option that was given, in an order in which they can be typed: of a list for each of its
 * values, of a group for each setting of each element, its key first. `file`: also those that the file gave.
 * What `fn` returns but 0 ends it and is returned. -ENOMEM.
 */
int config_arguments(const struct config *c, bool file,
	int (*fn)(void *arg, const struct config_argument *a), void *arg);
