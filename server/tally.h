#pragma once
/*
 * How many things each address holds: visitors' connections, handshakes under way. Addresses count by
 * their network (address_network()).
 */
#include "base/table.h"
#include "crypto/keyed_hash.h"
#include "wire/address.h"

struct tally {
	struct table table; /* of addresses that hold something */
	struct hash_key key;
};

void tally_init(struct tally *t);
void tally_deinit(struct tally *t);

/* One more for this address: 0, -EBUSY when it has `limit` already, -ENOMEM. */
int tally_add(struct tally *t, const struct address *a, unsigned limit);

/* One less; it was added. */
void tally_drop(struct tally *t, const struct address *a);
