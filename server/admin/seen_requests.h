/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The requests that ended while somebody looked, of all workers. From the first look on the workers note them
 * (server/http/request_notes.h), and each look collects what they have; when nobody has looked for a while, they stop,
 * and what was kept is forgotten. On the main thread.
 */
#include "loop/event.h"
#include "server/base/broadcast.h"
#include "server/base/options.h"
#include "server/http/request_notes.h"

struct node;

#define SEEN_REQUESTS_MAX  1000           /* that are kept, the newest: 0.8 MB */
#define SEEN_REQUESTS_TIME (10 * CLOCK_S) /* behind the last look the noting ends */

struct seen_requests {
	struct node *node; /* NULL: no server runs */
	struct loop_timer timer;
	struct request_note *kept; /* SEEN_REQUESTS_MAX, by id modulo that; NULL: nobody looks */
	uint64_t first,
		newest;  /* ids; `first` > `newest`: none is kept. They go on when nobody looks */
	uint64_t missed; /* that ended while somebody looked, but too many at a time */
};

void seen_requests_init(struct seen_requests *s, struct loop *loop, struct node *n);
/* The process ends. Accepts zeroed memory. */
void seen_requests_close(struct seen_requests *s);

/* Collects what the workers have; done() or discard() follows, as those of a broadcast. */
struct seen_look {
	struct seen_requests *seen;
	struct broadcast broadcast;
	bool over; /* they are to note nothing more */
	struct request_notes *of[WORKERS_MAX];
	void (*done)(struct seen_look *look);
	void (*discard)(struct seen_look *look);
};
void seen_requests_look(struct seen_requests *s, struct seen_look *look);

/* NULL: none of that id is kept. */
const struct request_note *seen_request(const struct seen_requests *s, uint64_t id);
