#include "server/tally.h"

#include <errno.h>
#include <stdlib.h>

struct tally_entry {
	struct table_node node; /* tally::table */
	uint64_t network;
	unsigned count;
};

void tally_init(struct tally *t)
{
	*t = (struct tally){0};
	hash_key_init(&t->key);
}

void tally_deinit(struct tally *t)
{
	for (size_t i = 0; i < t->table.n_buckets; i++) {
		for (struct table_node *node = t->table.buckets[i], *next; node; node = next) {
			next = node->next;
			free(table_entry(node, struct tally_entry, node));
		}
	}
	table_deinit(&t->table);
}

static struct tally_entry *tally_find(const struct tally *t, uint64_t network, uint64_t hash)
{
	table_for_each (it, &t->table, hash) {
		struct tally_entry *e = table_entry(it, struct tally_entry, node);
		if (e->network == network)
			return e;
	}
	return NULL;
}

int tally_add(struct tally *t, const struct address *a, unsigned limit)
{
	if (!limit)
		return -EBUSY;
	uint64_t network = address_network(a);
	uint64_t hash = keyed_hash(&t->key, &network, sizeof(network));
	struct tally_entry *e = tally_find(t, network, hash);
	if (!e) {
		e = calloc(1, sizeof(*e));
		if (!e)
			return -ENOMEM;
		e->network = network;
		if (table_add(&t->table, &e->node, hash) < 0) {
			free(e);
			return -ENOMEM;
		}
	}
	if (e->count >= limit)
		return -EBUSY;
	e->count++;
	return 0;
}

void tally_drop(struct tally *t, const struct address *a)
{
	uint64_t network = address_network(a);
	uint64_t hash = keyed_hash(&t->key, &network, sizeof(network));
	struct tally_entry *e = tally_find(t, network, hash);
	if (--e->count)
		return;
	table_remove(&t->table, &e->node);
	free(e);
}
