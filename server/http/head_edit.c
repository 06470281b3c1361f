/* SPDX-License-Identifier: MIT */
#include "server/http/head_edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

void head_edit_deinit(struct head_edit *e)
{
	buf_deinit(&e->text);
	free(e->fields);
	free(e->changes);
	*e = (struct head_edit){.room = 0};
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

static size_t growth(const struct head_change *changes, size_t n)
{
	size_t bytes = 0;
	for (size_t i = 0; i < n; i++)
		if (changes[i].adds)
			bytes += changes[i].name.n + changes[i].value.n + sizeof(": \r\n") - 1;
	return bytes;
}

static int reserve(struct head_edit *e, const struct http1_head *h, size_t lines, size_t more,
	size_t n)
{
	e->text.start = e->text.end = 0;
	if (buf_reserve(&e->text, lines + more + 2) < 0)
		return -ENOMEM;
	size_t need = h->n_fields + n + 1;
	if (need <= e->room)
		return 0;
	struct http1_field *fields = reallocarray(e->fields, need, sizeof(*fields));
	if (!fields)
		return -ENOMEM;
	e->fields = fields;
	e->room = need;
	return 0;
}

static const char *moved(const char *p, const char *from, const char *to)
{
	return p ? to + (p - from) : NULL;
}

/* All lines, as they stand behind each other. */
static void copy_lines(struct head_edit *e, const struct http1_head *h, size_t lines)
{
	const char *from = h->fields[0].name.p, *to = (const char *)buf_tail(&e->text);
	memcpy(buf_tail(&e->text), from, lines);
	buf_commit(&e->text, lines);
	for (size_t i = 0; i < h->n_fields; i++) {
		e->fields[i] = h->fields[i];
		e->fields[i].name.p = moved(h->fields[i].name.p, from, to);
		e->fields[i].value.p = moved(h->fields[i].value.p, from, to);
	}
}

static char *put(char *to, struct str s)
{
	if (s.n)
		memcpy(to, s.p, s.n);
	return to + s.n;
}

static void add_line(struct head_edit *e, const struct head_change *c)
{
	char *at = (char *)buf_tail(&e->text), *begin = at;
	struct http1_field *f = &e->fields[e->head.n_fields++];
	*f = (struct http1_field){.id = HTTP1_OTHER};
	f->name = (struct str){at, c->name.n};
	at = put(at, c->name);
	at = put(at, STR(": "));
	f->value = (struct str){at, c->value.n};
	at = put(at, c->value);
	at = put(at, STR("\r\n"));
	buf_commit(&e->text, (size_t)(at - begin));
}

static void apply(struct head_edit *e, const struct head_change *c)
{
	for (size_t i = 0; c->removes && i < e->head.n_fields; i++)
		if (is_same_name(e->fields[i].name, c->name))
			e->fields[i].hop = true;
	if (c->adds)
		add_line(e, c);
}

int head_edit(struct head_edit *e, const struct http1_head *h, const struct head_change *changes,
	size_t n)
{
	size_t lines = (size_t)(h->fields[h->n_fields].name.p - h->fields[0].name.p);
	size_t more = growth(changes, n);
	if (reserve(e, h, lines, more, n) < 0)
		return -ENOMEM;
	e->head = *h;
	e->head.fields = e->fields;
	e->head.fields_max = e->room - 1;
	e->head.size = h->size + more;
	copy_lines(e, h, lines);
	for (size_t i = 0; i < n; i++)
		apply(e, &changes[i]);
	/* Behind the last field stands where the empty line begins. */
	e->fields[e->head.n_fields] =
		(struct http1_field){.name = {(const char *)buf_tail(&e->text), 0}};
	memcpy(buf_tail(&e->text), "\r\n", 2);
	buf_commit(&e->text, 2);
	return 0;
}
