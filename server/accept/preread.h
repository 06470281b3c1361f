#pragma once
/*
 * A connection of which it is not known yet whose it is: the balancer's header, TLS and its name come
 * first. Then it becomes a visitor's or a caller's, with the bytes that were read.
 *
 *	ARRIVING [-> SECURING] -> gone
 */
#include "net/conn.h"
#include "loop/timeouts.h"
#include "server/accept/sniff.h"
#include "server/base/charges.h"
#include "server/accept/handoff.h"

#define PREREAD_SAY_AGAIN CLOCK_S /* between two lines about connections that came to nothing */

enum preread_state { PREREAD_ARRIVING, PREREAD_SECURING, PREREAD_GONE };

struct preread {
	struct conn conn;
	struct worker *worker;
	struct list link; /* worker::prereads */
	struct timeout timeout;
	struct loop_task work, reap;
	enum preread_state state;
	bool quiet;   /* has not sent a byte, and need not yet */
	bool counted; /* in the limits, under its peer's address */
	struct listener_config listener;
	struct sniff sniff;
	struct address peer; /* of the socket, or whom a header named */
	struct buf in;
	struct charge charge;
};

/* Whether the first bytes of what comes by this listener have to be looked at. */
bool preread_due(const struct worker *w, const struct listener_config *d,
	const struct address *peer);

void preread_accept(struct worker *w, int fd, const struct address *peer,
	const struct listener_config *d);
void preread_close(struct preread *p);

/* For worker::header, ::quiet and ::securing */
void preread_quiet_expired(struct timeout_queue *queue, struct timeout *entry);
void preread_header_expired(struct timeout_queue *queue, struct timeout *entry);
void preread_securing_expired(struct timeout_queue *queue, struct timeout *entry);
