#pragma once
/* Sentences on standard error of a program that has no log, or not yet. */
#include "base/log.h"

/* "tunnel COMMAND: SENTENCE"; for the journal with the priority of `level`. */
void complain(enum log_level level, const char *command, const char *sentence);
