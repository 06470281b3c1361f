#pragma once
/*
 * Requests whose session was lost just now wait for it to come back, instead of failing (rule 38).
 * Their heads are kept and nothing more is read of them.
 */
#include "net/timeouts.h"
#include "server/tally.h"

struct route;
struct visitor;
struct worker;

struct waiting {
	struct worker *worker;
	struct list visitors; /* by visitor::waits */
	struct timeout_queue queue;
	struct tally addresses;
	size_t n;
	struct loop_task wake;
};

void waiting_init(struct waiting *wt, struct worker *w);
void waiting_deinit(struct waiting *wt);

/* Whether a name without a session may be waited for, now. */
bool waiting_due(const struct worker *w, const struct route *route);

/* The visitor waits, in state WAITING. -EBUSY when too many do. */
int waiting_add(struct waiting *wt, struct visitor *v);
void waiting_remove(struct waiting *wt, struct visitor *v);

/* Somebody published something: at the end of the turn those who can go on do. */
void waiting_wake(struct waiting *wt);
