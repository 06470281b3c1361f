/* SPDX-License-Identifier: MIT */
#include "server/front_file.h"

#include <errno.h>

#include "rules/front.h"
#include "server/base/front_tables.h"
#include "server/base/node.h"

/* A power of two that is no less. */
static size_t cells_for(uint64_t entries)
{
	size_t n = CELL_TABLE_WAYS;
	while (n < entries)
		n *= 2;
	return n;
}

int front_file_read(struct node *n, const struct server_options *o, const struct front **front_out,
	struct error *err)
{
	struct front *front = NULL;
	int r = o->front ? front_load(o->front, &front, err) : 0;
	if (r)
		return r;
	if (front && !n->front_tables)
		n->front_tables = front_tables_new(cells_for(o->rate_entries));
	if (front && !n->front_tables) {
		front_release(front);
		return error_set(err, -ENOMEM, "out of memory");
	}
	*front_out = front;
	return 0;
}

void front_file_end(struct node *n)
{
	n->front_tables = front_tables_free(n->front_tables);
	n->front = front_release(n->front);
}
