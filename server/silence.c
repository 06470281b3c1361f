#include "server/silence.h"

#include "base/log.h"
#include "server/session.h"
#include "server/h1_conn.h"

void silence_count(struct trunk *t)
{
	bool silent = t->counted && trunk_silent(t);
	if (silent && !t->silence_counted)
		atomic_fetch_add_explicit(&t->presence->silent, 1, memory_order_relaxed);
	if (!silent && t->silence_counted)
		atomic_fetch_sub_explicit(&t->presence->silent, 1, memory_order_relaxed);
	t->silence_counted = silent;
}

/* In the next turn: what goes elsewhere begins on links that this one may stand among. */
static void silence_send_on(const struct trunk *t)
{
	struct worker *w = t->worker;
	list_for_each (it, &w->h1_conns) {
		struct h1_conn *c = list_entry(it, struct h1_conn, link);
		if (c->state == H1_CONN_EXCHANGE && c->user.pooled && c->user.pooled->trunk == t)
			loop_defer(w->loop, LOOP_PHASE_READ, &c->more);
	}
}

void silence_changed(struct trunk *t)
{
	uint64_t now = loop_now(t->worker->loop);
	if (!t->presence)
		return;
	silence_count(t);
	if (!trunk_silent(t))
		return;
	if (!t->silence_told || now - t->silence_told >= TRUNK_SAY_AGAIN) {
		log_info("a link of session %s does not answer: other links are preferred until it "
			 "does",
			t->presence->session->name);
		t->silence_told = now;
	}
	if (t->active)
		silence_send_on(t);
}
