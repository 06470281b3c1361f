#include "server/tally.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/random.h"

#define TALLY_MIN 64 /* buckets */

struct tally_entry {
	struct tally_entry *next;
	uint64_t key;
	unsigned count;
};

/* The two families may meet on one key, which then counts for both: rare, and only stricter. */
static uint64_t tally_key(const struct address *a)
{
	uint64_t key = 0;
	memcpy(&key, a->bytes, a->family == ADDRESS_V6 ? 8 : 4);
	return key;
}

/* Strangers choose keys, but do not know where they fall. */
static struct tally_entry **tally_bucket(const struct tally *t, struct tally_entry **table,
	size_t size, uint64_t key)
{
	return &table[((key ^ t->seed) * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (size - 1)];
}

static struct tally_entry **tally_find(struct tally *t, uint64_t key)
{
	struct tally_entry **at = tally_bucket(t, t->table, t->size, key);
	while (*at && (*at)->key != key)
		at = &(*at)->next;
	return at;
}

static int tally_grow(struct tally *t)
{
	size_t size = t->size ? t->size * 2 : TALLY_MIN;
	struct tally_entry **table = calloc(size, sizeof(*table));
	if (!table)
		return -ENOMEM;
	if (!t->table)
		random_bytes(&t->seed, sizeof(t->seed));
	for (size_t i = 0; i < t->size; i++) {
		for (struct tally_entry *e = t->table[i], *next; e; e = next) {
			next = e->next;
			struct tally_entry **bucket = tally_bucket(t, table, size, e->key);
			e->next = *bucket;
			*bucket = e;
		}
	}
	free(t->table);
	t->table = table;
	t->size = size;
	return 0;
}

void tally_deinit(struct tally *t)
{
	for (size_t i = 0; i < t->size; i++) {
		for (struct tally_entry *e = t->table[i], *next; e; e = next) {
			next = e->next;
			free(e);
		}
	}
	free(t->table);
	*t = (struct tally){0};
}

int tally_add(struct tally *t, const struct address *a, unsigned limit)
{
	if (!limit)
		return -EBUSY;
	if (t->n >= t->size && tally_grow(t) < 0 && !t->table)
		return -ENOMEM;
	uint64_t key = tally_key(a);
	struct tally_entry **at = tally_find(t, key);
	if (!*at) {
		struct tally_entry *e = calloc(1, sizeof(*e));
		if (!e)
			return -ENOMEM;
		e->key = key;
		*at = e;
		t->n++;
	}
	if ((*at)->count >= limit)
		return -EBUSY;
	(*at)->count++;
	return 0;
}

void tally_drop(struct tally *t, const struct address *a)
{
	struct tally_entry **at = tally_find(t, tally_key(a));
	struct tally_entry *e = *at;
	if (--e->count)
		return;
	*at = e->next;
	free(e);
	t->n--;
}
