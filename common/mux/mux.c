#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "mux/mux_internal.h"

#define IDS_LOW    ((uint32_t)1 << 20) /* ids left when a new link should take over (rule 19) */
#define RTT_PERIOD (30 * CLOCK_S)      /* two of them are the minute of rule 22 */

void mux_init(struct mux *m, const struct mux_ops *ops, const struct mux_limits *limits,
	struct budget *budget, bool client)
{
	*m = (struct mux){
		.ops = ops,
		.limits = *limits,
		.client = client,
		.next_id = client ? 1 : 2,
		.record = MUX_RECORD,
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

int mux_queue(struct mux *m, const void *frame, size_t n)
{
	if (m->closed || buf_len(&m->frames) + n > MUX_FRAMES_MAX)
		return -ENOBUFS;
	int r = buf_append(&m->frames, frame, n);
	if (r == 0)
		m->ops->wake(m);
	return r;
}

/* For frames without which the two ends would disagree for good: the link ends if it cannot go. */
static void mux_must_queue(struct mux *m, const void *frame, size_t n)
{
	int r = mux_queue(m, frame, n);
	if (r < 0 && !m->closed)
		m->violation = r == -ENOBUFS ? "does not read what it is told of its streams"
					     : "cannot be told of its streams: out of memory";
}

void mux_send_reset(struct mux *m, uint32_t id, enum frame_reset reason, uint64_t taken)
{
	uint8_t frame[FRAME_SMALL_MAX];
	mux_must_queue(m, frame, frame_write_reset(frame, id, reason, taken));
}

int mux_control(struct mux *m, const void *json, size_t n)
{
	if (n > FRAME_CONTROL_MAX)
		return -EMSGSIZE;
	if (m->closed || buf_len(&m->frames) + FRAME_HEADER + n > MUX_FRAMES_MAX)
		return -ENOBUFS;
	int r = buf_reserve(&m->frames, FRAME_HEADER + n);
	if (r < 0)
		return r;
	frame_write_header(buf_tail(&m->frames), FRAME_CONTROL, n, 0);
	memcpy(buf_tail(&m->frames) + FRAME_HEADER, json, n);
	buf_commit(&m->frames, FRAME_HEADER + n);
	m->ops->wake(m);
	return 0;
}

void mux_goaway(struct mux *m, enum frame_goaway reason)
{
	if (m->draining)
		return;
	m->draining = true;
	uint8_t frame[FRAME_SMALL_MAX];
	mux_must_queue(m, frame, frame_write_goaway(frame, m->peer_last, reason));
}

void mux_ping(struct mux *m, uint64_t now)
{
	if (m->ping_waiting || m->ping_sent)
		return;
	m->last_now = now;
	m->ping_waiting = true;
	m->ops->wake(m);
}

void mux_note_rtt(struct mux *m, uint64_t rtt)
{
	if (m->last_now - m->rtt_turned >= RTT_PERIOD) {
		m->rtt[1] = m->rtt[0];
		m->rtt[0] = 0;
		m->rtt_turned = m->last_now;
	}
	m->rtt[0] = clock_earlier(m->rtt[0], MAX(rtt, 1));
}

uint64_t mux_rtt(const struct mux *m)
{
	return clock_earlier(m->rtt[0], m->rtt[1]);
}
