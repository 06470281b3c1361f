/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The client's session: what its links have in common. One uplink opens it, with a hello that goes on
 * with the session of before (rule 28), and publishes; the others join it (rule 29), so that losing one
 * link of several loses that link's streams and nothing else.
 *
 *	DOWN -> OPENING -> OPEN -> DOWN again with the last link; DRAINING -> OVER from anywhere
 *
 * While it is DOWN one uplink dials the exit node and the others rest: a server that is away sees one
 * client that dials, not N.
 *
 * The uplinks call the session through uplink_ops (client/session/uplink), and know nothing else of it.
 */
#include "client/config/options.h"
#include "client/local/consumer.h"
#include "client/publish/pending_requests.h"
#include "client/publish/publications.h"
#include "client/session/key_cache.h"
#include "client/session/remote.h"
#include "client/session/uplink.h"
#include "client/upstream/upstream_conn.h"
#include "loop/status.h"
#include "mux/budget.h"

/* The exit node's notices: at once one for each name of a large client, then one a second. */
#define CLIENT_SESSION_NOTICE_BURST 64
#define CLIENT_SESSION_NOTICE_EVERY CLOCK_S

/* Rule 11: that the exit node does not know the token is believed after so many rejections in a row, */
#define CLIENT_SESSION_REJECTIONS   3
#define CLIENT_SESSION_REJECTED_FOR (10 * CLOCK_S) /* over at least so long */

/* How often draining looks whether streams are left. */
#define CLIENT_SESSION_DRAIN_LOOK (20 * CLOCK_MS)

enum client_session_state {
	CLIENT_SESSION_DOWN,
	CLIENT_SESSION_OPENING, /* a link is up; the exit node has not named the session yet */
	CLIENT_SESSION_OPEN,    /* others may join */
	CLIENT_SESSION_DRAINING,
	CLIENT_SESSION_OVER
};

enum client_session_end {
	CLIENT_SESSION_END_DRAINED,
	CLIENT_SESSION_END_REJECTED, /* the exit node does not know our token (rule 11) */
	CLIENT_SESSION_END_REFUSED,  /* it refuses for good all that we publish */
};

struct client_session {
	struct loop *loop;
	const struct client_options *options;
	struct publications *publications;
	struct upstream_conns *upstream_conns;
	struct consumer *consumer;
	enum client_session_state state;

	struct pending_requests pending; /* for private services of this client's */

	struct remote remote;
	struct uplink *uplinks;
	size_t n;

	/* For link_config. */
	struct random_pool random;
	struct budget budget;
	struct budget_share share;
	struct mux_streams streams; /* of all links */
	uint8_t instance[CONTROL_INSTANCE];

	struct key_cache key_cache;
	uint8_t id[CONTROL_SESSION];
	char name[2 * CONTROL_SESSION + 1]; /* the id for people; "" before the first grant */
	struct secret *resume;
	bool resume_given;
	bool accepted;         /* the exit node knew our token once */
	bool connected_logged; /* "connected" was logged since it was DOWN */
	bool tls_logged;       /* what TLS is worth here was logged */

	struct status status;
	struct log_limit log_notices; /* of the exit node */
	struct loop_timer timer;      /* refused names, or a look at the draining */
	uint64_t drain_until;

	/* It is OVER. Runs once, from the loop. */
	void (*ended)(struct client_session *s, enum client_session_end end);
};

/*
 * What it is given must outlive it. Reads files. 0, -EINVAL (an option), -EIO (a file) or -ENOMEM, with a
 * sentence.
 */
int client_session_init(struct client_session *s, struct loop *loop, struct offload *offload,
	const struct client_options *options, struct publications *publications,
	struct upstream_conns *upstream_conns, struct consumer *consumer, struct error *err);
/* Ends everything at once. Accepts zeroed memory. */
void client_session_deinit(struct client_session *s);

void client_session_start(struct client_session *s);

/* What is published or wanted has changed: tells the exit node, if there is one now. */
void client_session_published(struct client_session *s);

/* No new streams; ended() when those that are open have finished, or at `until` (µs) at the latest. */
void client_session_drain(struct client_session *s, uint64_t until);
