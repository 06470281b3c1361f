/* SPDX-License-Identifier: MIT */
/* Whether the peer is still there: PING, what it was expected to answer, and when it is silent. */
#include <errno.h>

#include "base/macros.h"
#include "link/link_internal.h"

static bool unheard_since(const struct link *l, uint64_t at)
{
	return at && l->last_came <= at;
}

/* When a PING that is moving now should be answered: one that has stood in a queue does not count. */
static uint64_t answer_due(const struct link *l, uint64_t now)
{
	return now + MAX(LINK_SILENT_AFTER, LINK_SILENT_RTTS * mux_rtt(&l->mux));
}

void link_alive(struct link *l, bool under_way, uint64_t now)
{
	l->last_alive = now;
	if (!under_way)
		return;
	l->silent_at = answer_due(l, now);
	l->doubted = false;
}

bool link_expect(struct link *l, uint64_t now)
{
	if (unheard_since(l, l->expected_at) || l->state != LINK_UP)
		return false;
	l->expected_at = now;
	return true;
}

static void link_ask(struct link *l, uint64_t now)
{
	if (l->ops->silent && !unheard_since(l, l->asked_at)) {
		l->asked_at = now;
		l->silent_at = answer_due(l, now);
		l->doubted = false;
	}
	mux_ping(&l->mux, now);
}

static void link_set_silent(struct link *l, bool silent)
{
	l->silent = silent;
	l->ops->silent(l);
}

/* When a link that is quiet has to be asked, or was asked for long enough. */
static uint64_t quiet_deadline(const struct link *l)
{
	if (unheard_since(l, l->asked_at))
		return l->silent ? CLOCK_NEVER : l->silent_at;
	return unheard_since(l, l->expected_at) ? l->expected_at + LINK_ASK_AFTER : CLOCK_NEVER;
}

static void link_check_quiet(struct link *l, uint64_t now)
{
	uint64_t deadline = quiet_deadline(l);
	if (deadline == CLOCK_NEVER || now < deadline)
		return;
	if (!unheard_since(l, l->asked_at)) {
		link_ask(l, now);
	} else if (!l->doubted) {
		l->doubted = true;
		l->silent_at = now + LINK_DOUBT;
	} else {
		link_set_silent(l, true);
	}
}

void link_heard(struct link *l)
{
	if (l->silent && !unheard_since(l, l->asked_at))
		link_set_silent(l, false);
}

uint64_t link_deadline(const struct link *l)
{
	switch (l->state) {
	case LINK_CLOSED:
		return CLOCK_NEVER;
	case LINK_UP: {
		uint64_t at = MIN(l->last_alive + LINK_SILENCE_MAX, l->last_ping + LINK_PING_EVERY);
		at = clock_earlier(at, quiet_deadline(l));
		return link_may_rest(l) ? MIN(at, l->last_moved + LINK_REST) : at;
	}
	case LINK_HELLO:
	case LINK_KEY:
	case LINK_HANDSHAKE:
	case LINK_CONFIRM:
		break;
	}
	return l->began + LINK_HANDSHAKE_TIME;
}

int link_tick(struct link *l, uint64_t now)
{
	if (l->state == LINK_CLOSED)
		return -EPROTO;
	if (l->state != LINK_UP) {
		if (now - l->began < LINK_HANDSHAKE_TIME)
			return 0;
		link_close(l, LINK_END_SILENT, "no handshake within %d s (%s)",
			(int)(LINK_HANDSHAKE_TIME / CLOCK_S), link_state_name(l->state));
		return -EPROTO;
	}
	if (now - l->last_alive >= LINK_SILENCE_MAX) {
		link_close(l, LINK_END_SILENT, "silent for %d s",
			(int)(LINK_SILENCE_MAX / CLOCK_S));
		return -EPROTO;
	}
	link_heard(l);
	link_check_quiet(l, now);
	if (now - l->last_ping >= LINK_PING_EVERY) {
		l->last_ping = now;
		link_ask(l, now);
		mux_tick(&l->mux, now);
	}
	if (now - l->last_moved >= LINK_REST)
		link_rest(l);
	return 0;
}
