/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Something for each address that strangers come from: what it holds, or waits for. Addresses count by their
 * network (address_network()), and are found by a keyed hash, as strangers choose them.
 */
#include "base/table.h"
#include "crypto/keyed_hash.h"
#include "wire/address.h"

/* What an entry begins with. */
struct network_entry {
	struct table_node node;
	uint64_t network;
};

struct network_table {
	struct table table; /* of struct network_entry */
	struct hash_key key;
};

void network_table_init(struct network_table *t);
/* Frees the entries that are left. */
void network_table_deinit(struct network_table *t);

/* The address's entry, or NULL. */
struct network_entry *network_table_find(const struct network_table *t, const struct address *a);

/*
 * A new one for an address that has none: `size` bytes of zeros that begin with a struct network_entry. NULL
 * when out of memory.
 */
struct network_entry *network_table_add(struct network_table *t, const struct address *a,
	size_t size);

/* Frees it. */
void network_table_drop(struct network_table *t, struct network_entry *e);
