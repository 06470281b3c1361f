/* SPDX-License-Identifier: MIT */
#pragma once
/* What --help prints, and the same table for programs: both made from the rows alone. */
#include <stdio.h>

#include "config/option.h"

/*
 * On one screen of 24 lines and 80 columns: usage line, summary, the options that have a `brief`, and the
 * examples.
 */
void help_print(FILE *to, const struct option_table *t);

/* All options by sections, in aligned columns with defaults, units and aliases. */
void help_print_all(FILE *to, const struct option_table *t);

/*
 * One option a line, fields separated by tabs, "-" for none: name, letter, aliases, type, default,
 * placeholder, environment variable, "reloadable" or "-".
 */
void help_print_table(FILE *to, const struct option_table *t);
