/* SPDX-License-Identifier: MIT */
#include "server/http/head_edit.h"

#include <errno.h>
#include <stdlib.h>

void head_edit_deinit(struct head_edit *e)
{
	buf_deinit(&e->lines);
	free(e->changes);
	*e = (struct head_edit){.changes_room = 0};
}

struct head_change *head_edit_changes(struct head_edit *e, size_t n)
{
	if (n > e->changes_room) {
		struct head_change *v = reallocarray(e->changes, n, sizeof(*v));
		if (!v)
			return NULL;
		e->changes = v;
		e->changes_room = n;
	}
	return e->changes;
}

static char folded(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c | 0x20);
	return c == '_' ? '-' : c;
}

static bool is_same_name(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (folded(a.p[i]) != folded(b.p[i]))
			return false;
	return true;
}

static size_t line_size(const struct head_change *c)
{
	return c->name.n + c->value.n + sizeof(": \r\n") - 1;
}

/* Those that an earlier one added go as well. */
static void remove_named(struct head_change *changes, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		changes[i].adds = changes[i].adds && !is_same_name(changes[i].name, name);
}

static bool mark_named(struct http1_head *h, struct str name)
{
	bool marked = false;
	for (size_t i = 0; i < h->n_fields; i++) {
		if (!is_same_name(h->fields[i].name, name))
			continue;
		h->fields[i].hop = true;
		marked = true;
	}
	return marked;
}

static uint8_t *put(uint8_t *to, struct str s)
{
	if (s.n)
		memcpy(to, s.p, s.n);
	return to + s.n;
}

static void put_line(struct buf *lines, const struct head_change *c)
{
	uint8_t *at = put(buf_tail(lines), c->name);
	at = put(at, STR(": "));
	at = put(at, c->value);
	put(at, STR("\r\n"));
	buf_commit(lines, line_size(c));
}

int head_edit(struct head_edit *e, struct http1_head *h, size_t n)
{
	bool marked = false;
	size_t size = 0;
	for (size_t i = 0; i < n; i++)
		size += e->changes[i].adds ? line_size(&e->changes[i]) : 0;
	e->lines.start = e->lines.end = 0;
	if (size && buf_reserve(&e->lines, size) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!e->changes[i].removes)
			continue;
		remove_named(e->changes, i, e->changes[i].name);
		marked |= mark_named(h, e->changes[i].name);
	}
	for (size_t i = 0; i < n; i++)
		if (e->changes[i].adds)
			put_line(&e->lines, &e->changes[i]);
	return marked;
}
