/* SPDX-License-Identifier: MIT */
#include "server/control/pending.h"

#include <string.h>

#include "base/log.h"
#include "server/store/catalog.h"

static void pending_tell(struct server_link *l, const struct endpoint *e)
{
	char id[POLICY_ENDPOINT_ID_SIZE];
	struct control m = {.type = CONTROL_PENDING};
	m.pending.id = policy_endpoint_id_format(e->consumer->name, e->value.uid, id);
	m.pending.service = e->service->name;
	m.pending.consumer = e->consumer->name;
	m.pending.message = *e->value.message ? e->value.message : NULL;
	m.pending.e2e_given = policy_key_given(e->value.e2e_key);
	memcpy(m.pending.e2e_key, e->value.e2e_key, sizeof(m.pending.e2e_key));
	link_mail_send(l, &m);
}

static void pending_log(struct registrar *r, const struct endpoint *e)
{
	char id[POLICY_ENDPOINT_ID_SIZE], more[LOG_LIMIT_MORE];
	if (!log_limit_pass(&r->log_pending, loop_now(r->worker->loop), PENDING_LOG_EVERY,
		    PENDING_LOG_BURST, more))
		return;
	policy_endpoint_id_format(e->consumer->name, e->value.uid, id);
	log_info("%s asks for %s%s%s%s: `tunnel endpoint approve %s` lets it%s", e->consumer->name,
		e->service->name, *e->value.message ? " (\"" : "", e->value.message,
		*e->value.message ? "\")" : "", id, more);
}

void pending_look(struct registrar *r, struct endpoint *e)
{
	bool waits = !e->gone && e->value.state == POLICY_PENDING;
	if (waits && !e->pending_told) {
		pending_log(r, e);
		list_for_each (it, &e->service->services) {
			struct service *service = list_entry(it, struct service, of_private);
			struct server_link *l = session_link(session_of(service));
			if (l)
				pending_tell(l, e);
		}
	}
	e->pending_told = waits;
}

void pending_tell_service(struct server_link *l, const struct service *service)
{
	const struct private_service *p = service->private_service;
	if (!p || !p->n_of_state[POLICY_PENDING])
		return;
	list_for_each (it, &p->endpoints) {
		const struct endpoint *e = list_entry(it, struct endpoint, of_service);
		if (e->value.state == POLICY_PENDING)
			pending_tell(l, e);
	}
}

void pending_tell_all(struct server_link *l, const struct session *s)
{
	list_for_each (it, &s->services)
		pending_tell_service(l, list_entry(it, struct service, of_session));
}
