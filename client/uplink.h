#pragma once
/*
 * The client's way up to the exit node: gets a link, keeps it, gets another when it is lost.
 *
 *	IDLE -> CONNECTING -> HANDSHAKING -> UP
 *	              ^            |          |
 *	              +-- BACKOFF <+----------+ -> DRAINING -> OVER
 *
 * CONNECTING takes the name's look-up, the proxy and the HTTP upgrade (client/knock), anew each
 * time. A link whose exit node says GOAWAY goes on with its streams while the next one is sought.
 */
#include "client/backoff.h"
#include "client/keymaker.h"
#include "client/knock.h"
#include "client/options.h"
#include "client/outlets.h"
#include "client/services.h"
#include "mux/budget.h"

#define UPLINK_STEADY       (5 * CLOCK_S) /* a link that lived for less does not reset the back-off */
#define UPLINK_SAY_AGAIN    (60 * CLOCK_S)  /* between two lines about the same failure */
#define UPLINK_DRAIN_LOOK   (20 * CLOCK_MS) /* how often draining looks whether streams are left */
#define UPLINK_REJECTIONS   3               /* rule 11: believed after so many in a row, */
#define UPLINK_REJECTED_FOR (10 * CLOCK_S)  /* over at least so long */

enum uplink_state {
	UPLINK_IDLE,
	UPLINK_CONNECTING,
	UPLINK_HANDSHAKING,
	UPLINK_UP,
	UPLINK_BACKOFF,
	UPLINK_DRAINING,
	UPLINK_OVER
};

enum uplink_end {
	UPLINK_END_DRAINED,
	UPLINK_END_REJECTED, /* the exit node does not know our token (rule 11) */
	UPLINK_END_HOPELESS, /* it refuses for good all that we publish */
};

struct cable;

struct uplink {
	struct loop *loop;
	const struct client_options *options;
	struct services *services;
	struct outlets *outlets;
	enum uplink_state state;

	struct proxy proxy;
	struct knock knock;
	struct keymaker keymaker;
	struct budget budget;
	struct random_pool random;

	struct cable *cable; /* the link that is being made or is up; NULL: none */
	struct list cables;  /* it and those that the exit node said GOAWAY on */

	/* The session, as far as a new link can go on with it (rule 28). */
	uint8_t instance[CONTROL_INSTANCE];
	char session[2 * CONTROL_SESSION + 1]; /* for people; "" before the first grant */
	struct secret *resume;
	bool resume_given, accepted;
	bool announced; /* "connected" was said about this link */

	struct backoff backoff;    /* of connecting, since a link was up last */
	struct backoff young;      /* of links that died young, one after another */
	struct loop_timer timer;   /* the next attempt, or look at the draining */
	struct loop_timer reoffer; /* refused names */
	uint64_t drain_until;
	unsigned rejections; /* in a row */
	uint64_t rejected_since;
	char last_failure[512];
	uint64_t failure_told;

	/* It is OVER. Runs once, from the loop. */
	void (*ended)(struct uplink *u, enum uplink_end end);
};

/* 0, -EINVAL or -ENOMEM with a sentence. What it is given must outlive it. */
int uplink_init(struct uplink *u, struct loop *loop, struct offload *offload,
	const struct client_options *options, struct services *services, struct outlets *outlets,
	struct error *err);
/* Ends everything at once. Accepts zeroed memory. */
void uplink_deinit(struct uplink *u);

void uplink_start(struct uplink *u);

/* No new streams; ended() when those under way have finished, or at `until` (µs) at the latest. */
void uplink_drain(struct uplink *u, uint64_t until);

const char *uplink_state_name(enum uplink_state state);
