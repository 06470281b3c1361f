/* SPDX-License-Identifier: MIT */
#include "server/control/enforce.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/macros.h"
#include "server/control/grants.h"
#include "server/control/pending.h"
#include "server/control/publish.h"
#include "server/control/service_rules.h"
#include "server/link/link_rates.h"
#include "server/route/routing.h"

/* ---- What lives ---- */

static bool link_deny(struct registrar *r, struct server_link *l)
{
	struct error err;
	if (l->denied || grants_check_link(l, &err) == 0)
		return false;
	session_deny_link(r, l, err.text);
	return true;
}

/* Closes links that may not be here any more. True: with them the session ends. */
static bool session_deny(struct session *s)
{
	bool any = false, left = false;
	list_for_each (it, &s->links) {
		struct server_link *l = list_entry(it, struct server_link, of_session);
		any |= link_deny(s->registrar, l);
		left |= !l->denied;
	}
	return any && !left;
}

static unsigned session_streams(const struct session *s)
{
	unsigned n = 0;
	for (unsigned i = 0; i < s->base.n_shards; i++)
		n += session_shard_load(&s->base.shards[i]);
	return n;
}

static void session_enforce(struct session *s, struct enforce_result *result)
{
	struct error err;
	if (session_deny(s)) {
		result->sessions++;
		result->streams += session_streams(s);
		/* Its ports close now, and not with its links. */
		publish_withdraw_all(s, true);
		return;
	}
	list_for_each_safe (it, &s->services) {
		struct service *service = list_entry(it, struct service, of_session);
		if (grants_check_service(s->base.identity, service, service->first_port, &err) == 0)
			continue;
		publish_deny(s, service, err.text);
		result->services++;
	}
}

/* Whether it may come back for what it lost. */
static void identity_look(struct identity *i)
{
	bool over = true;
	for (const struct credential *k = i->credentials; k; k = k->next)
		over &= !k->good;
	atomic_store_explicit(&i->over, over, memory_order_relaxed);
}

/* ---- Private services ---- */

/* Room for one more flag. */
static bool flags_grow(struct enforcement *e)
{
	if (e->n_flags < e->flags_room)
		return true;
	size_t room = e->flags_room ? 2 * e->flags_room : 16;
	struct attachment_flag *flags = reallocarray(e->flags, room, sizeof(*flags));
	if (!flags)
		return false;
	e->flags = flags;
	e->flags_room = room;
	return true;
}

static void endpoint_enforce(struct enforcement *e, struct endpoint *endpoint)
{
	list_for_each_safe (it, &endpoint->attachments) {
		struct session_attachment *a =
			list_entry(it, struct session_attachment, of_endpoint);
		struct attachment_flag flag;
		if (!attachments_fold(a, e->keep_live, e->number, &flag))
			continue;
		if (flags_grow(e))
			e->flags[e->n_flags++] = flag;
		else
			attachments_bar(a);
	}
	pending_look(e->registrar, endpoint);
}

static void private_service_enforce(struct private_service *p, struct enforce_result *result)
{
	struct error err;
	list_for_each_safe (it, &p->services) {
		struct service *service = list_entry(it, struct service, of_private);
		struct session *s = session_of(service);
		if (grants_check_service(s->base.identity, service, 0, &err) == 0)
			continue;
		publish_deny(s, service, err.text);
		result->services++;
	}
}

static void enforce_private(struct enforcement *e)
{
	struct catalog *c = e->registrar->catalog;
	struct private_service *p;
	struct endpoint *endpoint;
	while ((p = catalog_next_changed_service(c)) != NULL)
		private_service_enforce(p, &e->result);
	while ((endpoint = catalog_next_changed_endpoint(c)) != NULL)
		endpoint_enforce(e, endpoint);
}

/* ---- All ---- */

static void enforce_rights(struct registrar *r, struct enforce_result *result)
{
	struct identity *i;
	while ((i = catalog_next_changed(r->catalog)) != NULL) {
		identity_look(i);
		list_for_each_safe (it, &i->sessions)
			session_enforce(list_entry(it, struct session, of_identity), result);
	}
	list_for_each (it, &r->unbound)
		link_deny(r, list_entry(it, struct server_link, of_session));
}

/* ---- Who may come ---- */

static struct enforcement *of(struct attachment_sweep *sweep)
{
	return container_of(sweep, struct enforcement, sweep);
}

static void enforce_run(struct attachment_sweep *sweep, struct worker *w)
{
	const struct enforcement *e = of(sweep);
	for (size_t i = 0; i < e->n_flags; i++)
		sweep->cut += attachment_shard_set(&e->flags[i].attachment->base, w,
			e->flags[i].bar, e->flags[i].keep_live);
	if (e->keyring)
		w->keyring = e->keyring;
	if (!e->rights)
		return;
	link_rates_follow(w);
	routing_forget(w->routing);
}

static void enforce_deinit_one(struct enforcement *e)
{
	e->before = keyring_free(e->before);
	free(e->flags);
	e->flags = NULL;
}

