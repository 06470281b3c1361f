/* SPDX-License-Identifier: MIT */
#include "server/link/session_shard.h"

#include <errno.h>
#include <stdlib.h>

int session_base_init(struct session_base *s, unsigned n_shards)
{
	s->shards = calloc(n_shards, sizeof(*s->shards));
	if (!s->shards)
		return -ENOMEM;
	s->n_shards = n_shards;
	for (unsigned i = 0; i < n_shards; i++) {
		s->shards[i].session = s;
		list_init(&s->shards[i].links);
		flow_queue_init(&s->shards[i].flows);
	}
	return 0;
}

void session_base_deinit(struct session_base *s)
{
	free(s->shards);
	s->shards = NULL;
}

bool session_shard_usable(const struct session_shard *shard)
{
	return atomic_load_explicit(&shard->usable, memory_order_acquire);
}

bool session_shard_silent(const struct session_shard *shard)
{
	return atomic_load_explicit(&shard->silent, memory_order_relaxed) >=
	       atomic_load_explicit(&shard->usable, memory_order_relaxed);
}

unsigned session_shard_load(const struct session_shard *shard)
{
	return atomic_load_explicit(&shard->load, memory_order_relaxed) +
	       atomic_load_explicit(&shard->coming, memory_order_relaxed);
}

bool session_shard_better(const struct session_shard *a, const struct session_shard *b)
{
	bool silent = session_shard_silent(a);
	if (silent != session_shard_silent(b))
		return !silent;
	return session_shard_load(a) < session_shard_load(b);
}

struct session_shard *session_base_pick(const struct session_base *s, int except)
{
	struct session_shard *best = NULL;
	for (unsigned i = 0; i < s->n_shards; i++) {
		struct session_shard *shard = &s->shards[i];
		if ((int)i != except && session_shard_usable(shard) &&
			(!best || session_shard_better(shard, best)))
			best = shard;
	}
	return best;
}

void session_shard_count(struct session_shard *shard, unsigned change)
{
	/* Only this thread writes it; others read. */
	unsigned load = atomic_load_explicit(&shard->load, memory_order_relaxed);
	atomic_store_explicit(&shard->load, load + change, memory_order_relaxed);
}
