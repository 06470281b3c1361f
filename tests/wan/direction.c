/* SPDX-License-Identifier: MIT */
/* What happens to a packet on its way. */
#include "direction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NS 1000000000u /* in a second */

/* splitmix64: any seed will do, and each step is one packet's. */
static double random_share(struct direction *d)
{
	uint64_t z = (d->dice += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (double)((z ^ (z >> 31)) >> 11) / (double)(UINT64_C(1) << 53);
}

static void fifo_init(struct fifo *f)
{
	f->first = NULL;
	f->end = &f->first;
}

static void fifo_put(struct fifo *f, struct packet *p)
{
	p->next = NULL;
	*f->end = p;
	f->end = &p->next;
}

static struct packet *fifo_get(struct fifo *f)
{
	struct packet *p = f->first;
	f->first = p->next;
	if (!f->first)
		f->end = &f->first;
	return p;
}

void direction_init(struct direction *d, const struct terms *terms)
{
	*d = (struct direction){.terms = *terms, .dice = terms->seed};
	fifo_init(&d->on_time);
	fifo_init(&d->late);
}

void direction_deinit(struct direction *d)
{
	while (d->on_time.first)
		free(fifo_get(&d->on_time));
	while (d->late.first)
		free(fifo_get(&d->late));
}

int direction_take(struct direction *d, const void *data, size_t size, uint64_t now)
{
	const struct terms *t = &d->terms;
	/* Both for every packet, so that one packet's luck does not shift that of all behind it. */
	bool lost = random_share(d) < t->loss, late = random_share(d) < t->reorder;
	if (lost) {
		d->counts.lost++;
		return 0;
	}
	uint64_t start = d->free_at > now ? d->free_at : now;
	/* In floating point: hours of backlog times a rate would not fit 64 bits. */
	double waiting = (double)(start - now) * (double)t->rate / 8 / NS;
	if (waiting + (double)size > (double)t->queue) {
		d->counts.dropped++;
		return 0;
	}
	struct packet *p = malloc(sizeof(*p) + size);
	if (!p)
		return -ENOMEM;
	memcpy(p->data, data, size);
	p->size = size;
	d->free_at = start + size * 8 * NS / t->rate;
	p->due = d->free_at + t->delay + (late ? t->reorder_late : 0);
	d->counts.reordered += late;
	fifo_put(late ? &d->late : &d->on_time, p);
	return 0;
}

static struct fifo *next_fifo(const struct direction *d)
{
	const struct packet *a = d->on_time.first, *b = d->late.first;
	return (struct fifo *)(!b || (a && a->due <= b->due) ? &d->on_time : &d->late);
}

uint64_t direction_next(const struct direction *d)
{
	const struct packet *p = next_fifo(d)->first;
	return p ? p->due : 0;
}

struct packet *direction_give(struct direction *d, uint64_t now)
{
	struct fifo *f = next_fifo(d);
	if (!f->first || f->first->due > now)
		return NULL;
	struct packet *p = fifo_get(f);
	uint64_t behind = now - p->due;
	d->counts.packets++;
	d->counts.bytes += p->size;
	if (behind > d->counts.late_max)
		d->counts.late_max = behind;
	return p;
}
