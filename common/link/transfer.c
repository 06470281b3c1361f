/* SPDX-License-Identifier: MIT */
/* Bytes in and out: records are filled while few of them wait, and opened as they come. */
#include <errno.h>

#include "base/macros.h"
#include "link/link_internal.h"

/* ---- Out ---- */

/* Makes one record of what the mux has ready; false when it has nothing. */
static bool link_record(struct link *l, uint64_t now)
{
	uint8_t *message = link_put(l, FRAME_MESSAGE_MAX + SEAL_TAG_SIZE);
	if (!message)
		return false;
	/* What goes beside our proof must fit the peer's limit for those who proved nothing. */
	size_t max =
		l->send_confirmed ? FRAME_MESSAGE_MAX : WS_MESSAGE_MAX_UNPROVEN - SEAL_TAG_SIZE;
	size_t n = mux_fill(&l->mux, message, max, now);
	/* Closed in there, with the last word put where the record was to stand. */
	if (!n || l->state == LINK_CLOSED)
		return false;
	/* Our proof of the key is sealed, whatever was agreed for what follows (rule 10). */
	if (l->sealed || !l->send_confirmed) {
		if (seal_encrypt(&l->send, message, n) < 0) {
			link_close(l, LINK_END_LOCAL, "the cipher failed");
			return false;
		}
		n += SEAL_TAG_SIZE;
		l->send_confirmed = true;
	}
	link_commit(l, message, n);
	return true;
}

/* Before the peer proved its key, our proof alone may leave (and nothing of the mux is there yet).
 */
static bool link_may_send(const struct link *l)
{
	return l->state == LINK_UP || (l->state == LINK_CONFIRM && !l->send_confirmed);
}

size_t link_output(struct link *l, const uint8_t **p_out, uint64_t now)
{
	while ((!buf_len(&l->out) || buf_len(&l->out) + l->mux.record <= l->output_max) &&
		link_may_send(l) && mux_pending(&l->mux) && link_record(l, now))
		;
	if (buf_len(&l->out))
		l->last_moved = now;
	*p_out = buf_head(&l->out);
	return buf_len(&l->out);
}

void link_close_goaway(struct link *l, enum frame_goaway reason, uint64_t now, const char *why)
{
	if (l->state == LINK_UP) {
		mux_goaway(&l->mux, reason);
		link_record(l, now); /* frames of the link come first in it */
	}
	link_close(l, LINK_END_LOCAL, "%s", why);
}

void link_pace(struct link *l, uint64_t rate)
{
	uint64_t most = clock_amount(rate, LINK_OUTPUT_TIME);
	l->output_max = (uint32_t)MIN(MAX(most, LINK_OUTPUT_MIN), LINK_OUTPUT_MAX);
	mux_set_record(&l->mux, MIN(l->output_max, MUX_RECORD));
}

void link_sent(struct link *l, size_t n)
{
	buf_consume(&l->out, n);
}

bool link_pending(const struct link *l)
{
	return buf_len(&l->out) || (link_may_send(l) && mux_pending(&l->mux));
}

/* ---- In ---- */

uint8_t *link_room(struct link *l, size_t *n_out)
{
	/* A stranger gets room for a handshake (rule 14) and not a page more. */
	size_t full = l->state == LINK_UP ? LINK_INPUT : LINK_INPUT_UNPROVEN;
	/* Later a quarter is enough: what is left of a record seldom moves. */
	size_t want = l->in.cap < full ? full - buf_len(&l->in) : full / 4;
	if (buf_reserve(&l->in, want) < 0)
		return NULL;
	*n_out = buf_room(&l->in);
	return buf_tail(&l->in);
}

/* A message of an established link: frames, sealed as agreed. */
static void link_open(struct link *l, uint8_t *p, size_t n, uint64_t now)
{
	if (l->sealed) {
		int r = seal_decrypt(&l->recv, p, n);
		if (r != 0) {
			link_close(l, LINK_END_VIOLATION, "a record was changed on its way");
			return;
		}
		n -= SEAL_TAG_SIZE;
	}
	if (n > FRAME_MESSAGE_MAX)
		link_close(l, LINK_END_VIOLATION, "a message above %d bytes", FRAME_MESSAGE_MAX);
	else if (mux_input(&l->mux, p, n, now) < 0 && l->state != LINK_CLOSED)
		link_close(l, LINK_END_VIOLATION, "%s", l->mux.violation);
}

static void link_event(struct link *l, const struct ws_event *ev, uint64_t now)
{
	switch (ev->type) {
	case WS_MESSAGE:
		l->last_alive = l->last_heard = l->last_came = now;
		if (l->state == LINK_UP)
			link_open(l, ev->payload, ev->size, now);
		else
			link_handshake(l, ev->payload, ev->size, now);
		break;
	case WS_PING:
		/* Answered for the proxies' sake, unless its sender does not read (rule 17). */
		if (buf_len(&l->out) < l->mux.record) {
			link_put_pong(l, ev->payload, ev->size);
			l->ops->wake(l);
		}
		break;
	case WS_PONG:
		break;
	case WS_CLOSE:
		link_close(l, LINK_END_LOST, "the other side closed the connection");
		break;
	}
}

int link_input(struct link *l, size_t n, uint64_t now)
{
	buf_commit(&l->in, n);
	l->last_moved = now;
	while (l->state != LINK_CLOSED && buf_len(&l->in)) {
		struct ws_event ev;
		int r = ws_rx_next(&l->ws, buf_head(&l->in), buf_len(&l->in), &ev);
		if (r > WS_MORE) {
			l->close_code = ws_close_code(r);
			link_close(l, LINK_END_VIOLATION, "%s", ws_error_name(r));
			break;
		}
		if (r == 0)
			link_event(l, &ev, now);
		buf_consume(&l->in, ev.consumed);
		if (r == WS_MORE) {
			/* Part of a message. A whole ping, say a proxy's, is no sign of life (rule 17). */
			l->last_alive = l->last_came = now;
			break;
		}
	}
	link_heard(l);
	return l->state == LINK_CLOSED ? -EPROTO : 0;
}
