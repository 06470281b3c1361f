/* SPDX-License-Identifier: MIT */
/*
 * The book is the main thread's. A worker sends it what it has begun to count, and sends it again when that has ended
 * and nobody adds to it any more, so a reader sees each count exactly once, and no worker waits for a reader.
 */
#include "server/route/series.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/worker.h"
#include "server/route/service.h"

struct series {
	struct series_book *book;
	enum series_kind kind;
	struct list link;   /* series_book::kinds[].named */
	struct list counts; /* service_counts::of_series */
	struct service_sum ended;
	uint64_t gone_at; /* µs, when the last counts left */
	bool used;        /* of the other places: by any */
	char place[SERVICE_PLACE_SIZE];
};

struct series_book {
	unsigned limit;
	struct {
		struct list named; /* of struct series, by first use */
		unsigned n;
		struct series others;
	} kinds[SERIES_KINDS];
};

/* ---- Sums ---- */

void service_sum_add(struct service_sum *to, const struct service_sum *from)
{
	to->sent += from->sent;
	to->taken += from->taken;
	to->begun += from->begun;
	to->ended += from->ended;
	for (unsigned i = 0; i < 2; i++)
		to->datagrams[i] += from->datagrams[i];
	for (unsigned i = 0; i < SERIES_CODES; i++)
		to->codes[i] += from->codes[i];
	histogram_sum_add(&to->durations, &from->durations);
	histogram_sum_add(&to->waits, &from->waits);
}

void service_counts_add(struct service_sum *to, const struct service_counts *c)
{
	/* The end first: what ends between the two reads was begun, too. */
	to->ended += counter_get(&c->ended);
	to->begun += counter_get(&c->begun);
	to->sent += counter_get(&c->bytes.sent);
	to->taken += counter_get(&c->bytes.taken);
	for (unsigned i = 0; i < 2; i++)
		to->datagrams[i] += counter_get(&c->datagrams[i]);
	for (unsigned i = 0; i < SERIES_CODES; i++)
		to->codes[i] += counter_get(&c->codes[i]);
	histogram_add(&to->durations, &c->durations);
	histogram_add(&to->waits, &c->waits);
}

static void series_sum(const struct series *s, struct service_sum *to)
{
	service_sum_add(to, &s->ended);
	list_for_each (it, &s->counts)
		service_counts_add(to, list_entry(it, struct service_counts, of_series));
}

/* ---- The book ---- */

struct series_book *series_book_new(unsigned limit)
{
	struct series_book *b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->limit = limit;
	for (unsigned i = 0; i < SERIES_KINDS; i++) {
		list_init(&b->kinds[i].named);
		b->kinds[i].others = (struct series){.book = b, .kind = (enum series_kind)i};
		list_init(&b->kinds[i].others.counts);
	}
	return b;
}

unsigned series_most(const struct series_book *b)
{
	return b->limit + 1;
}

static void service_counts_free(struct service_counts *c)
{
	free(c->place);
	free(c);
}

static void series_drop_counts(struct series *s)
{
	list_for_each_safe (it, &s->counts)
		service_counts_free(list_entry(it, struct service_counts, of_series));
}

static void series_forget(struct series *s)
{
	series_drop_counts(s);
	s->book->kinds[s->kind].n--;
	list_unlink(&s->link);
	free(s);
}

struct series_book *series_book_free(struct series_book *b)
{
	if (!b)
		return NULL;
	for (unsigned i = 0; i < SERIES_KINDS; i++) {
		list_for_each_safe (it, &b->kinds[i].named)
			series_forget(list_entry(it, struct series, link));
		series_drop_counts(&b->kinds[i].others);
	}
	free(b);
	return NULL;
}

static void series_forget_old(struct series_book *b, enum series_kind kind, uint64_t now)
{
	list_for_each_safe (it, &b->kinds[kind].named) {
		struct series *s = list_entry(it, struct series, link);
		if (list_empty(&s->counts) && now >= s->gone_at + SERIES_KEPT)
			series_forget(s);
	}
}