static void enforce_done(struct attachment_sweep *sweep)
{
	struct enforcement *e = of(sweep);
	e->result.cut = sweep->cut;
	enforce_deinit_one(e);
	attachments_tell_news(e->registrar, e->number);
	if (e->own)
		free(e);
	else if (e->done)
		e->done(e);
}

static void enforce_discard(struct attachment_sweep *sweep)
{
	struct enforcement *e = of(sweep);
	enforce_deinit_one(e);
	if (e->own)
		free(e);
}

static const struct attachment_sweep_ops enforce_ops = {
	.run = enforce_run,
	.done = enforce_done,
	.discard = enforce_discard,
};

/* The keyring that comes behind the one that is on its way, if there has to be one. */
static void enforce_keys(struct registrar *r, struct enforcement *e)
{
	struct keyring *next = r->catalog->keys_changed ? catalog_keyring(r->catalog) : NULL;
	if (next) {
		r->catalog->keys_changed = false;
		e->before = r->keyring;
		e->keyring = r->keyring = next;
	} else if (r->catalog->keys_changed) {
		log_error(
			"memory is out for the keys of all tokens: new ones work in a moment, and "
			"those that are good no more are turned away nevertheless");
	}
}

/* ---- Time ---- */

static void enforce_later(struct registrar *r, uint64_t next, uint64_t now)
{
	uint64_t delay = r->catalog->keys_changed ? ENFORCE_AGAIN : ENFORCE_EVERY;
	if (next == POLICY_NONE && !r->catalog->keys_changed) {
		loop_timer_cancel(&r->expiry);
		return;
	}
	if (next != POLICY_NONE)
		delay = MIN(delay, next > now ? next - now : 0);
	loop_timer_set(&r->expiry, loop_now(r->worker->loop) + delay);
}

static void enforce_look(struct registrar *r)
{
	uint64_t now = policy_now();
	enforce_later(r, catalog_look(r->catalog, now), now);
}

static void enforce_send(struct registrar *r, struct enforcement *e)
{
	e->registrar = r;
	e->number = ++r->enforced;
	enforce_look(r);
	enforce_keys(r, e);
	e->rights = r->catalog->changed;
	enforce_rights(r, &e->result);
	enforce_private(e);
	attachment_sweep_send(&e->sweep, r->node, &enforce_ops);
}

/* Nobody waits for it. Without memory it comes in a moment: what has changed stays named by the catalog. */
static void enforce_own(struct registrar *r)
{
	struct enforcement *e = calloc(1, sizeof(*e));
	if (!e) {
		r->enforce_again = true;
		loop_timer_set(&r->expiry, loop_now(r->worker->loop) + ENFORCE_AGAIN);
		return;
	}
	r->enforce_again = false;
	e->own = true;
	enforce_send(r, e);
}

static void enforce_expired(struct loop_timer *timer)
{
	struct registrar *r = container_of(timer, struct registrar, expiry);
	enforce_look(r);
	if (r->catalog->keys_changed || r->enforce_again)
		enforce_own(r);
}

/* ---- From outside ---- */

/* What the store had at the start is no news: nobody uses it yet, and what waits has waited before. */
static void enforce_read(struct registrar *r)
{
	struct endpoint *endpoint;
	while (catalog_next_changed_service(r->catalog) != NULL)
		;
	while ((endpoint = catalog_next_changed_endpoint(r->catalog)) != NULL)
		endpoint->pending_told = endpoint->value.state == POLICY_PENDING;
}

int enforce_init(struct registrar *r)
{
	struct node *n = r->node;
	enforce_read(r);
	loop_timer_init(&r->expiry, r->worker->loop, enforce_expired);
	r->keyring = catalog_keyring(r->catalog);
	for (unsigned i = 0; i < n->n_workers; i++)
		n->workers[i]->keyring = r->keyring;
	r->catalog->keys_changed = false;
	enforce_look(r);
	return r->keyring ? 0 : -ENOMEM;
}

void enforce_deinit(struct registrar *r)
{
	if (!r->keyring)
		return;
	loop_timer_cancel(&r->expiry);
	r->keyring = keyring_free(r->keyring);
}

void enforce_changes(struct registrar *r, struct enforcement *e, bool keep_live,
	void (*done)(struct enforcement *e))
{
	*e = (struct enforcement){.keep_live = keep_live, .done = done};
	enforce_send(r, e);
}

void enforce_default_intention(struct registrar *r)
{
	catalog_change_endpoints(r->catalog);
	enforce_own(r);
}

void enforce_client_rules(struct registrar *r)
{
	struct error err;
	list_for_each (it, &r->sessions) {
		struct session *s = list_entry(it, struct session, link);
		list_for_each_safe (at, &s->services) {
			struct service *service = list_entry(at, struct service, of_session);
			if (service_rules_denied(service, &err))
				publish_deny(s, service, err.text);
		}
	}
}
