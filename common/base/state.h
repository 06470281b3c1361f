/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * State machines. Each has one setter, which asks its table before it changes the state. A step that the
 * table does not have is a bug in this program; to go on would corrupt a connection or a stream, so the
 * process ends, and the log names both states.
 */
#include <stdint.h>

struct state_table {
	const char *what;         /* what has these states: "stream" */
	const char *const *names; /* of the states, by their number */
	const uint8_t *legal;     /* for each state those that may follow it, 1 << state each */
};

/* The end of the process. Never returns. */
void state_refuse(const struct state_table *t, unsigned from, unsigned to)
	__attribute__((noreturn, cold));

static inline void state_step(const struct state_table *t, unsigned from, unsigned to)
{
	if (!(t->legal[from] & 1u << to))
		state_refuse(t, from, to);
}
