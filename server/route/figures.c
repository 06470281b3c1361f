/* SPDX-License-Identifier: MIT */
#include "server/route/figures.h"

#include "base/clock.h"

void figures_init(struct figures *f, uint64_t began)
{
	f->at = began;
	f->times_at[0] = f->times_at[1] = began;
}

static void take_times(struct figures *f, const struct service_sum *sum, uint64_t now)
{
	if (now - f->times_at[1] < FIGURES_TIMES)
		return;
	f->times_at[0] = f->times_at[1];
	f->times[0] = f->times[1];
	f->times_at[1] = now;
	f->times[1] = sum->durations;
}

void figures_take(struct figures *f, const struct service_sum *sum, uint64_t now)
{
	if (now < f->at + FIGURES_EVERY)
		return;
	double seconds = (double)(now - f->at) / CLOCK_S;
	const struct service_sum *b = &f->before;
	f->begun = figures_rate(sum->begun, b->begun, seconds);
	f->errors = figures_rate(sum->codes[5], b->codes[5], seconds);
	f->in = figures_rate(sum->sent, b->sent, seconds);
	f->out = figures_rate(sum->taken, b->taken, seconds);
	take_times(f, sum, now);
	f->before = *sum;
	f->at = now;
}

struct histogram_sum figures_times(const struct figures *f)
{
	return histogram_sum_since(&f->before.durations, &f->times[0]);
}
