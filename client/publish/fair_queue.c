/* SPDX-License-Identifier: MIT */
#include "client/publish/fair_queue.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/macros.h"

struct fair_queue_visitor {
	struct network_entry entry; /* fair_queue::visitors */
	struct list flows;          /* of fair_queue_flow, by of_visitor */
	size_t inside, n_waiting;
};

/* The slots of one visitor to one service. */
struct fair_queue_flow {
	struct table_node node; /* fair_queue::flows */
	struct list turn;       /* fair_queue_service::flows */
	struct list of_visitor;
	struct list waiting; /* of struct slot */
	struct fair_queue_visitor *visitor;
	struct fair_queue_service *service;
	size_t inside;
};

void fair_queue_init(struct fair_queue *q, size_t max, size_t max_per_visitor,
	void (*admitted)(struct fair_queue *q, struct fair_slot *slot))
{
	*q = (struct fair_queue){.max = max,
		.max_per_visitor = max_per_visitor,
		.waiting_max = SIZE_MAX,
		.waiting_max_per_visitor = SIZE_MAX,
		.admitted = admitted};
	list_init(&q->turns);
	fair_queue_service_init(&q->own);
	network_table_init(&q->visitors);
}

void fair_queue_deinit(struct fair_queue *q)
{
	network_table_deinit(&q->visitors);
	table_deinit(&q->flows);
}

void fair_slot_init(struct fair_slot *slot)
{
	*slot = (struct fair_slot){.state = FAIR_SLOT_IDLE};
	list_init(&slot->link);
}

void fair_queue_service_init(struct fair_queue_service *service)
{
	*service = (struct fair_queue_service){0};
	list_init(&service->turn);
	list_init(&service->flows);
}

/* ---- Visitors and their flows ---- */

static struct fair_queue_visitor *visitor_of(struct network_entry *e)
{
	return container_of(e, struct fair_queue_visitor, entry);
}

static struct fair_queue_visitor *visitor_get(struct fair_queue *q, const struct address *a)
{
	struct network_entry *e = network_table_find(&q->visitors, a);
	if (e)
		return visitor_of(e);
	e = network_table_add(&q->visitors, a, sizeof(struct fair_queue_visitor));
	if (!e)
		return NULL;
	list_init(&visitor_of(e)->flows);
	return visitor_of(e);
}

static void visitor_put(struct fair_queue *q, struct fair_queue_visitor *v)
{
	if (!list_empty(&v->flows))
		return;
	network_table_drop(&q->visitors, &v->entry);
}

static struct fair_queue_flow *flow_find(const struct fair_queue *q,
	const struct fair_queue_visitor *v, const struct fair_queue_service *service, uint64_t hash)
{
	table_for_each (it, &q->flows, hash) {
		struct fair_queue_flow *f = table_entry(it, struct fair_queue_flow, node);
		if (f->visitor == v && f->service == service)
			return f;
	}
	return NULL;
}

static struct fair_queue_flow *flow_get(struct fair_queue *q, const struct address *visitor,
	struct fair_queue_service *service)
{
	struct fair_queue_visitor *v = visitor_get(q, visitor);
	if (!v)
		return NULL;
	const void *pair[] = {v, service};
	uint64_t hash = keyed_hash(&q->visitors.key, pair, sizeof(pair));
	struct fair_queue_flow *f = flow_find(q, v, service, hash);
	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f || table_add(&q->flows, &f->node, hash) < 0) {
		free(f);
		visitor_put(q, v);
		return NULL;
	}
	list_init(&f->turn);
	list_init(&f->of_visitor);
	list_init(&f->waiting);
	list_append(&v->flows, &f->of_visitor);
	f->visitor = v;
	f->service = service;
	return f;
}

static void flow_put(struct fair_queue *q, struct fair_queue_flow *f)
{
	struct fair_queue_visitor *v = f->visitor;
	if (f->inside || !list_empty(&f->waiting))
		return;
	table_remove(&q->flows, &f->node);
	list_unlink(&f->of_visitor);
	free(f);
	visitor_put(q, v);
}

/* ---- Whose turn it is ---- */

/* Whether one more may go in where `inside` of `max` are, of which `own` are of the service. */
static bool has_room(const struct fair_queue *q, size_t max, size_t inside, size_t own)
{
	return inside < max && (!q->shared || own < max - inside);
}

/* Is on its service's list exactly while somebody waits who would fit, and so is the service. */
static void flow_schedule(struct fair_queue *q, struct fair_queue_flow *f)
{
	struct fair_queue_service *s = f->service;
	if (list_empty(&f->waiting) ||
		!has_room(q, q->max_per_visitor, f->visitor->inside, f->inside))
		list_unlink(&f->turn);
	else if (!list_linked(&f->turn))
		list_append(&s->flows, &f->turn);
	if (list_empty(&s->flows))
		list_unlink(&s->turn);
	else if (!list_linked(&s->turn))
		list_append(&q->turns, &s->turn);
}

static void visitor_schedule(struct fair_queue *q, struct fair_queue_visitor *v)
{
	list_for_each (it, &v->flows)
		flow_schedule(q, list_entry(it, struct fair_queue_flow, of_visitor));
}

