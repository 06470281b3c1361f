/* SPDX-License-Identifier: MIT */
#pragma once
/* The second level of names: `tunnel token create`. */
#include <stdio.h>

#include "cli/verb.h"

/* All nouns, ending in NULL. */
extern const struct noun *const nouns[];

const struct noun *noun_find(const char *name);

/*
 * The verb that the words mean; `skip_out` is how many of them name it: 1, or 0 where the noun stands alone. NULL:
 * none, with a sentence.
 */
const struct verb *noun_verb(const struct noun *noun, int n, char **words, int *skip_out,
	struct error *err);

/* argv[0] is the noun's name. The exit status. */
int noun_run(const struct noun *noun, int argc, char **argv);

/* What its verbs do, a line each. */
void noun_overview(FILE *to, const struct noun *noun);
