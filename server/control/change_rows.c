/* SPDX-License-Identifier: MIT */
#include "server/control/change_rows.h"

#include "server/store/catalog.h"

uint64_t change_identity_id(struct change *c, const struct identity *i)
{
	if (i->value.id)
		return i->value.id;
	struct store_row *row = change_add(c, &c->rows, STORE_IDENTITY);
	if (!row)
		return 0;
	if (policy_identity_copy(&row->identity, &i->value) < 0) {
		change_no_memory(c);
		return 0;
	}
	row->identity.id = c->queue->catalog->max_id + 1;
	return row->identity.id;
}
