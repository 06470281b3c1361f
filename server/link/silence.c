#include "server/link/silence.h"

#include "base/log.h"
#include "server/control/session.h"
#include "server/http/h1_conn.h"

void silence_count(struct server_link *l)
{
	bool silent = l->counted && server_link_silent(l);
	if (silent && !l->silence_counted)
		atomic_fetch_add_explicit(&l->session_shard->silent, 1, memory_order_relaxed);
	if (!silent && l->silence_counted)
		atomic_fetch_sub_explicit(&l->session_shard->silent, 1, memory_order_relaxed);
	l->silence_counted = silent;
}

/* In the next turn: what goes elsewhere begins on links that this one may stand among. */
static void silence_send_on(const struct server_link *l)
{
	struct worker *w = l->worker;
	list_for_each (it, &w->http->conns) {
		struct h1_conn *c = list_entry(it, struct h1_conn, link);
		if (c->state == H1_CONN_EXCHANGE && c->user.pooled &&
			c->user.pooled->server_link == l)
			loop_defer(w->loop, LOOP_PHASE_READ, &c->more);
	}
}

void silence_changed(struct server_link *l)
{
	uint64_t now = loop_now(l->worker->loop);
	if (!l->session_shard)
		return;
	silence_count(l);
	if (!server_link_silent(l))
		return;
	if (!l->silence_told || now - l->silence_told >= SERVER_LINK_SAY_AGAIN) {
		log_info("a link of session %s does not answer: other links are preferred until it "
			 "does",
			l->session_shard->session->name);
		l->silence_told = now;
	}
	if (l->active)
		silence_send_on(l);
}
