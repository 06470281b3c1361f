/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Probes of the upstreams that have --probe: each by a connection of its own, on the way that visitors' streams
 * take (look-up, PROXY header, TLS). The exit node is told what changes, and nothing else crosses the link.
 *
 * A sample is good if the upstream was connected to, and has answered as is expected, within PROBE_TIME. Of the last
 * PROBE_SAMPLES so many as PROBE_HEALTHY have to be good; the first one counts for all of them.
 */
#include "client/upstream/upstream_conn.h"

#define PROBE_TIME    (3 * CLOCK_S) /* µs; for all of it */
#define PROBE_SAMPLES 4
#define PROBE_HEALTHY 2
#define PROBE_DOUBT \
	CLOCK_S /* µs; between two while the last one says something else than those before */

struct probes {
	struct upstream_conns *all;
	struct list list; /* of struct probe */
	/* The health of some publication is another now (publication::health). */
	void (*changed)(void *arg);
	void *arg;
};

void probes_init(struct probes *probes, struct upstream_conns *all, void (*changed)(void *arg),
	void *arg);
/* Before upstream_conns_deinit(). Accepts zeroed memory. */
void probes_deinit(struct probes *probes);

/* The publications were set: begins those that are new. Those of publications that leave end by themselves. */
void probes_set(struct probes *probes);
