#include "server/census.h"

#include <errno.h>
#include <limits.h>

void census_init(struct census *c)
{
	*c = (struct census){.lock = PTHREAD_MUTEX_INITIALIZER};
	for (unsigned i = 0; i < CENSUS_KINDS; i++)
		tally_init(&c->kinds[i].addresses);
}

void census_deinit(struct census *c)
{
	for (unsigned i = 0; i < CENSUS_KINDS; i++)
		tally_deinit(&c->kinds[i].addresses);
	pthread_mutex_destroy(&c->lock);
}

/* With the lock held. */
static int census_admit(struct census *c, enum census_kind kind, const struct address *peer,
	unsigned limit_total, unsigned limit_per_address)
{
	if (limit_total && c->kinds[kind].n >= limit_total)
		return -EBUSY;
	if (!peer)
		return 0;
	int r = tally_add(&c->kinds[kind].addresses, peer,
		limit_per_address ? limit_per_address : UINT_MAX);
	return r == -EBUSY ? -EUSERS : r;
}

int census_enter(struct census *c, enum census_kind kind, const struct address *peer,
	unsigned limit_total, unsigned limit_per_address)
{
	pthread_mutex_lock(&c->lock);
	int r = census_admit(c, kind, peer, limit_total, limit_per_address);
	if (r == 0)
		c->kinds[kind].n++;
	pthread_mutex_unlock(&c->lock);
	return r;
}

void census_leave(struct census *c, enum census_kind kind, const struct address *peer)
{
	pthread_mutex_lock(&c->lock);
	c->kinds[kind].n--;
	if (peer)
		tally_drop(&c->kinds[kind].addresses, peer);
	pthread_mutex_unlock(&c->lock);
}

unsigned census_count(struct census *c, enum census_kind kind)
{
	pthread_mutex_lock(&c->lock);
	unsigned n = c->kinds[kind].n;
	pthread_mutex_unlock(&c->lock);
	return n;
}