/* The series of a place: its own, if it has one or may have one, else that of the others. */
static struct series *series_of(struct series_book *b, enum series_kind kind, const char *place,
	uint64_t now)
{
	list_for_each (it, &b->kinds[kind].named) {
		struct series *s = list_entry(it, struct series, link);
		if (strcmp(s->place, place) == 0)
			return s;
	}
	if (b->kinds[kind].n >= b->limit)
		series_forget_old(b, kind, now);
	struct series *s = b->kinds[kind].n < b->limit ? calloc(1, sizeof(*s)) : NULL;
	if (!s) {
		b->kinds[kind].others.used = true;
		return &b->kinds[kind].others;
	}
	s->book = b;
	s->kind = kind;
	list_init(&s->counts);
	snprintf(s->place, sizeof(s->place), "%s", place);
	list_append(&b->kinds[kind].named, &s->link);
	b->kinds[kind].n++;
	return s;
}

/* ---- Counts ---- */

static void service_counts_arrive(struct mail *mail)
{
	struct service_counts *c = container_of(mail, struct service_counts, arrive);
	c->series = series_of(c->worker->node->series, c->kind, c->place, clock_now());
	list_append(&c->series->counts, &c->of_series);
}

static void service_counts_leave(struct mail *mail)
{
	struct service_counts *c = container_of(mail, struct service_counts, leave);
	struct series *s = c->series;
	service_counts_add(&s->ended, c);
	list_unlink(&c->of_series);
	s->gone_at = clock_now();
	service_counts_free(c);
}

/* At once where this is the main thread. */
static void service_counts_tell(const struct service_counts *c, struct mail *mail)
{
	if (c->worker->index == 0)
		mail->deliver(mail);
	else
		node_post(c->worker->node, 0, mail);
}

static void service_counts_reap(struct loop_task *task)
{
	struct service_counts *c = container_of(task, struct service_counts, reap);
	service_counts_tell(c, &c->leave);
}

struct service_counts *service_counts_new(struct worker *w, enum series_kind kind,
	const char *place)
{
	struct service_counts *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->place = strdup(place);
	if (!c->place) {
		free(c);
		return NULL;
	}
	c->holds = 1;
	c->worker = w;
	c->kind = kind;
	list_init(&c->of_series);
	loop_task_init(&c->reap, service_counts_reap);
	/* Without a loop that delivers it, the book still gets it, and frees it. */
	c->arrive =
		(struct mail){.deliver = service_counts_arrive, .discard = service_counts_arrive};
	c->leave = (struct mail){.deliver = service_counts_leave};
	service_counts_tell(c, &c->arrive);
	return c;
}

void service_counts_request(struct service_counts *c, unsigned status, uint64_t duration,
	uint64_t wait)
{
	unsigned code = status / 100;
	counter_add(&c->codes[code < SERIES_CODES ? code : 0], 1);
	if (status != 101)
		histogram_observe(&c->durations, duration);
	if (wait)
		histogram_observe(&c->waits, wait);
}

/* ---- Reading ---- */

void series_each(struct series_book *b, enum series_kind kind, uint64_t now,
	void (*each)(void *arg, const char *place, const struct service_sum *sum), void *arg)
{
	struct service_sum others = {0};
	series_forget_old(b, kind, now);
	list_for_each (it, &b->kinds[kind].named) {
		const struct series *s = list_entry(it, struct series, link);
		struct service_sum sum = {0};
		series_sum(s, &sum);
		each(arg, s->place, &sum);
	}
	series_sum(&b->kinds[kind].others, &others);
	if (b->kinds[kind].others.used)
		each(arg, NULL, &others);
}

void series_total(struct series_book *b, enum series_kind kind, struct service_sum *to)
{
	list_for_each (it, &b->kinds[kind].named)
		series_sum(list_entry(it, struct series, link), to);
	series_sum(&b->kinds[kind].others, to);
}
