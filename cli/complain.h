/* SPDX-License-Identifier: MIT */
#pragma once
/* Sentences on standard error of a program that has no log, or not yet. */
#include <stdio.h>

#include "base/log.h"

/*
 * A line for people, in which words of a file, a certificate or whoever wrote the command may stand: like the
 * log it shows what would steer a terminal or begin another line as an escape sequence.
 */
void print_line(FILE *to, const char *before, const char *text);

/* "tunnel COMMAND: SENTENCE"; for the journal with the priority of `level`. */
void complain(enum log_level level, const char *command, const char *sentence);
