/* The open streams of a mux by id: a hash table whose hash is the id, since ids rise by two. */
#include <errno.h>
#include <stdlib.h>

#include "mux/internal.h"

#define TABLE_MIN 16 /* buckets; an idle session should cost next to nothing */

static struct stream **mux_bucket(struct stream **table, size_t size, uint32_t id)
{
	return &table[(id >> 1) & (size - 1)];
}

struct stream *mux_find(const struct mux *m, uint32_t id)
{
	if (!m->table)
		return NULL;
	struct stream *s = *mux_bucket(m->table, m->table_size, id);
	while (s && s->id != id)
		s = s->next;
	return s;
}

static int mux_grow(struct mux *m)
{
	size_t size = m->table ? m->table_size * 2 : TABLE_MIN;
	struct stream **table = calloc(size, sizeof(*table));
	if (!table)
		return -ENOMEM;
	list_for_each (it, &m->streams) {
		struct stream *s = list_entry(it, struct stream, all);
		if (!s->id)
			continue;
		struct stream **bucket = mux_bucket(table, size, s->id);
		s->next = *bucket;
		*bucket = s;
	}
	free(m->table);
	m->table = table;
	m->table_size = size;
	return 0;
}

int mux_enter(struct mux *m, struct stream *s)
{
	/* A table that cannot grow is slower, not wrong. */
	if (m->n_local + m->n_remote >= m->table_size && mux_grow(m) < 0 && !m->table)
		return -ENOMEM;
	struct stream **bucket = mux_bucket(m->table, m->table_size, s->id);
	if (mux_find(m, s->id) == s)
		return 0; /* growing put it in */
	s->next = *bucket;
	*bucket = s;
	return 0;
}

void mux_leave(struct mux *m, struct stream *s)
{
	if (!m->table || !s->id)
		return;
	for (struct stream **at = mux_bucket(m->table, m->table_size, s->id); *at;
		at = &(*at)->next) {
		if (*at == s) {
			*at = s->next;
			return;
		}
	}
}
