/* SPDX-License-Identifier: MIT */
#include "server/acme/present.h"

#include <errno.h>
#include <stdlib.h>

#include "server/base/broadcast.h"
#include "server/base/worker.h"

struct present_broadcast {
	struct broadcast broadcast;
	struct present *present;
	struct challenges *challenges; /* NULL: there are none any more */
	uint64_t number;               /* for which entry it is sent; 0: one went */
};

static void present_run(struct broadcast *b, struct worker *w)
{
	struct challenges *old = w->challenges;
	struct challenges *c = container_of(b, struct present_broadcast, broadcast)->challenges;
	w->challenges = c ? challenges_ref(c) : NULL;
	challenges_unref(old);
}

static void present_discard(struct broadcast *b)
{
	struct present_broadcast *own = container_of(b, struct present_broadcast, broadcast);
	challenges_unref(own->challenges);
	free(own);
}

static void present_done(struct broadcast *b)
{
	const struct present_broadcast *own = container_of(b, struct present_broadcast, broadcast);
	struct present_entry *found = NULL;
	/* It may have gone meanwhile, and its memory with it. */
	list_for_each (it, &own->present->entries) {
		struct present_entry *e = list_entry(it, struct present_entry, link);
		if (e->number == own->number)
			found = e;
	}
	present_discard(b);
	if (found && found->known)
		found->known(found);
}

static const struct broadcast_ops present_ops = {
	.run = present_run,
	.done = present_done,
	.discard = present_discard,
};

static int present_send(struct present *p, uint64_t number)
{
	size_t n = 0;
	list_for_each (it, &p->entries)
		n++;
	struct present_broadcast *b = calloc(1, sizeof(*b));
	if (b && n)
		b->challenges = challenges_new(n);
	if (!b || (n && !b->challenges)) {
		free(b);
		return -ENOMEM;
	}
	list_for_each (it, &p->entries)
		challenges_add(b->challenges,
			&list_entry(it, struct present_entry, link)->challenge);
	b->present = p;
	b->number = number;
	broadcast_send(&b->broadcast, p->node, &present_ops);
	return 0;
}

void present_init(struct present *p, struct node *n)
{
	p->node = n;
	list_init(&p->entries);
}

int present_add(struct present *p, struct present_entry *e)
{
	list_init(&e->link);
	list_append(&p->entries, &e->link);
	e->number = ++p->added;
	int r = present_send(p, e->number);
	if (r < 0)
		list_unlink(&e->link);
	return r;
}

void present_remove(struct present *p, struct present_entry *e)
{
	if (!list_linked(&e->link))
		return;
	list_unlink(&e->link);
	/* Without memory the next change takes it out. */
	present_send(p, 0);
}
