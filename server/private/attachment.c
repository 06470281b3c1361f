/* SPDX-License-Identifier: MIT */
#include "server/private/attachment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/worker.h"
#include "server/link/session_shard.h"
#include "server/private/private_worker.h"

/*
 * Broadcasts behind the one that cuts. The other end of a stream that was cut hears of it by mail, which is on its
 * way when the first of them comes there. Where an order to open that end was under way, the answer comes home first,
 * and the mail follows the second. On the same worker it hears in the next turn, when the consumer's own reset came late
 * in this one.
 */
#define SWEEP_ROUNDS 2

int attachment_init(struct attachment *a, struct session_base *s, uint32_t number, uint32_t link,
	enum control_kind kind, const char *service)
{
	*a = (struct attachment){.session = s, .number = number, .link = link, .kind = kind};
	a->shards = calloc(s->n_shards, sizeof(*a->shards));
	if (!a->shards)
		return -ENOMEM;
	memccpy(a->consumer, s->identity->name, 0, sizeof(a->consumer) - 1);
	memccpy(a->service, service, 0, sizeof(a->service) - 1);
	for (unsigned i = 0; i < s->n_shards; i++) {
		a->shards[i].attachment = a;
		list_init(&a->shards[i].uses);
	}
	return 0;
}

void attachment_deinit(struct attachment *a)
{
	free(a->shards);
	a->shards = NULL;
}

/* ---- On a worker ---- */

static uint64_t attachment_hash(const struct worker *w, uint32_t number)
{
	return keyed_hash(&w->private->key, &number, sizeof(number));
}

static struct table *attachment_table(const struct attachment *a, const struct worker *w)
{
	return &a->session->shards[w->index].attachments;
}

int attachment_shard_open(struct attachment *a, struct worker *w)
{
	struct attachment_shard *shard = &a->shards[w->index];
	int r = table_add(attachment_table(a, w), &shard->by_number, attachment_hash(w, a->number));
	shard->open = r == 0;
	return r;
}

static unsigned attachment_cut(struct attachment_shard *shard, struct worker *w)
{
	unsigned cut = 0;
	for (; !list_empty(&shard->uses); cut++) {
		struct attachment_use *use = list_first(&shard->uses, struct attachment_use, link);
		use->cut(use);
	}
	counter_add(&w->private->cut[shard->bar], cut);
	return cut;
}

unsigned attachment_shard_set(struct attachment *a, struct worker *w, enum attachment_bar bar,
	bool keep_live)
{
	struct attachment_shard *shard = &a->shards[w->index];
	shard->bar = bar;
	return bar == ATTACHMENT_PASSES || keep_live ? 0 : attachment_cut(shard, w);
}

unsigned attachment_shard_close(struct attachment *a, struct worker *w)
{
	struct attachment_shard *shard = &a->shards[w->index];
	if (!shard->open)
		return 0;
	shard->open = false;
	shard->bar = ATTACHMENT_GONE;
	table_remove(attachment_table(a, w), &shard->by_number);
	return attachment_cut(shard, w);
}

unsigned attachment_shard_streams(const struct attachment *a, const struct worker *w)
{
	return atomic_load_explicit(&a->shards[w->index].n, memory_order_relaxed);
}

unsigned attachment_streams(const struct attachment *a)
{
	unsigned n = 0;
	for (unsigned i = 0; i < a->session->n_shards; i++)
		n += atomic_load_explicit(&a->shards[i].n, memory_order_relaxed);
	return n;
}

struct attachment_shard *attachment_find(const struct session_shard *shard, const struct worker *w,
	uint32_t number)
{
	table_for_each (it, &shard->attachments, attachment_hash(w, number)) {
		struct attachment_shard *found =
			table_entry(it, struct attachment_shard, by_number);
		if (found->attachment->number == number)
			return found;
	}
	return NULL;
}

static atomic_uint *attachment_consumer_streams(const struct attachment_shard *shard)
{
	return &shard->attachment->session->identity->private_streams;
}

int attachment_use_begin(struct attachment_shard *shard, struct attachment_use *use,
	void (*cut)(struct attachment_use *use), unsigned most)
{
	atomic_uint *n = attachment_consumer_streams(shard);
	if (atomic_fetch_add_explicit(n, 1, memory_order_relaxed) >= most && most) {
		atomic_fetch_sub_explicit(n, 1, memory_order_relaxed);
		return -EBUSY;
	}
	*use = (struct attachment_use){.shard = shard, .cut = cut};
	list_init(&use->link);
	list_append(&shard->uses, &use->link);
	atomic_fetch_add_explicit(&shard->n, 1, memory_order_relaxed);
	return 0;
}

void attachment_use_end(struct attachment_use *use)
{
	if (!use->shard)
		return;
	list_unlink(&use->link);
	atomic_fetch_sub_explicit(&use->shard->n, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(attachment_consumer_streams(use->shard), 1, memory_order_relaxed);
	use->shard = NULL;
}

/* ---- A change, and its end ---- */

static struct attachment_sweep *sweep_of(struct broadcast *b)
{
	return container_of(b, struct attachment_sweep, broadcast);
}

static void sweep_nothing(struct broadcast *b, struct worker *w)
{
}

static void sweep_done(struct broadcast *b);

static void sweep_discard(struct broadcast *b)
{
	struct attachment_sweep *s = sweep_of(b);
	if (s->ops->discard)
		s->ops->discard(s);
}

static const struct broadcast_ops sweep_later = {
	.run = sweep_nothing,
	.done = sweep_done,
	.discard = sweep_discard,
};

static void sweep_done(struct broadcast *b)
{
	struct attachment_sweep *s = sweep_of(b);
	if (s->rounds) {
		s->rounds--;
		broadcast_send(&s->broadcast, b->node, &sweep_later);
	} else if (s->ops->done) {
		s->ops->done(s);
	}
}

static void sweep_run(struct broadcast *b, struct worker *w)
{
	struct attachment_sweep *s = sweep_of(b);
	s->ops->run(s, w);
}

void attachment_sweep_send(struct attachment_sweep *s, struct node *n,
	const struct attachment_sweep_ops *ops)
{
	static const struct broadcast_ops first = {
		.run = sweep_run,
		.done = sweep_done,
		.discard = sweep_discard,
	};
	s->ops = ops;
	s->cut = 0;
	s->rounds = SWEEP_ROUNDS;
	broadcast_send(&s->broadcast, n, &first);
}
