/* SPDX-License-Identifier: MIT */
#include "base/table.h"

#include <stdlib.h>

#define TABLE_MIN 16 /* buckets at first: 128 bytes, because every link has a table */

int table_grow(struct table *t)
{
	struct table old = *t;
	size_t n_buckets = old.buckets ? old.n_buckets * 2 : TABLE_MIN;
	struct table_node **buckets = calloc(n_buckets, sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	t->buckets = buckets;
	t->n_buckets = n_buckets;
	for (size_t i = 0; i < old.n_buckets; i++) {
		for (struct table_node *node = old.buckets[i], *next; node; node = next) {
			next = node->next;
			table_link(t, node);
		}
	}
	free(old.buckets);
	return 0;
}

void table_deinit(struct table *t)
{
	free(t->buckets);
	*t = (struct table){0};
}

void table_remove(struct table *t, struct table_node *node)
{
	if (!t->buckets)
		return;
	struct table_node **at = &t->buckets[node->hash & (t->n_buckets - 1)];
	while (*at && *at != node)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = node->next;
	t->n--;
}
