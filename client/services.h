#pragma once
/*
 * What this client publishes: each pair of a host and an upstream under one number, which is all
 * that the exit node can name when it opens a stream. Nothing that comes over the link ever changes
 * where a number leads.
 *
 *	IDLE -> OFFERED -> GRANTED or REFUSED; a refused one is offered again, all are when a link ends
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/upstreams.h"
#include "link/link.h"

#define SERVICES_RETRY (10 * CLOCK_S) /* how often a refused name is asked for again */
#define SERVICE_QUIET  (10 * CLOCK_S) /* between two lines about one upstream that fails */

enum service_state { SERVICE_IDLE, SERVICE_OFFERED, SERVICE_GRANTED, SERVICE_REFUSED };

struct service {
	const struct upstream *upstream;
	uint32_t number;
	char *path; /* put before each request's path; NULL: nothing */
	enum service_state state;
	enum control_reason reason; /* while REFUSED */
	char *told;                 /* what was said about it last: an address, or a refusal */
	uint64_t failure_told;      /* µs; 0: never */
	uint64_t failures;          /* dials that failed since then */
};

struct services {
	struct service *v;
	size_t n;
};

/* The list must outlive it. 0 or -ENOMEM. */
int services_init(struct services *s, const struct upstreams *list);
/* Accepts zeroed memory. */
void services_deinit(struct services *s);

/* NULL: no such number. */
struct service *services_find(const struct services *s, uint32_t number);

/* Offers what is idle or was refused. Those that find no room now are offered with the next call. */
void services_offer(struct services *s, struct link *l);

/* The link ended: nothing is published. */
void services_withdrawn(struct services *s);

/* The exit node's answers; logged when they are news. Numbers that are not ours are ignored. */
void services_granted(struct services *s, const struct control *message);
void services_refused(struct services *s, const struct control *message);

size_t services_count(const struct services *s, enum service_state state);

/* All were refused for reasons that time will not mend. */
bool services_hopeless(const struct services *s);

/* A dial failed: said at once, then counted for a while. */
void services_failed(struct service *service, const char *why, uint64_t now);

const char *service_host(const struct service *service); /* for people */
