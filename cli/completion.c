/* SPDX-License-Identifier: MIT */
/* tunnel completion: what a shell reads to complete our command lines. The scripts are made into texts by meson. */
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "cli/commands.h"
#include "cli/completion_scripts.h"

int command_completion(int argc, char **argv)
{
	static const struct {
		const char *shell, *script;
	} scripts[] = {{"bash", COMPLETION_BASH}, {"zsh", COMPLETION_ZSH},
		{"fish", COMPLETION_FISH}};
	for (size_t i = 0; argc == 2 && i < ARRAY_LEN(scripts); i++) {
		if (strcmp(argv[1], scripts[i].shell) == 0) {
			fputs(scripts[i].script, stdout);
			return STATUS_OK;
		}
	}
	fputs("tunnel completion: it takes the name of a shell, bash, zsh or fish\n", stderr);
	return STATUS_USAGE;
}
