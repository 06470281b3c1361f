/* SPDX-License-Identifier: MIT */
#include "server/control/attachments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "server/base/audit_log.h"
#include "server/control/public_address.h"

static struct session *session_of_attachment(const struct session_attachment *a)
{
	return container_of(a->base.session, struct session, base);
}

static struct session_attachment *of_sweep(struct attachment_sweep *sweep)
{
	return container_of(sweep, struct session_attachment, sweep);
}

/* ---- What its client is told ---- */

static enum control_endpoint_state state_of(const struct endpoint *e)
{
	if (e->service->gone || e->service->value.deleted)
		return CONTROL_ENDPOINT_DISCONNECTED;
	switch (e->value.state) {
	case POLICY_PENDING:
		return CONTROL_ENDPOINT_PENDING;
	case POLICY_APPROVED:
		return CONTROL_ENDPOINT_APPROVED;
	case POLICY_REJECTED:
		return CONTROL_ENDPOINT_REJECTED;
	case POLICY_DISCONNECTED:
	case POLICY_ENDPOINT_NONE:
		break;
	}
	return CONTROL_ENDPOINT_DISCONNECTED;
}

static bool provider_prefers_aes(const struct private_service *p)
{
	list_for_each (it, &p->services)
		if (!list_entry(it, struct service, of_private)->aes)
			return false;
	return p->n_services > 0;
}

static void tell_declined(const struct session_attachment *a, struct server_link *l)
{
	struct control m = {.type = CONTROL_DECLINED};
	m.declined.endpoint = a->base.number;
	m.declined.reason = CONTROL_REASON_UNKNOWN;
	m.declined.sentence = "its endpoint was deleted";
	link_mail_send(l, &m);
}

void attachments_tell(const struct session_attachment *a)
{
	const struct endpoint *e = a->endpoint;
	const struct private_service *p = e->service;
	struct session *s = session_of_attachment(a);
	char id[POLICY_ENDPOINT_ID_SIZE], alias[POLICY_ALIAS_SIZE];
	struct error why;
	struct server_link *l = session_link(s);
	if (!l)
		return;
	if (e->gone) {
		tell_declined(a, l);
		return;
	}
	struct control m = {.type = CONTROL_ATTACHED};
	bool usable = fold_endpoint(a->registrar, e, &why) == ATTACHMENT_PASSES;
	m.attached.endpoint = a->base.number;
	m.attached.link = e->value.link;
	m.attached.state = state_of(e);
	m.attached.usable = usable && a->usable;
	m.attached.id = policy_endpoint_id_format(e->consumer->name, e->value.uid, id);
	m.attached.alias = public_alias(session_node(s), p, alias);
	m.attached.sentence = !usable                 ? why.text
			      : *e->value.description ? e->value.description
						      : NULL;
	m.attached.fqdns = *p->value.fqdns ? p->value.fqdns : NULL;
	m.attached.e2e_given = policy_key_given(p->value.e2e_key);
	memcpy(m.attached.e2e_key, p->value.e2e_key, sizeof(m.attached.e2e_key));
	m.attached.aes = m.attached.e2e_given && provider_prefers_aes(p);
	link_mail_send(l, &m);
}

/* ---- Its end ---- */

static void attachment_free(struct session_attachment *a)
{
	struct session *s = session_of_attachment(a);
	attachment_deinit(&a->base);
	list_unlink(&a->of_endpoint);
	list_unlink(&a->news);
	endpoint_release(a->endpoint);
	free(a);
	s->n_coming--;
}

static void going_run(struct attachment_sweep *sweep, struct worker *w)
{
	sweep->cut += attachment_shard_close(&of_sweep(sweep)->base, w);
}

static void going_done(struct attachment_sweep *sweep)
{
	struct session_attachment *a = of_sweep(sweep);
	struct session *s = session_of_attachment(a);
	attachment_free(a);
	if (s->ended)
		session_end(s);
}

