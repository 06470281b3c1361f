#pragma once
/*
 * How many things each address holds: visitors' connections, handshakes under way. An IPv6 address
 * counts as its /64, which is what one subscriber gets.
 */
#include <stddef.h>

#include "wire/address.h"

struct tally {
	struct tally_entry **table; /* a power of two of buckets */
	uint64_t seed;
	size_t size, n; /* n: addresses that hold something */
};

void tally_deinit(struct tally *t);

/* One more for this address: 0, -EBUSY when it has `limit` already, -ENOMEM. */
int tally_add(struct tally *t, const struct address *a, unsigned limit);

/* One less; it was added. */
void tally_drop(struct tally *t, const struct address *a);
