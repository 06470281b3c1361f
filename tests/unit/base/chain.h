/* SPDX-License-Identifier: MIT */
#pragma once
/* How evenly a table is filled, for tests of keys that are chosen to share a bucket. */
#include "base/table.h"

/*
 * Of nodes spread at random, one a bucket, no chain among 65,536 is as long but once in 10^13 times; of keys
 * that a mix does not spread, thousands share one.
 */
#define CHAIN_MAX 20

static inline size_t longest_chain(const struct table *t)
{
	size_t longest = 0;
	for (size_t i = 0; i < t->n_buckets; i++) {
		size_t n = 0;
		for (const struct table_node *node = t->buckets[i]; node; node = node->next)
			n++;
		longest = MAX(longest, n);
	}
	return longest;
}
