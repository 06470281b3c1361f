/* SPDX-License-Identifier: MIT */
#include "cli/target.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

int target_append(struct buf *to, const char *text)
{
	return buf_append(to, text, strlen(text));
}

int target_encode(struct buf *to, const char *text)
{
	int r = 0;
	for (const unsigned char *c = (const unsigned char *)text; !r && *c; c++) {
		char escaped[4];
		if (isalnum(*c) || strchr("-._~", *c)) /* unreserved: RFC 3986, 2.3 */
			r = buf_append(to, c, 1);
		else
			r = buf_append(to, escaped,
				(size_t)snprintf(escaped, sizeof escaped, "%%%02X", *c));
	}
	return r;
}

int target_add(struct buf *to, const char *name, const char *value)
{
	int r = target_append(to,
		buf_len(to) && memchr(buf_head(to), '?', buf_len(to)) ? "&" : "?");
	if (!r)
		r = target_append(to, name);
	if (!r)
		r = target_append(to, "=");
	return r ? r : target_encode(to, value);
}
