#include "server/base/address_count.h"

#include <errno.h>
#include <stdlib.h>

struct address_count_entry {
	struct table_node node; /* count::table */
	uint64_t network;
	unsigned count;
};

void address_count_init(struct address_count *c)
{
	*c = (struct address_count){0};
	hash_key_init(&c->key);
}

void address_count_deinit(struct address_count *c)
{
	for (size_t i = 0; i < c->table.n_buckets; i++) {
		for (struct table_node *node = c->table.buckets[i], *next; node; node = next) {
			next = node->next;
			free(table_entry(node, struct address_count_entry, node));
		}
	}
	table_deinit(&c->table);
}

static struct address_count_entry *address_count_find(const struct address_count *c,
	uint64_t network, uint64_t hash)
{
	table_for_each (it, &c->table, hash) {
		struct address_count_entry *e = table_entry(it, struct address_count_entry, node);
		if (e->network == network)
			return e;
	}
	return NULL;
}

int address_count_add(struct address_count *c, const struct address *a, unsigned limit)
{
	if (!limit)
		return -EBUSY;
	uint64_t network = address_network(a);
	uint64_t hash = keyed_hash(&c->key, &network, sizeof(network));
	struct address_count_entry *e = address_count_find(c, network, hash);
	if (!e) {
		e = calloc(1, sizeof(*e));
		if (!e)
			return -ENOMEM;
		e->network = network;
		if (table_add(&c->table, &e->node, hash) < 0) {
			free(e);
			return -ENOMEM;
		}
	}
	if (e->count >= limit)
		return -EBUSY;
	e->count++;
	return 0;
}

void address_count_drop(struct address_count *c, const struct address *a)
{
	uint64_t network = address_network(a);
	uint64_t hash = keyed_hash(&c->key, &network, sizeof(network));
	struct address_count_entry *e = address_count_find(c, network, hash);
	if (--e->count)
		return;
	table_remove(&c->table, &e->node);
	free(e);
}
