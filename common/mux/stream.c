/* SPDX-License-Identifier: MIT */

#include "base/macros.h"
#include "base/state.h"
#include "mux/mux_internal.h"

static const char *const state_names[] = {"idle", "open", "half-closed (local)",
	"half-closed (remote)", "closed"};

const char *stream_state_name(enum stream_state state)
{
	return state_names[state];
}

void stream_init(struct stream *s, const struct stream_ops *ops)
{
	*s = (struct stream){.ops = ops, .state = STREAM_IDLE};
	list_init(&s->ring);
	list_init(&s->queue);
	list_init(&s->urgent);
	list_init(&s->grown);
	list_init(&s->all);
}

void stream_counts_sent(const struct stream *s, uint64_t n)
{
	counter_add(&s->counts->sent, n);
}

void stream_counts_taken(const struct stream *s, uint64_t n)
{
	counter_add(&s->counts->taken, n);
}

void stream_attach(struct stream *s, struct mux *m, uint32_t credit)
{
	s->mux = m;
	s->credit = credit;
	s->window = s->granted = m->limits.base_window;
	list_append(&m->streams, &s->all);
	if (m->shared) {
		m->shared->open++;
		m->shared->peak = MAX(m->shared->peak, m->shared->open);
	}
	stream_set_state(s, STREAM_OPEN);
}

/* Every legal transition; anything else is a bug of ours, and going on would corrupt a stream. */
void stream_set_state(struct stream *s, enum stream_state state)
{
	static const uint8_t legal[] = {
		[STREAM_IDLE] = 1 << STREAM_OPEN,
		[STREAM_OPEN] =
			1 << STREAM_HALF_LOCAL | 1 << STREAM_HALF_REMOTE | 1 << STREAM_CLOSED,
		[STREAM_HALF_LOCAL] = 1 << STREAM_CLOSED,
		[STREAM_HALF_REMOTE] = 1 << STREAM_CLOSED,
		[STREAM_CLOSED] = 0,
	};
	static const struct state_table table = {"stream", state_names, legal};
	state_step(&table, s->state, state);
	s->state = state;
}

void stream_close(struct stream *s, bool tell, enum frame_reset reason, uint64_t taken)
{
	struct mux *m = s->mux;
	stream_set_state(s, STREAM_CLOSED);
	stream_discard(s);
	list_unlink(&s->ring);
	list_unlink(&s->urgent);
	list_unlink(&s->grown);
	list_unlink(&s->all);
	mux_leave(m, s);
	if (s->remote)
		m->n_remote--;
	else
		m->n_local--;
	if (m->shared)
		m->shared->open--;
	s->mux = NULL;
	if (tell)
		s->ops->closed(s, reason, taken);
}

void stream_ready(struct stream *s)
{
	if (s->ready || (s->state != STREAM_OPEN && s->state != STREAM_HALF_REMOTE))
		return;
	s->ready = true;
	stream_schedule(s);
	if (list_linked(&s->ring))
		s->mux->ops->wake(s->mux);
}

void stream_end_remote(struct stream *s)
{
	s->remote_end = false;
	bool both = s->state == STREAM_HALF_LOCAL;
	if (!both)
		stream_set_state(s, STREAM_HALF_REMOTE);
	s->ops->push_end(s);
	if (both && stream_alive(s))
		stream_close(s, true, FRAME_RESET_NONE, s->peer_taken);
}

/* A stream whose OPEN was not written yet simply never was. */
static void stream_send_reset(struct stream *s, enum frame_reset reason)
{
	if (stream_spoken(s))
		mux_send_reset(s->mux, s->id, reason, s->taken);
}

void stream_reset(struct stream *s, enum frame_reset reason)
{
	if (!stream_alive(s))
		return;
	stream_send_reset(s, reason);
	stream_close(s, false, reason, 0);
}

void stream_reset_told(struct stream *s, enum frame_reset reason)
{
	stream_send_reset(s, reason);
	stream_close(s, true, reason, s->sent);
}
