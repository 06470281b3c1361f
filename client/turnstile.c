#include "client/turnstile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Entries exist only while a ticket does, of which a link has 16,384 at most by default. */
#define BUCKETS 1024

struct turnstile_visitor {
	struct turnstile_visitor *next; /* in its bucket */
	struct list turn;               /* turnstile::turns */
	struct list waiting;            /* of struct ticket */
	struct address address;
	size_t inside;
};

int turnstile_init(struct turnstile *t, size_t max, size_t max_per_visitor, uint64_t hash_key,
	void (*admitted)(struct turnstile *t, struct ticket *ticket))
{
	*t = (struct turnstile){.max = max,
		.max_per_visitor = max_per_visitor,
		.hash_key = hash_key | 1,
		.admitted = admitted};
	list_init(&t->turns);
	t->buckets = calloc(BUCKETS, sizeof(*t->buckets));
	return t->buckets ? 0 : -ENOMEM;
}

void turnstile_deinit(struct turnstile *t)
{
	free(t->buckets);
	t->buckets = NULL;
}

void ticket_init(struct ticket *ticket)
{
	*ticket = (struct ticket){.state = TICKET_IDLE};
	list_init(&ticket->link);
}

static struct turnstile_visitor **bucket_of(const struct turnstile *t, const struct address *a)
{
	uint64_t words[2];
	memcpy(words, a->bytes, sizeof(words));
	uint64_t h = (words[0] + t->hash_key) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 32 ^ words[1]) * t->hash_key;
	return &t->buckets[(h >> 40) % BUCKETS];
}

static struct turnstile_visitor *visitor_get(struct turnstile *t, const struct address *a)
{
	struct turnstile_visitor **bucket = bucket_of(t, a);
	for (struct turnstile_visitor *v = *bucket; v; v = v->next)
		if (address_same_ip(&v->address, a))
			return v;
	struct turnstile_visitor *v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	list_init(&v->turn);
	list_init(&v->waiting);
	v->address = *a;
	v->next = *bucket;
	*bucket = v;
	return v;
}

static void visitor_put(struct turnstile *t, struct turnstile_visitor *v)
{
	if (v->inside || !list_empty(&v->waiting))
		return;
	struct turnstile_visitor **at = bucket_of(t, &v->address);
	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
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

int turnstile_enter(struct turnstile *t, struct ticket *ticket, const struct address *visitor)
{
	struct turnstile_visitor *v = visitor_get(t, visitor);
	if (!v)
		return -ENOMEM;
	ticket->visitor = v;
	ticket->state = TICKET_WAITING;
	list_append(&v->waiting, &ticket->link);
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
		t->inside++;
		v->inside++;
		visitor_schedule(t, v);
		t->admitted(t, ticket);
	}
}
