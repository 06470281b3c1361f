#include "client/turnstile.h"

#include <errno.h>
#include <stdlib.h>

struct turnstile_visitor {
	struct table_node node; /* turnstile::visitors */
	struct list flows;      /* of turnstile_flow, by of_visitor */
	uint64_t network;       /* address_network() */
	size_t inside, n_waiting;
};

/* The tickets of one visitor to one service. */
struct turnstile_flow {
	struct table_node node; /* turnstile::flows */
	struct list turn;       /* turnstile_service::flows */
	struct list of_visitor;
	struct list waiting; /* of struct ticket */
	struct turnstile_visitor *visitor;
	struct turnstile_service *service;
	size_t inside;
};

void turnstile_init(struct turnstile *t, size_t max, size_t max_per_visitor,
	void (*admitted)(struct turnstile *t, struct ticket *ticket))
{
	*t = (struct turnstile){.max = max,
		.max_per_visitor = max_per_visitor,
		.waiting_max = SIZE_MAX,
		.waiting_max_per_visitor = SIZE_MAX,
		.admitted = admitted};
	list_init(&t->turns);
	turnstile_service_init(&t->own);
	hash_key_init(&t->key);
}

void turnstile_deinit(struct turnstile *t)
{
	table_deinit(&t->visitors);
	table_deinit(&t->flows);
}

void ticket_init(struct ticket *ticket)
{
	*ticket = (struct ticket){.state = TICKET_IDLE};
	list_init(&ticket->link);
}

void turnstile_service_init(struct turnstile_service *service)
{
	*service = (struct turnstile_service){0};
	list_init(&service->turn);
	list_init(&service->flows);
}

/* ---- Visitors and their flows ---- */

static struct turnstile_visitor *visitor_get(struct turnstile *t, uint64_t network)
{
	uint64_t hash = keyed_hash(&t->key, &network, sizeof(network));
	table_for_each (it, &t->visitors, hash) {
		struct turnstile_visitor *v = table_entry(it, struct turnstile_visitor, node);
		if (v->network == network)
			return v;
	}
	struct turnstile_visitor *v = calloc(1, sizeof(*v));
	if (!v || table_add(&t->visitors, &v->node, hash) < 0) {
		free(v);
		return NULL;
	}
	list_init(&v->flows);
	v->network = network;
	return v;
}

static void visitor_put(struct turnstile *t, struct turnstile_visitor *v)
{
	if (!list_empty(&v->flows))
		return;
	table_remove(&t->visitors, &v->node);
	free(v);
}

static struct turnstile_flow *flow_find(const struct turnstile *t,
	const struct turnstile_visitor *v, const struct turnstile_service *service, uint64_t hash)
{
	table_for_each (it, &t->flows, hash) {
		struct turnstile_flow *f = table_entry(it, struct turnstile_flow, node);
		if (f->visitor == v && f->service == service)
			return f;
	}
	return NULL;
}

