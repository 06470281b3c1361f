/* SPDX-License-Identifier: MIT */
#include "server/control/session_close.h"

#include <stdio.h>
#include <stdlib.h>

/* Between two looks whether everything is finished, as a draining server has it. */
#define LOOK_EVERY (50 * CLOCK_MS)

struct session_closing {
	struct session *session;
	struct loop_timer timer;
	uint64_t until;
	char why[160];
	void (*closed)(void *arg, unsigned cut); /* NULL: nobody waits for it */
	void *arg;
};

unsigned session_streams(const struct session *s)
{
	unsigned n = 0;
	for (unsigned i = 0; i < s->base.n_shards; i++)
		n += session_shard_load(&s->base.shards[i]);
	return n;
}

static void close_now(struct session *s, const char *why)
{
	list_for_each (it, &s->links) {
		struct server_link *l = list_entry(it, struct server_link, of_session);
		if (!l->denied)
			session_deny_link(s->registrar, l, why);
	}
}

static void closing_tell(struct session_closing *c, unsigned cut)
{
	void (*closed)(void *arg, unsigned cut) = c->closed;
	c->closed = NULL;
	if (closed)
		closed(c->arg, cut);
}

static void closing_finish(struct session_closing *c)
{
	unsigned cut = session_streams(c->session);
	loop_timer_cancel(&c->timer);
	close_now(c->session, c->why);
	closing_tell(c, cut);
}

static void closing_look(struct loop_timer *timer)
{
	struct session_closing *c = container_of(timer, struct session_closing, timer);
	uint64_t now = session_now(c->session);
	if (!session_streams(c->session) || now >= c->until)
		closing_finish(c);
	else
		loop_timer_set(timer, MIN(now + LOOK_EVERY, c->until));
}

static bool closing_begin(struct session *s, uint64_t drain, const char *why,
	void (*closed)(void *arg, unsigned cut), void *arg)
{
	struct session_closing *c = calloc(1, sizeof(*c));
	if (!c)
		return false;
	c->session = s;
	c->until = session_now(s) + drain;
	c->closed = closed;
	c->arg = arg;
	snprintf(c->why, sizeof(c->why), "%s", why);
	loop_timer_init(&c->timer, s->registrar->worker->loop, closing_look);
	s->closing = c;
	list_for_each (it, &s->links)
		link_mail_rest(list_entry(it, struct server_link, of_session));
	/* Behind the mail: what was placed before it is seen by then. */
	loop_timer_set(&c->timer, MIN(session_now(s) + LOOK_EVERY, c->until));
	return true;
}

bool session_close(struct session *s, uint64_t drain, const char *why,
	void (*closed)(void *arg, unsigned cut), void *arg)
{
	if (drain && s->closing)
		return false;
	/* Without memory for waiting it ends now. */
	if (drain && closing_begin(s, drain, why, closed, arg))
		return true;
	unsigned cut = session_streams(s);
	close_now(s, why);
	if (s->closing) {
		loop_timer_cancel(&s->closing->timer);
		closing_tell(s->closing, cut);
	}
	closed(arg, cut);
	return true;
}

void session_close_forget(struct session *s, void *arg)
{
	if (s->closing && s->closing->arg == arg)
		s->closing->closed = NULL;
}

void session_close_over(struct session *s)
{
	struct session_closing *c = s->closing;
	if (!c)
		return;
	s->closing = NULL;
	loop_timer_cancel(&c->timer);
	closing_tell(c, 0);
	free(c);
}
