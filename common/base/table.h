/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Intrusive hash table: a node is embedded in what is looked up, and the owner compares keys itself. The
 * table knows hashes alone, so `base` needs no cipher for it. An owner whose keys an attacker can choose
 * computes them with crypto/keyed_hash.h: any cheaper mix has sets of keys, such as the /64
 * networks of one IPv6 prefix, that share a bucket whatever its seed is.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

struct table_node {
	struct table_node *next; /* in its bucket */
	uint64_t hash;
};

/* All zero is an empty table. */
struct table {
	struct table_node **buckets; /* a power of two of them; NULL until the first table_add() */
	size_t n_buckets, n;
};

/* Frees the buckets; what the nodes are embedded in is its owner's. */
void table_deinit(struct table *t);

/* Twice as many buckets, for table_add(). 0 or -ENOMEM. */
int table_grow(struct table *t);

static inline void table_link(struct table *t, struct table_node *node)
{
	struct table_node **bucket = &t->buckets[node->hash & (t->n_buckets - 1)];
	node->next = *bucket;
	*bucket = node;
}

/*
 * Adds a node that is in no table. Its bucket is chosen by the lower bits of `hash`. 0, or -ENOMEM where
 * there are no buckets at all: a table that cannot grow is slower, not wrong.
 */
static inline int table_add(struct table *t, struct table_node *node, uint64_t hash)
{
	if (t->n >= t->n_buckets && table_grow(t) < 0 && !t->buckets)
		return -ENOMEM;
	node->hash = hash;
	table_link(t, node);
	t->n++;
	return 0;
}

/* Removes the node. One of zeros, or whose table_add() failed, is left alone. */
void table_remove(struct table *t, struct table_node *node);

/* The chain in which a node with this hash is, with others. */
static inline struct table_node *table_bucket(const struct table *t, uint64_t hash)
{
	return t->buckets ? t->buckets[hash & (t->n_buckets - 1)] : NULL;
}

/* `node` itself, or the next one of its bucket, that has this hash; or NULL. */
static inline struct table_node *table_match(struct table_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

static inline struct table_node *table_first(const struct table *t, uint64_t hash)
{
	return table_match(table_bucket(t, hash), hash);
}

#define table_entry(ptr, type, member) container_of(ptr, type, member)

/* Each node with this hash: mostly one. `it` must not be removed inside, unless the loop is left. */
#define table_for_each(it, table, key_hash)                            \
	for (struct table_node *it = table_first(table, key_hash); it; \
		it = table_match(it->next, it->hash))
