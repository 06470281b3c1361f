/* SPDX-License-Identifier: MIT */
#include "net/flow_queue.h"

#include <stddef.h>

void flow_queue_init(struct flow_queue *q)
{
	*q = (struct flow_queue){0};
	for (int i = 0; i < FLOW_USES; i++)
		list_init(&q->of[i]);
}

static void put_last(struct flow_queue *q, struct flow_place *p, enum flow_use use)
{
	list_unlink(&p->link);
	q->n[p->use]--;
	p->use = use;
	q->n[use]++;
	list_append(&q->of[use], &p->link);
}

void flow_queue_add(struct flow_queue *q, struct flow_place *p, uint64_t now)
{
	*p = (struct flow_place){.began = now, .use = FLOW_UNANSWERED};
	list_init(&p->link);
	list_append(&q->of[FLOW_UNANSWERED], &p->link);
	q->n[FLOW_UNANSWERED]++;
}

void flow_queue_remove(struct flow_queue *q, struct flow_place *p)
{
	if (!p->link.next || !list_linked(&p->link))
		return;
	list_unlink(&p->link);
	q->n[p->use]--;
}

/* Unanswered ones stay in the order in which they came: to repeat a question earns nothing. */
void flow_queue_heard(struct flow_queue *q, struct flow_place *p)
{
	if (p->use != FLOW_UNANSWERED)
		put_last(q, p, FLOW_MUTUAL);
}

void flow_queue_answered(struct flow_queue *q, struct flow_place *p)
{
	put_last(q, p, p->use == FLOW_MUTUAL ? FLOW_MUTUAL : FLOW_ANSWERED);
}

unsigned flow_queue_count(const struct flow_queue *q)
{
	return q->n[FLOW_UNANSWERED] + q->n[FLOW_ANSWERED] + q->n[FLOW_MUTUAL];
}

static struct flow_place *first_of(const struct flow_queue *q, enum flow_use use)
{
	return list_first(&q->of[use], struct flow_place, link);
}

/* The oldest, if it has had its time; else the newest, so that those before it have theirs. */
static struct flow_place *unanswered(const struct flow_queue *q, uint64_t now)
{
	struct flow_place *oldest = first_of(q, FLOW_UNANSWERED);
	if (!oldest || now - oldest->began >= FLOW_ANSWER_TIME)
		return oldest;
	return list_entry(q->of[FLOW_UNANSWERED].prev, struct flow_place, link);
}

struct flow_place *flow_queue_victim(const struct flow_queue *q, unsigned share, uint64_t now)
{
	bool spared = q->n[FLOW_UNANSWERED] * share < flow_queue_count(q);
	struct flow_place *p = spared ? first_of(q, FLOW_ANSWERED) : NULL;
	if (!p)
		p = unanswered(q, now);
	if (!p)
		p = first_of(q, FLOW_ANSWERED);
	return p ? p : first_of(q, FLOW_MUTUAL);
}
