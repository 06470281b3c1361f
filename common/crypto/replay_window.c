/* SPDX-License-Identifier: MIT */
#include "crypto/replay_window.h"

bool replay_window_takes(const struct replay_window *w, uint64_t number)
{
	if (number >= w->next)
		return true;
	uint64_t behind = w->next - 1 - number;
	return behind < REPLAY_WINDOW && !(w->seen >> behind & 1);
}

void replay_window_note(struct replay_window *w, uint64_t number)
{
	if (number < w->next) {
		w->seen |= UINT64_C(1) << (w->next - 1 - number);
		return;
	}
	uint64_t step = number + 1 - w->next;
	w->seen = (step < REPLAY_WINDOW ? w->seen << step : 0) | 1;
	w->next = number + 1;
}