static void discard(struct attachment_sweep *sweep)
{
	struct session_attachment *a = of_sweep(sweep);
	struct session *s = session_of_attachment(a);
	attachment_free(a);
	session_discard(s);
}

static const struct attachment_sweep_ops going_ops = {
	.run = going_run,
	.done = going_done,
	.discard = discard,
};

/* Its session does not find it any more. Changes of its endpoint do, until it is on its way from the workers. */
static void unlist(struct session_attachment *a)
{
	if (list_linked(&a->of_session)) {
		session_of_attachment(a)->n_attachments--;
		endpoint_used(a->endpoint, policy_now()); /* until now */
	}
	list_unlink(&a->of_session);
	list_unlink(&a->news);
}

void attachments_remove(struct session_attachment *a)
{
	unlist(a);
	/* Else it is on its way to the workers still, and its done() sees that it is not listed. */
	if (!a->there)
		return;
	list_unlink(&a->of_endpoint);
	attachment_sweep_send(&a->sweep, session_node(session_of_attachment(a)), &going_ops);
}

void attachments_remove_all(struct session *s)
{
	loop_timer_cancel(&s->attachments_stale);
	while (!list_empty(&s->attachments))
		attachments_remove(
			list_entry(s->attachments.next, struct session_attachment, of_session));
}

void attachments_discard_all(struct session *s)
{
	loop_timer_cancel(&s->attachments_stale);
	list_for_each_safe (it, &s->attachments) {
		struct session_attachment *a =
			list_entry(it, struct session_attachment, of_session);
		unlist(a);
		if (a->there)
			attachment_free(a);
		/* Else its broadcast is under way, whose discard() frees it. */
	}
}

/* ---- Its coming ---- */

static void coming_run(struct attachment_sweep *sweep, struct worker *w)
{
	struct session_attachment *a = of_sweep(sweep);
	if (attachment_shard_open(&a->base, w) < 0)
		log_error("worker %u cannot serve an attachment of %s to %s: out of memory",
			w->index, a->base.consumer, a->base.service);
	attachment_shard_set(&a->base, w, a->first, false);
}

static void coming_done(struct attachment_sweep *sweep)
{
	struct session_attachment *a = of_sweep(sweep);
	a->there = true;
	if (list_linked(&a->of_session))
		attachments_tell(a);
	else
		attachments_remove(a);
}

static const struct attachment_sweep_ops coming_ops = {
	.run = coming_run,
	.done = coming_done,
	.discard = discard,
};

static void audit_attached(const struct session *s, const struct endpoint *e, const char *why)
{
	char id[POLICY_ENDPOINT_ID_SIZE], subject[POLICY_NAME_SIZE + POLICY_ENDPOINT_ID_SIZE];
	if (!audit_log_enabled())
		return;
	snprintf(subject, sizeof(subject), "%s/%s", e->service->name,
		policy_endpoint_id_format(e->consumer->name, e->value.uid, id));
	session_audit(s, "endpoint.attach", subject, why);
}

int attachments_add(struct session *s, uint32_t number, struct endpoint *e)
{
	struct registrar *r = s->registrar;
	struct error why;
	struct session_attachment *a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	/* The numbers of kinds are the same. */
	if (attachment_init(&a->base, &s->base, number, e->value.link,
		    (enum control_kind)e->service->value.kind, e->service->name) < 0) {
		free(a);
		return -ENOMEM;
	}
	a->registrar = r;
	list_init(&a->of_session);
	list_init(&a->of_endpoint);
	list_init(&a->news);
	endpoint_hold(e);
	a->endpoint = e;
	list_append(&s->attachments, &a->of_session);
	list_append(&e->attachments, &a->of_endpoint);
	s->n_attachments++;
	s->n_coming++;
	a->first = fold_endpoint(r, e, &why);
	a->usable = a->first == ATTACHMENT_PASSES;
	endpoint_used(e, policy_now());
	audit_attached(s, e, a->usable ? NULL : why.text);
	attachment_sweep_send(&a->sweep, session_node(s), &coming_ops);
	return 0;
}

