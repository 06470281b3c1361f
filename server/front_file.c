/* SPDX-License-Identifier: MIT */
#include "server/front_file.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "rules/front.h"
#include "server/base/front_tables.h"
#include "server/base/node.h"
#include "server/store/state_dir.h"

static bool wants_key(const struct front *f)
{
	for (size_t i = 0; i < f->groups.n; i++)
		if (f->groups.v[i].affinity)
			return true;
	return false;
}

/* Of the cookies by which visitors come back to their origin, also behind a restart. */
static int make_key(struct node *n, const struct server_options *o)
{
	struct error err;
	uint8_t *key = malloc(MAC_KEY_SIZE);
	if (!key)
		return -ENOMEM;
	if (state_dir_cookie_key(o->state_dir, key, &err) < 0)
		log_warn("the key of cookies cannot be kept, so visitors may come to another "
			 "origin after a restart: %s",
			err.text);
	n->affinity_key = key;
	return 0;
}

int front_file_read(struct node *n, const struct server_options *o, const struct front **front_out,
	struct error *err)
{
	struct front *front = NULL;
	int r = o->front ? front_load(o->front, &front, err) : 0;
	if (r)
		return r;
	if (front && front_tables_need(n, o->rate_entries) < 0) {
		front_release(front);
		return error_set(err, -ENOMEM, "out of memory");
	}
	if (front && wants_key(front) && !n->affinity_key && make_key(n, o) < 0) {
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
	free((void *)(uintptr_t)n->affinity_key);
	n->affinity_key = NULL;
}
