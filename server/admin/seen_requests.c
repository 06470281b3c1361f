/* SPDX-License-Identifier: MIT */
#include "server/admin/seen_requests.h"

#include <stdlib.h>

#include "loop/loop.h"
#include "policy/timestamp.h"
#include "server/base/broadcast.h"
#include "server/base/worker.h"
#include "server/http/http_worker.h"

/* ---- On each worker ---- */

/* Notes that are empty stay; others are taken, and new ones begun. */
static void look_run(struct broadcast *b, struct worker *w)
{
	struct seen_look *look = container_of(b, struct seen_look, broadcast);
	struct request_notes **notes = &w->http->notes;
	if (*notes && !(*notes)->n && !look->over)
		return;
	look->of[w->index] = *notes;
	*notes = look->over ? NULL : request_notes_new();
}

/* ---- What they had ---- */

static void look_free_notes(struct seen_look *look)
{
	for (unsigned i = 0; i < ARRAY_LEN(look->of); i++)
		free(look->of[i]);
}

static void keep(struct seen_requests *s, const struct request_note *note)
{
	s->newest++;
	s->kept[s->newest % SEEN_REQUESTS_MAX] = *note;
	if (s->newest - s->first >= SEEN_REQUESTS_MAX)
		s->first = s->newest - SEEN_REQUESTS_MAX + 1;
}

/* In the order in which they ended; each worker's are in theirs. */
static void merge(struct seen_requests *s, struct seen_look *look)
{
	unsigned at[WORKERS_MAX] = {0};
	for (;;) {
		const struct request_note *next = NULL;
		unsigned from = 0;
		for (unsigned i = 0; i < s->node->n_workers; i++) {
			const struct request_notes *notes = look->of[i];
			if (!notes || at[i] == notes->n)
				continue;
			if (next && notes->v[at[i]].ended >= next->ended)
				continue;
			next = &notes->v[at[i]];
			from = i;
		}
		if (!next)
			return;
		keep(s, next);
		at[from]++;
	}
}

static void look_done(struct broadcast *b)
{
	struct seen_look *look = container_of(b, struct seen_look, broadcast);
	struct seen_requests *s = look->seen;
	for (unsigned i = 0; i < s->node->n_workers; i++)
		s->missed += look->of[i] ? look->of[i]->missed : 0;
	if (s->kept)
		merge(s, look);
	look_free_notes(look);
	look->done(look);
}

static void look_discard(struct broadcast *b)
{
	struct seen_look *look = container_of(b, struct seen_look, broadcast);
	look_free_notes(look);
	look->discard(look);
}

static void look_send(struct seen_requests *s, struct seen_look *look)
{
	static const struct broadcast_ops ops = {
		.run = look_run,
		.done = look_done,
		.discard = look_discard,
	};
	look->seen = s;
	broadcast_send(&look->broadcast, s->node, &ops);
}

void seen_requests_look(struct seen_requests *s, struct seen_look *look)
{
	if (!s->kept) {
		s->kept = malloc(SEEN_REQUESTS_MAX * sizeof(*s->kept));
		s->first = s->newest + 1;
	}
	loop_timer_set(&s->timer, loop_now(s->timer.loop) + SEEN_REQUESTS_TIME);
	look_send(s, look);
}

const struct request_note *seen_request(const struct seen_requests *s, uint64_t id)
{
	bool is_kept = s->kept && id >= s->first && id <= s->newest;
	return is_kept ? &s->kept[id % SEEN_REQUESTS_MAX] : NULL;
}

/* ---- Its life ---- */

static void forget(struct seen_requests *s)
{
	free(s->kept);
	s->kept = NULL;
}

static void free_look(struct seen_look *look)
{
	free(look);
}

/* Nobody has looked for a while. Who looks now is behind this broadcast, and lets the workers begin anew. */
static void expired(struct loop_timer *timer)
{
	struct seen_requests *s = container_of(timer, struct seen_requests, timer);
	struct seen_look *look = calloc(1, sizeof(*look));
	if (!look) {
		loop_timer_set(timer, loop_now(timer->loop) + SEEN_REQUESTS_TIME);
		return;
	}
	forget(s);
	look->over = true;
	look->done = free_look;
	look->discard = free_look;
	look_send(s, look);
}

void seen_requests_init(struct seen_requests *s, struct loop *loop, struct node *n)
{
	/* Ids go on behind those of the process before, unless it had more than a thousand a second. */
	uint64_t newest = policy_now() / CLOCK_MS;
	*s = (struct seen_requests){.node = n, .first = newest + 1, .newest = newest};
	loop_timer_init(&s->timer, loop, expired);
}

void seen_requests_close(struct seen_requests *s)
{
	loop_timer_cancel(&s->timer);
	forget(s);
}
