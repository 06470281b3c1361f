/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Requests that the inspector's user sends again: from the client straight to the same upstream, dialled as a
 * visitor's connection would be and in the same queue, with a PROXY header of none (LOCAL). The answer goes to
 * the inspector alone.
 */
#include "client/upstream/upstream_conn.h"

/* At a time, and begun within a minute: enough for hands, too few for a load on the upstream. A guess. */
#define REPLAYS_MAX        4
#define REPLAYS_MINUTE_MAX 64
/* How long one may take from beginning to end, in µs: an answer may also be one that never ends. */
#define REPLAY_TIME        (60 * CLOCK_S)

struct upstream_replays {
	struct upstream_conns *all;
	struct list list;
	size_t n;
	uint64_t minute; /* when it began, µs */
	size_t in_minute;
};

void upstream_replays_init(struct upstream_replays *replays, struct upstream_conns *all);
/* Before upstream_conns_deinit(). Accepts zeroed memory. */
void upstream_replays_deinit(struct upstream_replays *replays);

/* Outcomes of upstream_replay_start() */
enum {
	REPLAY_STARTED,
	REPLAY_NO_SERVICE, /* it is not published any more */
	REPLAY_TOO_MANY,   /* are under way, or were begun within a minute */
	REPLAY_NO_ROOM,    /* in the inspector, or no memory */
};

struct upstream_replay_request {
	uint32_t service;
	uint64_t of;            /* the capture that is sent again */
	const struct buf *text; /* head and body; copied */
	/* It is over; how it ended is in its capture. Not from within upstream_replay_start(). */
	void (*ended)(void *arg);
	void *arg;
};

/* Sends it, and captures it under the id that is given out. */
int upstream_replay_start(struct upstream_replays *replays,
	const struct upstream_replay_request *request, uint64_t *id_out);

/* ended() is not called any more for this arg. */
void upstream_replay_forget(struct upstream_replays *replays, const void *arg);
