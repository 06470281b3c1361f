/* SPDX-License-Identifier: MIT */
#include "server/link/session_shard.h"

#include <errno.h>
#include <stdlib.h>

/* They stay: the next session counts in them too. */
static int streams_init(struct identity *i, unsigned workers)
{
	i->streams =
		aligned_alloc(_Alignof(struct identity_streams), workers * sizeof(*i->streams));
	if (!i->streams)
		return -ENOMEM;
	for (unsigned w = 0; w < workers; w++)
		atomic_init(&i->streams[w].n, 0);
	return 0;
}

int session_base_init(struct session_base *s, struct identity *identity, unsigned n_shards)
{
	if (!identity->streams && streams_init(identity, n_shards) < 0)
		return -ENOMEM;
	s->identity = identity;
	s->shards = calloc(n_shards, sizeof(*s->shards));
	if (!s->shards)
		return -ENOMEM;
	s->n_shards = n_shards;
	for (unsigned i = 0; i < n_shards; i++) {
		s->shards[i].session = s;
		s->shards[i].streams = &identity->streams[i].n;
		list_init(&s->shards[i].links);
		flow_queue_init(&s->shards[i].flows);
	}
	return 0;
}

void session_base_deinit(struct session_base *s)
{
	for (unsigned i = 0; s->shards && i < s->n_shards; i++)
		table_deinit(&s->shards[i].attachments);
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

/* Only this thread writes it; others read. */
static void count(atomic_uint *n, unsigned change)
{
	unsigned before = atomic_load_explicit(n, memory_order_relaxed);
	atomic_store_explicit(n, before + change, memory_order_relaxed);
}

void session_shard_count(struct session_shard *shard, unsigned change)
{
	count(&shard->load, change);
	count(shard->streams, change);
}

bool session_shard_full(const struct session_shard *shard)
{
	const struct session_base *s = shard->session;
	unsigned most = atomic_load_explicit(&s->identity->max_streams, memory_order_relaxed);
	unsigned n = 0;
	if (most == IDENTITY_STREAMS_ANY)
		return false;
	for (unsigned i = 0; i < s->n_shards; i++)
		n += atomic_load_explicit(&s->identity->streams[i].n, memory_order_relaxed);
	return n >= most;
}