static void schedule_all(struct fair_queue *q)
{
	for (size_t i = 0; i < q->visitors.table.n_buckets; i++)
		for (struct table_node *it = q->visitors.table.buckets[i]; it; it = it->next)
			visitor_schedule(q, table_entry(it, struct fair_queue_visitor, entry.node));
}

/* Whether so many wait that one more would be too many, besides those who find room in a moment. */
static bool is_full(size_t waiting, size_t waiting_max, size_t inside, size_t max)
{
	size_t room = inside < max ? max - inside : 0;
	return waiting >= room && waiting - room >= waiting_max;
}

/*
 * The last slot of the visitor who has most waiting, if he keeps as many as `v` has then. NULL: there is none.
 * It goes through all visitors, but who waits is bounded where this is asked.
 */
static struct fair_slot *find_crowding(const struct fair_queue *q,
	const struct fair_queue_visitor *v)
{
	const struct fair_queue_visitor *most = v;
	for (size_t i = 0; i < q->visitors.table.n_buckets; i++)
		for (struct table_node *it = q->visitors.table.buckets[i]; it; it = it->next) {
			const struct fair_queue_visitor *o =
				table_entry(it, struct fair_queue_visitor, entry.node);
			if (o->n_waiting > most->n_waiting)
				most = o;
		}
	if (most->n_waiting <= v->n_waiting + 1)
		return NULL;
	list_for_each (it, &most->flows) {
		const struct fair_queue_flow *f =
			list_entry(it, struct fair_queue_flow, of_visitor);
		if (!list_empty(&f->waiting))
			return list_entry(f->waiting.prev, struct fair_slot, link);
	}
	return NULL;
}

/* Room for one more of `v` to wait, for which another one may have to go. */
static bool make_room(struct fair_queue *q, const struct fair_queue_visitor *v)
{
	if (is_full(v->n_waiting, q->waiting_max_per_visitor, v->inside, q->max_per_visitor))
		return false;
	if (!is_full(q->waiting, q->waiting_max, q->inside, q->max))
		return true;
	struct fair_slot *last = find_crowding(q, v);
	if (!last)
		return false;
	fair_queue_leave(q, last);
	q->displaced(q, last);
	return true;
}

int fair_queue_enter(struct fair_queue *q, struct fair_slot *slot, const struct address *visitor,
	struct fair_queue_service *service)
{
	struct fair_queue_flow *f = flow_get(q, visitor, service ? service : &q->own);
	if (!f)
		return -ENOMEM;
	struct fair_queue_visitor *v = f->visitor;
	if (!make_room(q, v)) {
		flow_put(q, f);
		return -EBUSY;
	}
	slot->flow = f;
	slot->state = FAIR_SLOT_WAITING;
	list_append(&f->waiting, &slot->link);
	v->n_waiting++;
	q->waiting++;
	if (q->inside + q->waiting > q->max && q->max) {
		q->reached++;
		q->reached_at = clock_now();
	}
	flow_schedule(q, f);
	return 0;
}

void fair_queue_leave(struct fair_queue *q, struct fair_slot *slot)
{
	struct fair_queue_flow *f = slot->flow;
	if (slot->state == FAIR_SLOT_IDLE)
		return;
	if (slot->state == FAIR_SLOT_INSIDE) {
		q->inside--;
		f->inside--;
		f->service->inside--;
		f->visitor->inside--;
	} else {
		q->waiting--;
		f->visitor->n_waiting--;
		list_unlink(&slot->link);
	}
	slot->state = FAIR_SLOT_IDLE;
	slot->flow = NULL;
	visitor_schedule(q, f->visitor);
	flow_put(q, f);
}

/* The first service in turn that may have one more inside, or NULL. */
static struct fair_queue_service *next_service(const struct fair_queue *q)
{
	list_for_each (it, &q->turns) {
		struct fair_queue_service *s = list_entry(it, struct fair_queue_service, turn);
		if (has_room(q, q->max, q->inside, s->inside))
			return s;
	}
	return NULL;
}

void fair_queue_admit(struct fair_queue *q)
{
	struct fair_queue_service *s;
	while ((s = next_service(q))) {
		struct fair_queue_flow *f = list_entry(s->flows.next, struct fair_queue_flow, turn);
		struct fair_slot *slot = list_entry(f->waiting.next, struct fair_slot, link);
		list_unlink(&slot->link);
		/* Who was served stands last, as do those behind him. */
		list_unlink(&f->turn);
		list_unlink(&s->turn);
		slot->state = FAIR_SLOT_INSIDE;
		q->waiting--;
		f->visitor->n_waiting--;
		q->inside++;
		q->peak = MAX(q->peak, q->inside);
		s->inside++;
		f->inside++;
		f->visitor->inside++;
		visitor_schedule(q, f->visitor);
		q->admitted(q, slot);
	}
}

void fair_queue_set_max(struct fair_queue *q, size_t max, size_t max_per_visitor)
{
	q->max = max;
	q->max_per_visitor = max_per_visitor;
	schedule_all(q);
}

void fair_queue_set_shared(struct fair_queue *q, bool shared)
{
	if (q->shared == shared)
		return;
	q->shared = shared;
	schedule_all(q);
}
