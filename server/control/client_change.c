/* SPDX-License-Identifier: MIT */
#include "server/control/client_change.h"

#include <stdio.h>

#include "server/store/catalog.h"

void client_change_init(struct client_change *cc, struct session *s, const struct change_ops *ops)
{
	cc->change.ops = ops;
	list_init(&cc->change.link);
	list_init(&cc->waiting);
	cc->session = s;
	cc->identity = s->base.identity;
	snprintf(cc->via, sizeof(cc->via), "link %s", s->base.name);
}

static void client_change_begin(struct client_change *cc)
{
	const struct change_ops *ops = cc->change.ops;
	struct changes *queue = cc->session->registrar->changes;
	cc->begun = true;
	cc->identity->n_client_changes++;
	if (!queue || !change_begin(&cc->change, queue, ops)) {
		ops->refuse(&cc->change, CHANGE_NO_MEMORY, "too many changes are waiting already");
		ops->free(&cc->change);
		return;
	}
	cc->change.note.actor = cc->identity->name;
	cc->change.note.via = cc->via;
	change_submit(&cc->change);
}

/* One may be over before the next one begins, so what is over begins none itself while this runs. */
static void client_changes_next(struct identity *i)
{
	if (i->client_changes_begin)
		return;
	i->client_changes_begin = true;
	while (i->n_client_changes < CLIENT_CHANGES_MAX && !list_empty(&i->client_changes)) {
		struct client_change *cc =
			list_first(&i->client_changes, struct client_change, waiting);
		list_unlink(&cc->waiting);
		client_change_begin(cc);
	}
	i->client_changes_begin = false;
}

void client_change_submit(struct client_change *cc)
{
	struct identity *i = cc->identity;
	list_append(&i->client_changes, &cc->waiting);
	client_changes_next(i);
}

void client_change_forget(struct client_change *cc)
{
	cc->session = NULL;
	list_unlink(&cc->waiting);
	if (cc->begun)
		change_forget(&cc->change);
	else
		cc->change.ops->free(&cc->change);
}

void client_change_over(struct client_change *cc)
{
	if (!cc->begun)
		return;
	cc->begun = false;
	cc->identity->n_client_changes--;
	client_changes_next(cc->identity);
}
