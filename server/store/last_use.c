/* SPDX-License-Identifier: MIT */
#include "server/store/last_use.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "server/store/catalog.h"
#include "server/store/store_access.h"

struct last_use {
	struct store_job job;
	size_t n;
	struct store_use uses[];
};

/* The store has it, with another time. */
static bool is_news(const struct credential *k)
{
	return k->value.rev && k->use_is_news;
}

static bool endpoint_is_news(const struct endpoint *e)
{
	return e->value.rev && e->use_is_news;
}

static void last_use_add(struct last_use *u, const struct credential *k)
{
	struct store_use *use = &u->uses[u->n++];
	use->kind = STORE_CREDENTIAL;
	memcpy(use->key_id, k->value.key_id, TOKEN_ID_SIZE);
	use->at = k->value.last_used_at;
}

static void last_use_add_endpoint(struct last_use *u, const struct endpoint *e)
{
	u->uses[u->n++] = (struct store_use){.kind = STORE_ENDPOINT,
		.endpoint = e->value.id,
		.at = e->value.last_used_at};
}

/* NULL: there is nothing to be stored, or memory is out, and the next time will do. */
static struct last_use *last_use_new(const struct catalog *c)
{
	size_t n = 0;
	for (size_t i = 0; i < c->n; i++)
		for (const struct credential *k = c->identities[i]->credentials; k; k = k->next)
			n += is_news(k);
	for (size_t i = 0; i < c->private.n_endpoints; i++)
		n += endpoint_is_news(c->private.endpoints[i]);
	struct last_use *u = n ? calloc(1, sizeof(*u) + n * sizeof(u->uses[0])) : NULL;
	if (!u)
		return NULL;
	for (size_t i = 0; i < c->n; i++)
		for (const struct credential *k = c->identities[i]->credentials; k; k = k->next)
			if (is_news(k))
				last_use_add(u, k);
	for (size_t i = 0; i < c->private.n_endpoints; i++)
		if (endpoint_is_news(c->private.endpoints[i]))
			last_use_add_endpoint(u, c->private.endpoints[i]);
	return u;
}

static int last_use_run(struct store_job *j, struct store *store, struct error *err)
{
	const struct last_use *u = container_of(j, struct last_use, job);
	return store_touch(store, u->uses, u->n, err);
}

static void last_use_say(const struct error *err)
{
	log_warn("when tokens and endpoints were used last is not stored: %s", err->text);
}

/* It is stored; it may have been used again meanwhile. */
static void last_use_stored(const struct catalog *c, const struct store_use *use)
{
	if (use->kind == STORE_ENDPOINT) {
		struct endpoint *e = catalog_find_endpoint_row(c, use->endpoint);
		if (e && e->value.last_used_at == use->at)
			e->use_is_news = false;
	} else {
		struct credential *k = catalog_find_key(c, use->key_id);
		if (k && k->value.last_used_at == use->at)
			k->use_is_news = false;
	}
}

static void last_use_done(struct store_job *j)
{
	struct last_use *u = container_of(j, struct last_use, job);
	bool over = atomic_load(&j->job.cancelled);
	if (!over && j->result < 0)
		last_use_say(&j->err);
	for (size_t i = 0; !over && j->result == 0 && i < u->n; i++)
		last_use_stored(j->access->catalog, &u->uses[i]);
	free(u);
}

void last_use_store(struct store_access *s, struct loop *loop)
{
	struct last_use *u = s->there ? last_use_new(s->catalog) : NULL;
	if (!u)
		return;
	u->job.run = last_use_run;
	u->job.done = last_use_done;
	store_access_submit(s, loop, &u->job);
}

static void last_use_fired(struct loop_timer *timer)
{
	last_use_store(container_of(timer, struct store_access, uses), timer->loop);
	loop_timer_set(timer, loop_now(timer->loop) + LAST_USE_EVERY);
}

static void last_use_end(struct store_access *s)
{
	struct error err;
	struct last_use *u = s->store ? last_use_new(s->catalog) : NULL;
	if (u && store_touch(s->store, u->uses, u->n, &err) < 0)
		last_use_say(&err);
	free(u);
}

void last_use_start(struct store_access *s, struct loop *loop)
{
	s->at_end = last_use_end;
	loop_timer_init(&s->uses, loop, last_use_fired);
	loop_timer_set(&s->uses, loop_now(loop) + LAST_USE_EVERY);
}
