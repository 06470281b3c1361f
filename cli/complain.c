/* SPDX-License-Identifier: MIT */
#include "cli/complain.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/journal.h"

void print_line(FILE *to, const char *before, const char *text)
{
	/* A byte becomes four ("\xff") at the most; and there is room for the mark of a cut, which never comes. */
	size_t n = strlen(text), room = 4 * n + 32;
	auto_free char *shown = malloc(room);
	if (shown)
		n = escape_text(shown, room, text, n, ESCAPE_SENTENCE);
	fprintf(to, "%s%.*s\n", before, (int)(shown ? n : 0), shown ? shown : "");
}

void complain(enum log_level level, const char *command, const char *sentence)
{
	char before[64];
	snprintf(before, sizeof before,
		"%stunnel %s: ", journal_has(STDERR_FILENO) ? journal_priority(level) : "",
		command);
	print_line(stderr, before, sentence);
}
