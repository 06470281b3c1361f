/* SPDX-License-Identifier: MIT */
/* An error page in HTTP/1's syntax (RFC 9112). */
#include <stdio.h>
#include <string.h>

#include "server/http/h1_conn.h"

/* Bytes of the status line and of all lines that are not the page's own. */
#define LINES_MAX 256

static char *put(char *to, const char *p, size_t n)
{
	if (n)
		memcpy(to, p, n);
	return to + n;
}

static size_t fields_size(const struct error_page_text *t)
{
	size_t n = 0;
	for (const struct error_page_field *f = t->fields; f < t->fields + t->n_fields; f++)
		n += strlen(f->name) + sizeof(": \r\n") - 1 + f->value.n;
	return n;
}

static char *put_fields(char *to, const struct error_page_text *t)
{
	for (const struct error_page_field *f = t->fields; f < t->fields + t->n_fields; f++) {
		to = put(to, f->name, strlen(f->name));
		to = put(to, ": ", 2);
		to = put(to, f->value.p, f->value.n);
		to = put(to, "\r\n", 2);
	}
	return to;
}

/* What the connection says of itself. */
static char *put_connection(char *to, const struct error_page *p)
{
	bool upgrade = p->status == 426; /* RFC 9110, 15.5.22; RFC 6455, 4.4 */
	if (upgrade)
		to += sprintf(to, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
	if (upgrade || p->close)
		to += sprintf(to, "Connection: %s%s%s\r\n", upgrade ? "Upgrade" : "",
			upgrade && p->close ? ", " : "", p->close ? "close" : "");
	return to;
}

int h1_page_write(struct buf *out, const struct error_page *p)
{
	struct error_page_text t;
	error_page_render(p, &t);
	size_t body_n = p->head_only ? 0 : t.body_n;
	int r = buf_reserve(out, LINES_MAX + fields_size(&t) + body_n);
	if (r < 0)
		return r;
	char *begin = (char *)buf_tail(out), *to = begin;
	to += sprintf(to, "HTTP/1.1 %u %s\r\n", t.status, t.phrase);
	to = put_fields(to, &t);
	to = put_connection(to, p);
	to = put(to, "\r\n", 2);
	to = put(to, t.body, body_n);
	buf_commit(out, (size_t)(to - begin));
	return 0;
}
