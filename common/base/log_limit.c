/* SPDX-License-Identifier: MIT */
#include "base/log_limit.h"

#include <stdio.h>

#include "base/macros.h"

/* GCRA, ITU-T I.371: `due` is the theoretical arrival time. */
bool log_limit_pass(struct log_limit *l, uint64_t now, uint64_t every, unsigned burst,
	char more[LOG_LIMIT_MORE])
{
	uint64_t due = MAX(l->due, now);
	if (due - now > (burst - 1) * every) {
		l->similar += l->similar < UINT32_MAX;
		return false;
	}
	more[0] = '\0';
	if (l->similar)
		snprintf(more, LOG_LIMIT_MORE, " (%u similar since the last message)", l->similar);
	l->similar = 0;
	l->due = due + every;
	return true;
}
