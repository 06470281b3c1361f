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
#include "client/key_cache.h"
#include "client/options.h"
#include "client/outlets.h"
#include "client/proxy.h"
#include "client/services.h"
#include "mux/budget.h"
#include "loop/status.h"
#include "tls/tls.h"

/* The exit node's notices beyond that are not logged: at once, one for each name of a large client. */
#define BOND_NOTICE_BURST 64
#define BOND_NOTICE_EVERY CLOCK_S
#define BOND_DRAIN_LOOK   (20 * CLOCK_MS) /* how often draining looks whether streams are left */

enum bond_state {
	BOND_DOWN,
	BOND_OPENING, /* a link is up; the exit node has not named the session yet */
	BOND_OPEN,    /* others may join */
	BOND_DRAINING,
	BOND_OVER
};

enum bond_end {
	BOND_END_DRAINED,
	BOND_END_REJECTED, /* the exit node does not know our token (rule 11) */
	BOND_END_HOPELESS, /* it refuses for good all that we publish */
};

struct client_link;
struct uplink;

struct bond {
	struct loop *loop;
	struct resolver *resolver; /* its own: the links never wait behind the upstreams' names */
	const struct client_options *options;
	struct services *services;
	struct outlets *outlets;
	enum bond_state state;

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
	void (*ended)(struct bond *b, enum bond_end end);
};

/* 0, -EINVAL (an option), -EIO (a file) or -ENOMEM, with a sentence. What it is given must outlive it. Reads files. */
int bond_init(struct bond *b, struct loop *loop, struct offload *offload,
	const struct client_options *options, struct services *services, struct outlets *outlets,
	struct error *err);
/* Ends everything at once. Accepts zeroed memory. */
void bond_deinit(struct bond *b);

void bond_start(struct bond *b);

/* The services changed: says so to the exit node, if there is one now. */
void bond_services_changed(struct bond *b);

/* No new streams; ended() when those under way have finished, or at `until` (µs) at the latest. */
void bond_drain(struct bond *b, uint64_t until);

/* ---- For its uplinks ---- */

/* Whether a link that begins now is a further one of the session. */
bool bond_joinable(const struct bond *b);

void bond_ask_key(struct bond *b, const uint8_t salt[HELLO_SALT]);

/* `u` is up; `hello` is the exit node's. */
void bond_link_up(struct bond *b, struct uplink *u, const struct control *hello);

/* `u` is not up any more, and will try again on its own. */
void bond_link_down(struct bond *b, struct uplink *u);

/* A message from the exit node on a link that is up. */
void bond_control(struct bond *b, struct client_link *l, const struct control *message);

/* A link is closed, its uplink's current one or a former one. */
void bond_client_link_gone(struct bond *b);

void bond_over(struct bond *b, enum bond_end end);

/* Something that `systemctl status` shows has changed. */
void bond_tell(struct bond *b);
