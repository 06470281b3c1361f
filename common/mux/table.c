/*
 * The open streams of a mux by id, in a hash table. Peers choose ids, or by closing some which ones stay:
 * without a key they could gather thousands in one bucket.
 */
#include <errno.h>
#include <stdlib.h>

#include "mux/internal.h"

#define TABLE_MIN 16 /* buckets; an idle session should cost next to nothing */

static struct stream **mux_bucket(const struct mux *m, struct stream **table, size_t size,
	uint32_t id)
{
	uint32_t hash = id * m->hash_key; /* the upper bits are the good ones */
	return &table[(uint64_t)hash * size >> 32];
}

struct stream *mux_find(const struct mux *m, uint32_t id)
{
	if (!m->table)
		return NULL;
	struct stream *s = *mux_bucket(m, m->table, m->table_size, id);
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
		struct stream **bucket = mux_bucket(m, table, size, s->id);
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
	if (m->n_local + m->n_remote >= m->table_size) {
		if (mux_grow(m) == 0)
			return 0; /* which put it in */
		if (!m->table)
			return -ENOMEM;
		/* A table that cannot grow is slower, not wrong. */
	}
	struct stream **bucket = mux_bucket(m, m->table, m->table_size, s->id);
	s->next = *bucket;
	*bucket = s;
	return 0;
}

void mux_leave(struct mux *m, struct stream *s)
{
	if (!m->table || !s->id)
		return;
	for (struct stream **at = mux_bucket(m, m->table, m->table_size, s->id); *at;
		at = &(*at)->next) {
		if (*at == s) {
			*at = s->next;
			return;
		}
	}
}
