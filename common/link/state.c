/* SPDX-License-Identifier: MIT */
/* The states of a link, and how it ends. */
#include <stdarg.h>
#include <stdio.h>

#include "base/state.h"
#include "link/link_internal.h"

static const char *const state_names[] = {"waiting for the hello", "deriving the key",
	"handshaking", "confirming", "up", "closed"};

const char *link_state_name(enum link_state state)
{
	return state_names[state];
}

/* Every legal transition; LINK_CLOSED is reached from anywhere, once. */
void link_set_state(struct link *l, enum link_state state)
{
	static const uint8_t legal[] = {
		[LINK_HELLO] = 1 << LINK_KEY | 1 << LINK_CLOSED,
		[LINK_KEY] = 1 << LINK_HANDSHAKE | 1 << LINK_CLOSED,
		[LINK_HANDSHAKE] = 1 << LINK_CONFIRM | 1 << LINK_CLOSED,
		[LINK_CONFIRM] = 1 << LINK_UP | 1 << LINK_CLOSED,
		[LINK_UP] = 1 << LINK_CLOSED,
		[LINK_CLOSED] = 0,
	};
	static const struct state_table table = {"link", state_names, legal};
	state_step(&table, l->state, state);
	l->state = state;
}

void link_close(struct link *l, enum link_end end, const char *why, ...)
{
	if (l->state == LINK_CLOSED)
		return;
	va_list ap;
	va_start(ap, why);
	vsnprintf(l->why, sizeof(l->why), why, ap);
	va_end(ap);
	l->end = end;
	/* A close frame behind half a message of an unfinished write is still in order: buffers
	 * are. */
	if (!l->close_code)
		l->close_code = end == LINK_END_VIOLATION ? WS_CLOSE_PROTOCOL : WS_CLOSE_NORMAL;
	link_put_close(l, l->close_code);
	link_set_state(l, LINK_CLOSED);
	mux_close(&l->mux, FRAME_RESET_LINK_LOST);
	l->ops->wake(l);
}
