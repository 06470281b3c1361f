/* SPDX-License-Identifier: MIT */
#include "net/network_table.h"

#include <stdlib.h>

static uint64_t network_hash(const struct network_table *t, uint64_t network)
{
	return keyed_hash(&t->key, &network, sizeof(network));
}

void network_table_init(struct network_table *t)
{
	*t = (struct network_table){0};
	hash_key_init(&t->key);
}

void network_table_deinit(struct network_table *t)
{
	for (size_t i = 0; i < t->table.n_buckets; i++)
		for (struct table_node *node = t->table.buckets[i], *next; node; node = next) {
			next = node->next;
			free(table_entry(node, struct network_entry, node));
		}
	table_deinit(&t->table);
}

struct network_entry *network_table_find(const struct network_table *t, const struct address *a)
{
	uint64_t network = address_network(a);
	table_for_each (it, &t->table, network_hash(t, network)) {
		struct network_entry *e = table_entry(it, struct network_entry, node);
		if (e->network == network)
			return e;
	}
	return NULL;
}

struct network_entry *network_table_add(struct network_table *t, const struct address *a,
	size_t size)
{
	struct network_entry *e = calloc(1, size);
	if (!e)
		return NULL;
	e->network = address_network(a);
	if (table_add(&t->table, &e->node, network_hash(t, e->network)) == 0)
		return e;
	free(e);
	return NULL;
}

void network_table_drop(struct network_table *t, struct network_entry *e)
{
	table_remove(&t->table, &e->node);
	free(e);
}
