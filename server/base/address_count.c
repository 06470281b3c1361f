/* SPDX-License-Identifier: MIT */
#include "server/base/address_count.h"

#include <errno.h>

#include "base/macros.h"

struct address_count_entry {
	struct network_entry entry; /* address_count::networks */
	unsigned count;
};

static struct address_count_entry *count_of(struct network_entry *e)
{
	return container_of(e, struct address_count_entry, entry);
}

void address_count_init(struct address_count *c)
{
	network_table_init(&c->networks);
}

void address_count_deinit(struct address_count *c)
{
	network_table_deinit(&c->networks);
}

int address_count_add(struct address_count *c, const struct address *a, unsigned limit)
{
	if (!limit)
		return -EBUSY;
	struct network_entry *e = network_table_find(&c->networks, a);
	if (!e)
		e = network_table_add(&c->networks, a, sizeof(struct address_count_entry));
	if (!e)
		return -ENOMEM;
	if (count_of(e)->count >= limit)
		return -EBUSY;
	count_of(e)->count++;
	return 0;
}

void address_count_drop(struct address_count *c, const struct address *a)
{
	struct network_entry *e = network_table_find(&c->networks, a);
	if (!--count_of(e)->count)
		network_table_drop(&c->networks, e);
}
