/* SPDX-License-Identifier: MIT */
/* Frames that go before all data: control messages, resets, PING and what is learnt from its answer. */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "mux/mux_internal.h"

#define RTT_PERIOD (30 * CLOCK_S) /* two of them are the minute of rule 22 */

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
	if (m->round_trips)
		histogram_observe(m->round_trips, rtt);
}

uint64_t mux_rtt(const struct mux *m)
{
	return clock_earlier(m->rtt[0], m->rtt[1]);
}
