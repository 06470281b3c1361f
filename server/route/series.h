/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What is counted of services, for those who watch the server: each service on each worker has counts of its
 * own, to which its worker alone adds. A series has those of one place (service::place), whoever published it,
 * and goes on when its clients come and go, so that no counter goes back.
 *
 * There are at most --metrics-routes series of a kind, by first use; the other places share one. So neither
 * visitors nor clients can make more. A place without a service is kept for SERIES_KEPT and then forgotten.
 */
#include <stdbool.h>

#include "base/histogram.h"
#include "base/list.h"
#include "loop/loop.h"
#include "loop/mailbox.h"
#include "mux/stream.h"
#include "server/base/worker.h"

#define SERIES_KEPT \
	(300 * CLOCK_S) /* five minutes: a scraper that was restarted sees the last value */

/* Classes of status codes, the first digit; [0]: there was no answer. */
#define SERIES_CODES 6

struct series;
struct series_book;
struct worker;

enum series_kind { SERIES_HTTP, SERIES_TCP, SERIES_UDP, SERIES_PRIVATE, SERIES_KINDS };

/*
 * Of a service on a worker. Streams and requests hold it while they may add to it; it ends in the REAP phase, so
 * whoever is within a callback of a stream may add to it still.
 */
struct service_counts {
	struct stream_counts bytes;         /* `sent`: of visitors; `taken`: of the upstream */
	struct counter begun, ended;        /* requests, connections, flows, private streams */
	struct counter datagrams[2];        /* of visitors; of the upstream */
	struct counter codes[SERIES_CODES]; /* of HTTP, as below */
	struct histogram durations, waits;
	unsigned holds; /* the worker's */
	struct worker *worker;
	struct loop_task reap;
	struct mail arrive, leave; /* to the main thread, whose is all below */
	struct series
		*series; /* NULL: what no service took (routing::unserved), which never ends */
	struct list of_series;
	enum series_kind kind;
	char *place;
};

/* The same, read at one moment, of one or several. */
struct service_sum {
	uint64_t sent, taken, begun, ended;
	uint64_t datagrams[2];
	uint64_t codes[SERIES_CODES];
	struct histogram_sum durations; /* from a request's first byte to its answer's last */
	struct histogram_sum waits;     /* from its going upstream to its answer's first byte */
};

/* ---- On its worker ---- */

/* With one hold. NULL: memory is out. */
struct service_counts *service_counts_new(struct worker *w, enum series_kind kind,
	const char *place);
static inline struct service_counts *service_counts_hold(struct service_counts *c)
{
	c->holds++;
	return c;
}
/* One hold less. Accepts NULL. */
static inline void service_counts_release(struct service_counts *c)
{
	if (c && !--c->holds)
		loop_defer(c->worker->loop, LOOP_PHASE_REAP, &c->reap);
}

/*
 * An HTTP request is over. `wait` 0: no answer came. One that became another protocol (101) lasts as long as
 * people look at a page, and is no duration.
 */
void service_counts_request(struct service_counts *c, unsigned status, uint64_t duration,
	uint64_t wait);

/* ---- On the main thread ---- */

/* At most `limit` series of each kind. NULL: memory is out. */
struct series_book *series_book_new(unsigned limit);
/* When no loop is left: counts that have not ended go with it. Accepts NULL; returns NULL. */
struct series_book *series_book_free(struct series_book *b);

/* How many series of a kind there may be, with that of the other places. */
unsigned series_most(const struct series_book *b);

/* Adds what was counted so far. From any thread, while it cannot end. */
void service_counts_add(struct service_sum *to, const struct service_counts *c);
void service_sum_add(struct service_sum *to, const struct service_sum *from);

/*
 * Each series of a kind that is there now (µs), the one of the other places last and with a NULL for its place.
 * What was forgotten is freed.
 */
void series_each(struct series_book *b, enum series_kind kind, uint64_t now,
	void (*each)(void *arg, const char *place, const struct service_sum *sum), void *arg);

/* Of all series of a kind together. */
void series_total(struct series_book *b, enum series_kind kind, struct service_sum *to);
