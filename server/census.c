#include "server/census.h"

#include <errno.h>
#include <limits.h>

#include "base/macros.h"

void census_init(struct census *c)
{
	*c = (struct census){0};
	pthread_mutex_init(&c->lock, NULL);
}

void census_deinit(struct census *c)
{
	for (int i = 0; i < CENSUS_KINDS; i++)
		tally_deinit(&c->tallies[i]);
	pthread_mutex_destroy(&c->lock);
}

int census_enter(struct census *c, enum census_kind kind, const struct address *a, uint64_t max,
	uint64_t max_per_address)
{
	unsigned most = max_per_address ? (unsigned)MIN(max_per_address, UINT_MAX) : UINT_MAX;
	pthread_mutex_lock(&c->lock);
	int r = max && c->totals[kind] >= max ? -EBUSY : tally_add(&c->tallies[kind], a, most);
	if (r == 0)
		c->totals[kind]++;
	else if (r == -EBUSY && !(max && c->totals[kind] >= max))
		r = -EUSERS;
	pthread_mutex_unlock(&c->lock);
	return r;
}

void census_leave(struct census *c, enum census_kind kind, const struct address *a)
{
	pthread_mutex_lock(&c->lock);
	tally_drop(&c->tallies[kind], a);
	c->totals[kind]--;
	pthread_mutex_unlock(&c->lock);
}

unsigned census_count(struct census *c, enum census_kind kind)
{
	pthread_mutex_lock(&c->lock);
	unsigned n = c->totals[kind];
	pthread_mutex_unlock(&c->lock);
	return n;
}
