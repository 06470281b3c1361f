/* SPDX-License-Identifier: MIT */
/*
 * Who lets go when memory is out (docs/protocol.md, rule 21): one stream at a time, until it is enough.
 *
 * A stream weighs what it holds times how long it has stood still, where bytes that were taken count for as
 * long as a slow owner has enough of them (stream_moved()). The streams of one group, which is one visitor's,
 * weigh together: opening many, or moving each of them a little, makes nobody lighter. Of the heaviest group
 * the stream goes that has stood still longest. So a slow download that moves stays for as long as something
 * else stands still.
 *
 * Streams of datagrams come first, and alone if that is enough: to lose some is in their nature, and a flood
 * of them must not end what beside it is whole.
 */
#include "base/macros.h"
#include "mux/mux_internal.h"

#define GROUPS_BITS 8 /* of a hash: two groups weigh as one, one time in 256 */
/* A bound on a weight's factor, so that a sum of weights fits 64 bits: 12 days in milliseconds. */
#define STALLED_MAX (1u << 30)

static uint64_t stream_stalled(const struct stream *s)
{
	uint64_t now = s->mux->last_now;
	return now > s->stalled_from ? now - s->stalled_from : 0;
}

static uint64_t stream_weight(const struct stream *s)
{
	/* What moves weighs by its bytes alone. */
	return s->charged * (MIN(stream_stalled(s) / CLOCK_MS, STALLED_MAX) + 1);
}

static unsigned stream_bucket(const struct stream *s)
{
	uint64_t group = s->group ? s->group : s->id;
	return (unsigned)((group * s->mux->hash_key) >> (64 - GROUPS_BITS));
}

static bool weighs(const struct stream *s, bool datagrams)
{
	return s->charged && s->datagrams == datagrams;
}

static struct stream *relief_pick(const struct mux *m, bool datagrams)
{
	uint64_t weights[1 << GROUPS_BITS] = {0};
	struct stream *worst = NULL;
	unsigned heaviest = 0;
	list_for_each (it, &m->streams) {
		const struct stream *s = list_entry(it, struct stream, all);
		if (!weighs(s, datagrams))
			continue;
		unsigned at = stream_bucket(s);
		weights[at] += stream_weight(s);
		if (weights[at] > weights[heaviest])
			heaviest = at;
	}
	list_for_each (it, &m->streams) {
		struct stream *s = list_entry(it, struct stream, all);
		if (weighs(s, datagrams) && stream_bucket(s) == heaviest &&
			(!worst || s->stalled_from < worst->stalled_from))
			worst = s;
	}
	return worst;
}

void mux_relieve(struct budget_account *account)
{
	struct mux *m = container_of(account, struct mux, account);
	struct stream *s = relief_pick(m, true);
	if (!s)
		s = relief_pick(m, false);
	if (s)
		stream_reset_told(s, FRAME_RESET_NO_MEMORY);
}
