#include "cli/complain.h"

#include <stdio.h>
#include <unistd.h>

#include "base/journal.h"

void complain(enum log_level level, const char *command, const char *sentence)
{
	fprintf(stderr, "%stunnel %s: %s\n",
		journal_has(STDERR_FILENO) ? journal_priority(level) : "", command, sentence);
}
