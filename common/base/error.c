/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

int error_set(struct error *err, int code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	return code;
}

void error_prefix(struct error *err, const char *fmt, ...)
{
	char prefix[sizeof err->text];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(prefix, sizeof prefix, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	/* Too long a sentence loses its tail, never its context. */
	size_t used = (size_t)n < sizeof prefix - 3 ? (size_t)n : sizeof prefix - 3;
	size_t rest = strnlen(err->text, sizeof prefix - used - 3);
	memcpy(prefix + used, ": ", 2);
	memcpy(prefix + used + 2, err->text, rest);
	prefix[used + 2 + rest] = 0;
	memcpy(err->text, prefix, sizeof prefix);
}
