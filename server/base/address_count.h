#pragma once
/*
 * How many things each address holds: visitors' connections, handshakes under way. Addresses count by
 * their network (address_network()).
 */
#include "base/table.h"
#include "crypto/keyed_hash.h"
#include "wire/address.h"

struct address_count {
	struct table table; /* of addresses that hold something */
	struct hash_key key;
};

void address_count_init(struct address_count *c);
void address_count_deinit(struct address_count *c);

/* One more for this address: 0, -EBUSY when it has `limit` already, -ENOMEM. */
int address_count_add(struct address_count *c, const struct address *a, unsigned limit);

/* One less; it was added. */
void address_count_drop(struct address_count *c, const struct address *a);
