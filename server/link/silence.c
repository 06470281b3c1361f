/* SPDX-License-Identifier: MIT */
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
	char more[LOG_LIMIT_MORE];
	if (!l->session_shard)
		return;
	silence_count(l);
	if (!server_link_silent(l))
		return;
	if (log_limit_pass(&l->log_silent, loop_now(l->worker->loop), SERVER_LINK_SAY_AGAIN, 1,
		    more))
		log_info_of(l->connection,
			"session %s: a link does not answer; requests prefer other links until it "
			"does%s",
			l->session_shard->session->name, more);
	if (l->active)
		l->worker->node->link_ops->silent(l);
}
