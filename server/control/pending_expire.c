/* SPDX-License-Identifier: MIT */
#include "server/control/pending_expire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/control/change.h"
#include "server/store/catalog.h"

struct pending_expiry {
	struct change change;
	uint64_t id; /* the endpoint's row */
};

static struct pending_expiry *of(struct change *c)
{
	return container_of(c, struct pending_expiry, change);
}

/* Whoever is there and waits has not forgotten it. */
static bool is_forgotten(const struct endpoint *e)
{
	return !e->gone && list_empty(&e->attachments) &&
	       policy_endpoint_forgotten(&e->value, policy_now());
}

static bool expiry_check(struct change *c)
{
	const struct endpoint *e = catalog_find_endpoint_row(c->queue->catalog, of(c)->id);
	char id[POLICY_ENDPOINT_ID_SIZE], subject[POLICY_NAME_SIZE + POLICY_ENDPOINT_ID_SIZE];
	if (!e || !is_forgotten(e))
		return false;
	struct store_row *row = change_add(c, &c->rows, STORE_ENDPOINT);
	if (!row)
		return false;
	row->gone = true;
	row->rev = e->value.rev;
	if (policy_endpoint_copy(&row->endpoint, &e->value) < 0)
		return change_no_memory(c);
	snprintf(subject, sizeof(subject), "%s/%s", e->service->name,
		policy_endpoint_id_format(e->consumer->name, e->value.uid, id));
	c->gives = true; /* its consumer is told, should it be back */
	return change_note(c, "endpoint.expire", subject, strdup("{\"was\":\"Pending\"}"));
}

/* It is tried again tomorrow. */
static void expiry_answer(struct change *c)
{
}

static void expiry_refuse(struct change *c, enum change_refusal why, const char *sentence)
{
}

static void expiry_free(struct change *c)
{
	free(of(c));
}

static const struct change_ops expiry_ops = {
	.check = expiry_check,
	.answer = expiry_answer,
	.refuse = expiry_refuse,
	.free = expiry_free,
};

/* False: there is no room for it at the moment. */
static bool expire(struct registrar *r, const struct endpoint *e)
{
	struct pending_expiry *x = calloc(1, sizeof(*x));
	if (!x || !change_begin(&x->change, r->changes, &expiry_ops)) {
		free(x);
		return false;
	}
	x->id = e->value.id;
	x->change.note.actor = "exit node";
	x->change.note.via = "its age";
	change_submit(&x->change);
	return true;
}

static void expire_look(struct loop_timer *timer)
{
	struct registrar *r = container_of(timer, struct registrar, pending_timer);
	const struct catalog_private *p = &r->catalog->private;
	unsigned n = 0;
	uint64_t delay = PENDING_EXPIRE_EVERY;
	for (size_t i = p->n_endpoints; r->changes && i-- > 0;) {
		if (i >= p->n_endpoints || !is_forgotten(p->endpoints[i]))
			continue;
		if (n++ >= PENDING_EXPIRE_BATCH || !expire(r, p->endpoints[i])) {
			delay = CLOCK_S;
			break;
		}
	}
	loop_timer_set(timer, loop_now(r->worker->loop) + delay);
}

void pending_expire_init(struct registrar *r)
{
	loop_timer_init(&r->pending_timer, r->worker->loop, expire_look);
	loop_timer_set(&r->pending_timer, loop_now(r->worker->loop) + PENDING_EXPIRE_FIRST);
}

void pending_expire_deinit(struct registrar *r)
{
	loop_timer_cancel(&r->pending_timer);
}
