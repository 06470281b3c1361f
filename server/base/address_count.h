/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How many things each address holds: visitors' connections, handshakes under way. Addresses count by
 * their network (address_network()).
 */
#include "net/network_table.h"

struct address_count {
	struct network_table networks; /* that hold something */
};

void address_count_init(struct address_count *c);
void address_count_deinit(struct address_count *c);

/* One more for this address: 0, -EBUSY when it has `limit` already, -ENOMEM. */
int address_count_add(struct address_count *c, const struct address *a, unsigned limit);

/* One less; it was added. */
void address_count_drop(struct address_count *c, const struct address *a);
