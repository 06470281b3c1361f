/* SPDX-License-Identifier: MIT */
/* libwebsockets has one log for the process, which tells its receiver nothing of whose it is. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "panel/panel_internal.h"

/* It complains of peers too, as often as they like. */
#define LOG_EVERY (10 * CLOCK_S)
#define LOG_BURST 8

static void emit(int level, const char *line)
{
	/* One thread at a time has it: who makes the panel, its thread, who ends it. */
	static struct log_limit limit;
	char more[LOG_LIMIT_MORE];
	int n = (int)strcspn(line, "\n");
	if (log_limit_pass(&limit, clock_now(), LOG_EVERY, LOG_BURST, more))
		log_line(level == LLL_ERR ? LOG_WARN : LOG_DEBUG, "libwebsockets: %.*s%s", n, line,
			more);
}

void panel_log_init(void)
{
	lws_set_log_level(LLL_ERR | LLL_WARN, emit);
}