static struct turnstile_flow *flow_get(struct turnstile *t, const struct address *visitor,
	struct turnstile_service *service)
{
	struct turnstile_visitor *v = visitor_get(t, address_network(visitor));
	if (!v)
		return NULL;
	const void *pair[] = {v, service};
	uint64_t hash = keyed_hash(&t->key, pair, sizeof(pair));
	struct turnstile_flow *f = flow_find(t, v, service, hash);
	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f || table_add(&t->flows, &f->node, hash) < 0) {
		free(f);
		visitor_put(t, v);
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

static void flow_put(struct turnstile *t, struct turnstile_flow *f)
{
	struct turnstile_visitor *v = f->visitor;
	if (f->inside || !list_empty(&f->waiting))
		return;
	table_remove(&t->flows, &f->node);
	list_unlink(&f->of_visitor);
	free(f);
	visitor_put(t, v);
}

/* ---- Whose turn it is ---- */

/* Whether one more may go in where `inside` of `max` are, of which `own` are of the service. */
static bool has_room(const struct turnstile *t, size_t max, size_t inside, size_t own)
{
	return inside < max && (!t->shared || own < max - inside);
}

/* Is on its service's list exactly while somebody waits who would fit, and so is the service. */
static void flow_schedule(struct turnstile *t, struct turnstile_flow *f)
{
	struct turnstile_service *s = f->service;
	if (list_empty(&f->waiting) ||
		!has_room(t, t->max_per_visitor, f->visitor->inside, f->inside))
		list_unlink(&f->turn);
	else if (!list_linked(&f->turn))
		list_append(&s->flows, &f->turn);
	if (list_empty(&s->flows))
		list_unlink(&s->turn);
	else if (!list_linked(&s->turn))
		list_append(&t->turns, &s->turn);
}

static void visitor_schedule(struct turnstile *t, struct turnstile_visitor *v)
{
	list_for_each (it, &v->flows)
		flow_schedule(t, list_entry(it, struct turnstile_flow, of_visitor));
}

static void schedule_all(struct turnstile *t)
{
	for (size_t i = 0; i < t->visitors.n_buckets; i++)
		for (struct table_node *it = t->visitors.buckets[i]; it; it = it->next)
			visitor_schedule(t, table_entry(it, struct turnstile_visitor, node));
}

/* Whether so many wait that one more would be too many, besides those who find room in a moment. */
static bool is_full(size_t waiting, size_t waiting_max, size_t inside, size_t max)
{
	size_t room = inside < max ? max - inside : 0;
	return waiting >= room && waiting - room >= waiting_max;
}

/*
 * The last ticket of the visitor who has most waiting, if he keeps as many as `v` has then. NULL: there is none.
 * It goes through all visitors, but who waits is bounded where this is asked.
 */
static struct ticket *find_crowding(const struct turnstile *t, const struct turnstile_visitor *v)
{
	const struct turnstile_visitor *most = v;
	for (size_t i = 0; i < t->visitors.n_buckets; i++)
		for (struct table_node *it = t->visitors.buckets[i]; it; it = it->next) {
			const struct turnstile_visitor *o =
				table_entry(it, struct turnstile_visitor, node);
			if (o->n_waiting > most->n_waiting)
				most = o;
		}
	if (most->n_waiting <= v->n_waiting + 1)
		return NULL;
	list_for_each (it, &most->flows) {
		const struct turnstile_flow *f = list_entry(it, struct turnstile_flow, of_visitor);
		if (!list_empty(&f->waiting))
			return list_entry(f->waiting.prev, struct ticket, link);
	}
	return NULL;
}

/* Room for one more of `v` to wait, for which another one may have to go. */
static bool make_room(struct turnstile *t, const struct turnstile_visitor *v)
{
	if (is_full(v->n_waiting, t->waiting_max_per_visitor, v->inside, t->max_per_visitor))
		return false;
	if (!is_full(t->waiting, t->waiting_max, t->inside, t->max))
		return true;
	struct ticket *last = find_crowding(t, v);
	if (!last)
		return false;
	turnstile_leave(t, last);
	t->displaced(t, last);
	return true;
}

int turnstile_enter(struct turnstile *t, struct ticket *ticket, const struct address *visitor,
	struct turnstile_service *service)
{
	struct turnstile_flow *f = flow_get(t, visitor, service ? service : &t->own);
	if (!f)
		return -ENOMEM;
	struct turnstile_visitor *v = f->visitor;
	if (!make_room(t, v)) {
		flow_put(t, f);
		return -EBUSY;
	}
	ticket->flow = f;
	ticket->state = TICKET_WAITING;
	list_append(&f->waiting, &ticket->link);
	v->n_waiting++;
	t->waiting++;
	flow_schedule(t, f);
	return 0;
}

void turnstile_leave(struct turnstile *t, struct ticket *ticket)
{
	struct turnstile_flow *f = ticket->flow;
	if (ticket->state == TICKET_IDLE)
		return;
	if (ticket->state == TICKET_INSIDE) {
		t->inside--;
		f->inside--;
		f->service->inside--;
		f->visitor->inside--;
	} else {
		t->waiting--;
		f->visitor->n_waiting--;
		list_unlink(&ticket->link);
	}
	ticket->state = TICKET_IDLE;
	ticket->flow = NULL;
	visitor_schedule(t, f->visitor);
	flow_put(t, f);
}

/* The first service in turn that may have one more inside, or NULL. */
static struct turnstile_service *next_service(const struct turnstile *t)
{
	list_for_each (it, &t->turns) {
		struct turnstile_service *s = list_entry(it, struct turnstile_service, turn);
		if (has_room(t, t->max, t->inside, s->inside))
			return s;
	}
	return NULL;
}

void turnstile_admit(struct turnstile *t)
{
	struct turnstile_service *s;
	while ((s = next_service(t))) {
		struct turnstile_flow *f = list_entry(s->flows.next, struct turnstile_flow, turn);
		struct ticket *ticket = list_entry(f->waiting.next, struct ticket, link);
		list_unlink(&ticket->link);
		/* Who was served stands last, as do those behind him. */
		list_unlink(&f->turn);
		list_unlink(&s->turn);
		ticket->state = TICKET_INSIDE;
		t->waiting--;
		f->visitor->n_waiting--;
		t->inside++;
		s->inside++;
		f->inside++;
		f->visitor->inside++;
		visitor_schedule(t, f->visitor);
		t->admitted(t, ticket);
	}
}

void turnstile_set_max(struct turnstile *t, size_t max, size_t max_per_visitor)
{
	t->max = max;
	t->max_per_visitor = max_per_visitor;
	schedule_all(t);
}

void turnstile_set_shared(struct turnstile *t, bool shared)
{
	if (t->shared == shared)
		return;
	t->shared = shared;
	schedule_all(t);
}
