/* SPDX-License-Identifier: MIT */
#include "server/base/limits.h"

#include <errno.h>
#include <limits.h>

#include "base/clock.h"
#include "base/macros.h"

void limits_init(struct limits *l)
{
	*l = (struct limits){.lock = PTHREAD_MUTEX_INITIALIZER};
	for (unsigned i = 0; i < LIMITS_KINDS; i++)
		address_count_init(&l->kinds[i].addresses);
}

void limits_deinit(struct limits *l)
{
	for (unsigned i = 0; i < LIMITS_KINDS; i++)
		address_count_deinit(&l->kinds[i].addresses);
	pthread_mutex_destroy(&l->lock);
}

/* With the lock held. */
static int limits_admit(struct limits *l, enum limits_kind kind, const struct address *peer,
	unsigned limit_total, unsigned limit_per_address)
{
	if (limit_total && l->kinds[kind].n >= limit_total)
		return -EBUSY;
	if (!peer)
		return 0;
	int r = address_count_add(&l->kinds[kind].addresses, peer,
		limit_per_address ? limit_per_address : UINT_MAX);
	return r == -EBUSY ? -EUSERS : r;
}

int limits_acquire(struct limits *l, enum limits_kind kind, const struct address *peer,
	unsigned limit_total, unsigned limit_per_address)
{
	pthread_mutex_lock(&l->lock);
	int r = limits_admit(l, kind, peer, limit_total, limit_per_address);
	if (r == 0) {
		unsigned n = ++l->kinds[kind].n;
		l->kinds[kind].peak = MAX(l->kinds[kind].peak, n);
	} else if (r != -ENOMEM) {
		l->kinds[kind].reached[r == -EUSERS]++;
		l->kinds[kind].reached_at = clock_now();
	}
	pthread_mutex_unlock(&l->lock);
	return r;
}

void limits_release(struct limits *l, enum limits_kind kind, const struct address *peer)
{
	pthread_mutex_lock(&l->lock);
	l->kinds[kind].n--;
	if (peer)
		address_count_drop(&l->kinds[kind].addresses, peer);
	pthread_mutex_unlock(&l->lock);
}

void limits_reached(struct limits *l, enum limits_kind kind, uint64_t *total_out,
	uint64_t *address_out)
{
	pthread_mutex_lock(&l->lock);
	*total_out = l->kinds[kind].reached[0];
	*address_out = l->kinds[kind].reached[1];
	pthread_mutex_unlock(&l->lock);
}

unsigned limits_count(struct limits *l, enum limits_kind kind)
{
	pthread_mutex_lock(&l->lock);
	unsigned n = l->kinds[kind].n;
	pthread_mutex_unlock(&l->lock);
	return n;
}

void limits_look(struct limits *l, enum limits_kind kind, struct limits_use *out)
{
	pthread_mutex_lock(&l->lock);
	out->n = l->kinds[kind].n;
	out->peak = l->kinds[kind].peak;
	out->reached = l->kinds[kind].reached[0] + l->kinds[kind].reached[1];
	out->reached_at = l->kinds[kind].reached_at;
	pthread_mutex_unlock(&l->lock);
}
