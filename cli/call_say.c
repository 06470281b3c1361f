/* SPDX-License-Identifier: MIT */
/* What a command says to the person who typed it, beside its answer. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/complain.h"
#include "cli/verb.h"

static void __attribute__((format(printf, 2, 0))) say(FILE *to, const char *fmt, va_list args)
{
	auto_free char *text = NULL;
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	print_line(to, "", text ? text : "no memory");
}

void call_say(const struct call *c, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	if (!c->o->quiet)
		say(stdout, fmt, args);
	va_end(args);
}

void call_advise(const struct call *c, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	fflush(stdout); /* what it is about comes first */
	if (!c->o->quiet)
		say(stderr, fmt, args);
	va_end(args);
}

bool call_agreed(const struct call *c, const char *question, const char *about)
{
	if (c->o->yes || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return true;
	fprintf(stderr, "%s: %s [y/N] ", about, question);
	fflush(stderr);
	auto_free char *line = NULL;
	size_t size = 0;
	ssize_t n = getline(&line, &size, stdin);
	return n > 0 && (line[0] == 'y' || line[0] == 'Y');
}
