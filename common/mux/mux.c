/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "mux/mux_internal.h"

#define IDS_LOW ((uint32_t)1 << 20) /* ids left when a new link should take over (rule 19) */

void mux_init(struct mux *m, const struct mux_ops *ops, const struct mux_limits *limits,
	struct budget *budget, bool client)
{
	*m = (struct mux){
		.ops = ops,
		.limits = *limits,
		.client = client,
		.next_id = client ? 1 : 2,
		.record = MUX_RECORD,
		.turn = MUX_RECORD / 2,
		/* 2^64 by the golden ratio spreads what rises by two. */
		.hash_key = UINT64_C(0x9e3779b97f4a7c15),
	};
	list_init(&m->streams);
	list_init(&m->ready);
	list_init(&m->urgent);
	list_init(&m->grown);
	budget_account_init(&m->account, budget, mux_relieve);
}

void mux_set_hash_key(struct mux *m, uint64_t key)
{
	m->hash_key = key | 1;
}

void mux_close(struct mux *m, enum frame_reset reason)
{
	m->closed = true;
	while (!list_empty(&m->streams)) {
		struct stream *s = list_entry(m->streams.next, struct stream, all);
		stream_close(s, true, reason, s->sent);
	}
}

void mux_deinit(struct mux *m)
{
	if (!m->ops)
		return;
	mux_close(m, FRAME_RESET_LINK_LOST);
	budget_account_deinit(&m->account);
	buf_deinit(&m->frames);
	table_deinit(&m->table);
	m->ops = NULL;
}

void mux_set_peer(struct mux *m, uint32_t base_window, uint32_t max_streams)
{
	m->peer_window = base_window;
	m->peer_max_streams = max_streams;
}

void mux_set_record(struct mux *m, uint32_t bytes)
{
	m->record = bytes;
	m->turn = bytes / 2;
}

bool mux_ids_low(const struct mux *m)
{
	return m->next_id > UINT32_MAX - 2 * IDS_LOW;
}

bool mux_may_open(const struct mux *m)
{
	return !m->closed && !m->peer_draining && !mux_ids_low(m) &&
	       m->n_local < m->peer_max_streams;
}

int mux_open(struct mux *m, struct stream *s)
{
	if (m->closed || m->peer_draining || mux_ids_low(m))
		return -ESHUTDOWN;
	if (m->n_local >= m->peer_max_streams)
		return -EBUSY;
	m->n_local++;
	s->open_waiting = true;
	stream_attach(s, m, m->peer_window);
	stream_ready(s);
	return 0;
}

bool mux_pending(const struct mux *m)
{
	return m->pong_waiting || m->ping_waiting || buf_len(&m->frames) ||
	       !list_empty(&m->urgent) || !list_empty(&m->ready);
}
