/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Completion on a shell's command line. The shell's script (tunnel completion bash) asks `tunnel complete` with the
 * words so far: so what it offers is what this program takes, from the tables of options, and what its server has.
 */
#include "cli/commands.h"

/* What a script is told where names of files belong; no candidate begins with a colon. */
#define COMPLETE_FILES ":files"

/*
 * The words behind "tunnel", the last of which is to be completed and may be empty. Prints a candidate a line, with a
 * tab and what it is; or COMPLETE_FILES. `commands` are those beside the nouns (cli/noun.h).
 */
void complete(const struct command *commands, size_t n_commands, int n, char **words);
