#include "client/turnstile.h"

#include <errno.h>
#include <stdlib.h>

struct turnstile_visitor {
	struct table_node node; /* turnstile::visitors */
	struct list turn;       /* turnstile::turns */
	struct list waiting;    /* of struct ticket */
	uint64_t network;       /* address_network() */
	size_t inside, n_waiting;
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
	hash_key_init(&t->key);
}

void turnstile_deinit(struct turnstile *t)
{
	table_deinit(&t->visitors);
}

void ticket_init(struct ticket *ticket)
{
	*ticket = (struct ticket){.state = TICKET_IDLE};
	list_init(&ticket->link);
}

static struct turnstile_visitor *visitor_get(struct turnstile *t, const struct address *a)
{
	uint64_t network = address_network(a),
		 hash = keyed_hash(&t->key, &network, sizeof(network));
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
	list_init(&v->turn);
	list_init(&v->waiting);
	v->network = network;
	return v;
}

static void visitor_put(struct turnstile *t, struct turnstile_visitor *v)
{
	if (v->inside || !list_empty(&v->waiting))
		return;
	table_remove(&t->visitors, &v->node);
	list_unlink(&v->turn);
	free(v);
}

/* Is on the list of turns exactly while somebody waits who would fit. */
static void visitor_schedule(struct turnstile *t, struct turnstile_visitor *v)
{
	bool has = !list_empty(&v->waiting) && v->inside < t->max_per_visitor;
	if (!has)
		list_unlink(&v->turn);
	else if (!list_linked(&v->turn))
		list_append(&t->turns, &v->turn);
}

/* Whether so many wait that one more would be too many, besides those who find room in a moment. */
static bool is_full(size_t waiting, size_t waiting_max, size_t inside, size_t max)
{
	size_t room = inside < max ? max - inside : 0;
	return waiting >= room && waiting - room >= waiting_max;
}

int turnstile_enter(struct turnstile *t, struct ticket *ticket, const struct address *visitor)
{
	struct turnstile_visitor *v = visitor_get(t, visitor);
	if (!v)
		return -ENOMEM;
	if (is_full(t->waiting, t->waiting_max, t->inside, t->max) ||
		is_full(v->n_waiting, t->waiting_max_per_visitor, v->inside, t->max_per_visitor)) {
		visitor_put(t, v);
		return -EBUSY;
	}
	ticket->visitor = v;
	ticket->state = TICKET_WAITING;
	list_append(&v->waiting, &ticket->link);
	v->n_waiting++;
	t->waiting++;
	visitor_schedule(t, v);
	return 0;
}

void turnstile_leave(struct turnstile *t, struct ticket *ticket)
{
	struct turnstile_visitor *v = ticket->visitor;
	if (ticket->state == TICKET_IDLE)
		return;
	if (ticket->state == TICKET_INSIDE) {
		t->inside--;
		v->inside--;
	} else {
		t->waiting--;
		v->n_waiting--;
		list_unlink(&ticket->link);
	}
	ticket->state = TICKET_IDLE;
	ticket->visitor = NULL;
	visitor_schedule(t, v);
	visitor_put(t, v);
}

void turnstile_admit(struct turnstile *t)
{
	while (t->inside < t->max && !list_empty(&t->turns)) {
		struct turnstile_visitor *v =
			list_entry(t->turns.next, struct turnstile_visitor, turn);
		struct ticket *ticket = list_entry(v->waiting.next, struct ticket, link);
		list_unlink(&ticket->link);
		list_unlink(&v->turn);
		ticket->state = TICKET_INSIDE;
		t->waiting--;
		v->n_waiting--;
		t->inside++;
		v->inside++;
		visitor_schedule(t, v);
		t->admitted(t, ticket);
	}
}

void turnstile_set_max(struct turnstile *t, size_t max, size_t max_per_visitor)
{
	t->max = max;
	t->max_per_visitor = max_per_visitor;
	for (size_t i = 0; i < t->visitors.n_buckets; i++)
		for (struct table_node *it = t->visitors.buckets[i]; it; it = it->next)
			visitor_schedule(t, table_entry(it, struct turnstile_visitor, node));
}
