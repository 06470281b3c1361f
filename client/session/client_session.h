#pragma once
/*
 * The client's session: what its links have in common. One uplink opens it, with a hello that goes on
 * with the session of before (rule 28), and offers the services; the others join it (rule 29), so that
 * losing one link of several loses that link's streams and nothing else.
 *
 *	DOWN -> OPENING -> OPEN -> DOWN again with the last link; DRAINING -> OVER from anywhere
 *
 * While it is DOWN one uplink seeks the exit node and the others rest: a server that is away sees one
 * client that dials, not N.
 */
#include "client/session/key_cache.h"
#include "client/config/options.h"
#include "client/upstream/upstream_conn.h"
#include "client/session/proxy.h"
#include "client/publish/publications.h"
#include "mux/budget.h"
#include "loop/status.h"
#include "tls/tls.h"

/* The exit node's notices beyond that are not logged: at once, one for each name of a large client. */
#define CLIENT_SESSION_NOTICE_BURST 64
#define CLIENT_SESSION_NOTICE_EVERY CLOCK_S
#define CLIENT_SESSION_DRAIN_LOOK \
	(20 * CLOCK_MS) /* how often draining looks whether streams are left */

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
	CLIENT_SESSION_END_HOPELESS, /* it refuses for good all that we publish */
};

struct client_link;
struct uplink;

struct client_session {
	struct loop *loop;
	struct resolver *resolver; /* its own: the links never wait behind the upstreams' names */
	const struct client_options *options;
	struct publications *publications;
	struct upstream_conns *upstream_conns;
	enum client_session_state state;

	struct uplink *uplinks;
	size_t n;
	struct list links; /* of all of them, those included that the exit node said GOAWAY on */

	struct proxy proxy;
	struct tls_client *tls; /* of wss://; NULL: ws:// */
	struct key_cache key_cache;
	struct random_pool random;
	struct budget budget;
	struct budget_share share;

	uint8_t instance[CONTROL_INSTANCE];
	uint8_t id[CONTROL_SESSION];
	char name[2 * CONTROL_SESSION + 1]; /* the id for people; "" before the first grant */
	char remote[CONTROL_REMOTE + 1];    /* what is dialled, as the exit node is told */
	struct secret *resume;
	bool resume_given;
	bool accepted;  /* the exit node knew our token once */
	bool announced; /* "connected" was said since it was DOWN */
	bool tls_told;  /* what TLS is worth here was said */

	struct status status;
	struct log_limit log_notices; /* of the exit node */
	struct loop_timer timer;      /* refused names, or a look at the draining */
	uint64_t drain_until;

	/* It is OVER. Runs once, from the loop. */
	void (*ended)(struct client_session *s, enum client_session_end end);
};

/* 0, -EINVAL (an option), -EIO (a file) or -ENOMEM, with a sentence. What it is given must outlive it. Reads files. */
int client_session_init(struct client_session *s, struct loop *loop, struct offload *offload,
	const struct client_options *options, struct publications *publications,
	struct upstream_conns *upstream_conns, struct error *err);
/* Ends everything at once. Accepts zeroed memory. */
void client_session_deinit(struct client_session *s);

void client_session_start(struct client_session *s);

/* The services changed: says so to the exit node, if there is one now. */
void client_session_published(struct client_session *s);

/* No new streams; ended() when those under way have finished, or at `until` (µs) at the latest. */
void client_session_drain(struct client_session *s, uint64_t until);

/* ---- For its uplinks ---- */

/* Whether a link that begins now is a further one of the session. */
bool client_session_joinable(const struct client_session *s);

void client_session_ask_key(struct client_session *s, const uint8_t salt[HELLO_SALT]);

/* `u` is up; `hello` is the exit node's. */
void client_session_link_up(struct client_session *s, struct uplink *u,
	const struct control *hello);

/* `u` is not up any more, and will try again on its own. */
void client_session_link_down(struct client_session *s, struct uplink *u);

/* A message from the exit node on a link that is up. */
void client_session_control(struct client_session *s, struct client_link *l,
	const struct control *message);

/* A link is closed, its uplink's current one or a former one. */
void client_session_client_link_gone(struct client_session *s);

void client_session_over(struct client_session *s, enum client_session_end end);

/* Something that `systemctl status` shows has changed. */
void client_session_tell(struct client_session *s);
