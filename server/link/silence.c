#include "server/link/silence.h"

#include "base/log.h"
#include "server/link/session_shard.h"

void silence_count(struct server_link *l)
{
	bool silent = l->counted && server_link_silent(l);
	if (silent && !l->silence_counted)
		atomic_fetch_add_explicit(&l->session_shard->silent, 1, memory_order_relaxed);
	if (!silent && l->silence_counted)
		atomic_fetch_sub_explicit(&l->session_shard->silent, 1, memory_order_relaxed);
	l->silence_counted = silent;
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
		l->worker->node->link_ops->silent(l);
}
