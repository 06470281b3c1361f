#pragma once
/* What --help prints, and the same table for programs: both made from the rows alone. */
#include <stdio.h>

#include "config/option.h"

/* Usage line, summary, and the options in aligned columns with defaults, units and aliases. */
void help_print(FILE *to, const struct option_table *t);

/*
 * One option a line, fields separated by tabs, "-" for none: name, letter, aliases, type, default,
 * placeholder, environment variable, "reloadable" or "-".
 */
void help_print_table(FILE *to, const struct option_table *t);