/* ---- Found, and asked for again ---- */

static void stale_expired(struct loop_timer *timer)
{
	struct session *s = container_of(timer, struct session, attachments_stale);
	list_for_each_safe (it, &s->attachments) {
		struct session_attachment *a =
			list_entry(it, struct session_attachment, of_session);
		if (a->stale)
			attachments_remove(a);
	}
}

void attachments_init(struct session *s)
{
	list_init(&s->attachments);
	loop_timer_init(&s->attachments_stale, s->registrar->worker->loop, stale_expired);
}

void attachments_expect_again(struct session *s)
{
	list_for_each (it, &s->attachments)
		list_entry(it, struct session_attachment, of_session)->stale = true;
	loop_timer_set(&s->attachments_stale, session_now(s) + SESSION_STALE_TIME);
}

struct session_attachment *attachments_find(const struct session *s, uint32_t number)
{
	list_for_each (it, &s->attachments) {
		struct session_attachment *a =
			list_entry(it, struct session_attachment, of_session);
		if (a->base.number == number)
			return a;
	}
	return NULL;
}

/* ---- Changes ---- */

/* When what decides about it was written. */
static uint64_t decided_at(const struct session_attachment *a)
{
	const struct policy_intention *i = fold_intention(a->registrar, a->endpoint);
	return i ? i->updated_at : 0;
}

/*
 * What goes on under an intention's deny ends when anything else bars it, and by another deny that does not say that
 * it may.
 */
static bool cuts_kept(const struct session_attachment *a, enum attachment_bar bar, bool keep_live)
{
	bool again = bar == ATTACHMENT_NO_INTENTION && !keep_live && decided_at(a) != a->kept_under;
	bool other = bar != ATTACHMENT_NO_INTENTION && bar != ATTACHMENT_PASSES;
	return a->kept_live && (other || again);
}

bool attachments_fold(struct session_attachment *a, bool keep_live, uint64_t number,
	struct attachment_flag *flag_out)
{
	struct error why;
	enum attachment_bar bar = fold_endpoint(a->registrar, a->endpoint, &why);
	bool usable = bar == ATTACHMENT_PASSES, was = a->usable;
	if (!list_linked(&a->news))
		list_append(&a->registrar->news, &a->news);
	a->news_behind = number;
	bool cuts = cuts_kept(a, bar, keep_live);
	bool keeps = keep_live && bar == ATTACHMENT_NO_INTENTION;
	a->usable = usable;
	if (keeps && (was || a->kept_live))
		a->kept_under = decided_at(a);
	a->kept_live = (a->kept_live || (was && keeps)) && bar == ATTACHMENT_NO_INTENTION && !cuts;
	*flag_out = (struct attachment_flag){a, bar, keeps};
	return usable != was || cuts;
}

bool attachments_any_kept(const struct registrar *r)
{
	list_for_each (it, &r->sessions) {
		struct session *s = list_entry(it, struct session, link);
		list_for_each (at, &s->attachments)
			if (list_entry(at, struct session_attachment, of_session)->kept_live)
				return true;
	}
	return false;
}

/* Its own sweep takes no memory. Over a new link its client asks for it anew. */
void attachments_bar(struct session_attachment *a)
{
	struct session *s = session_of_attachment(a);
	list_for_each (it, &s->links)
		link_mail_close(list_entry(it, struct server_link, of_session),
			"the server is out of memory for a change of what it may use");
	attachments_remove(a);
}

void attachments_tell_news(struct registrar *r, uint64_t number)
{
	list_for_each_safe (it, &r->news) {
		struct session_attachment *a = list_entry(it, struct session_attachment, news);
		if (a->news_behind > number)
			continue;
		list_unlink(&a->news);
		if (a->there)
			attachments_tell(a);
		if (a->endpoint->gone)
			attachments_remove(a);
	}
}
