/* SPDX-License-Identifier: MIT */
#include "loop/status.h"

#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/macros.h"
#include "loop/notify.h"

static void status_say(struct loop_timer *timer)
{
	struct status *s = container_of(timer, struct status, timer);
	char text[STATUS_SIZE] = "", line[STATUS_SIZE];
	s->due = false;
	s->next = loop_now(timer->loop) + STATUS_EVERY;
	s->describe(s, text);
	/* A line's end would begin another variable, and what is no UTF-8 is refused. */
	size_t n = escape_text(line, sizeof line - 1, text, strlen(text), ESCAPE_SENTENCE);
	line[n] = 0;
	if (strcmp(line, s->said) == 0)
		return;
	strcpy(s->said, line);
	notify_send("STATUS=%s", line);
}

void status_init(struct status *s, struct loop *loop,
	void (*describe)(struct status *s, char text_out[STATUS_SIZE]))
{
	*s = (struct status){.describe = describe, .wanted = getenv("NOTIFY_SOCKET") != NULL};
	loop_timer_init(&s->timer, loop, status_say);
}

void status_deinit(struct status *s)
{
	loop_timer_cancel(&s->timer);
	s->wanted = false;
}

void status_changed(struct status *s)
{
	if (!s->wanted || s->due)
		return;
	s->due = true;
	/* Even the first by the timer: who changes things is often in the middle of it. */
	loop_timer_set(&s->timer, MAX(s->next, loop_now(s->timer.loop) + 1));
}
