/* SPDX-License-Identifier: MIT */
#pragma once
/* Which of a route's origins is next, where they are unlike each other (server/route/origin.h). */
#include "server/route/balance.h"

/*
 * As route_pick(): of the enabled ones that are usable and do not fail, or if there is none of all enabled ones,
 * those of the least priority number; of these the one whose turn it is by weight, wherever its links are, or if none
 * has a weight the one with the least to do. What does not choose (route_query::chooses) takes one of this worker's,
 * if there is one among them.
 */
enum route_outcome origin_pick(const struct worker *w, struct route *route,
	const struct route_query *query, struct route_found *found_out);

/* How an origin of a route stands now, as worker `w` sees it. */
enum origin_standing {
	ORIGIN_USED,    /* it gets requests */
	ORIGIN_RESERVE, /* others of a lower priority number do */
	ORIGIN_FAILING, /* its dials fail, or its links do not answer: others do */
	ORIGIN_AWAY,    /* its session has no link that takes requests */
	ORIGIN_OFF,     /* it is not enabled */
};
enum origin_standing origin_standing(const struct worker *w, struct route *route,
	struct service_shard *shard);
const char *origin_standing_name(enum origin_standing standing);
