/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One thing that this client publishes: a public place and an upstream under a number, which is all
 * that the exit node can name when it opens a stream. Nothing that comes over the link ever changes
 * where a number leads, and a number is never used again for anything else.
 *
 *	IDLE -> OFFERED -> GRANTED or REFUSED
 *
 * A refused publication is offered again later, and each one when the session is lost. LEAVING: the
 * configuration does not have it any more.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/log_limit.h"
#include "client/config/upstreams.h"
#include "client/files/file_folder.h"
#include "client/publish/fair_queue.h"
#include "client/publish/traffic.h"
#include "crypto/key_pair.h"
#include "link/link.h"
#include "tls/tls.h"

/*
 * Visitors of one service who wait until a connection ends: as many as a listener's backlog could hold, and
 * fewer of one visitor. Each is a stream that carries nothing.
 */
#define PUBLICATION_QUEUE_MAX             1024
#define PUBLICATION_QUEUE_PER_VISITOR_MAX 256

#define PUBLICATION_WHY_SIZE 200

enum publication_state {
	PUBLICATION_IDLE,
	PUBLICATION_OFFERED,
	PUBLICATION_GRANTED,
	PUBLICATION_REFUSED,
	PUBLICATION_LEAVING
};

/* A range of ports, for an older exit node without ranges: each port is a service of its own there. */
struct publication_apart {
	bool begun;     /* else the range is offered as a whole */
	unsigned said;  /* ports that were published so far */
	unsigned heard; /* ports that the exit node has answered about */
	bool refused;   /* it refused one of them */
};

/* What its probe found out (client/upstream/probe.h). */
struct publication_health {
	bool probed;      /* a probe holds it, and is none of its streams */
	bool down;        /* it is not well */
	bool told_down;   /* and the exit node knows that */
	uint64_t latency; /* µs, that the last sample took; 0: it was not good */
};

/* What is counted of one, for /metrics. */
struct publication_counts {
	struct stream_counts bytes; /* `taken`: of visitors; `sent`: of the upstream */
	struct counter dials[2];    /* [1]: the upstream answered */
	struct histogram dial_times;
	bool tried, up;                        /* how the last dial ended */
	uint64_t failed_at;                    /* µs, when the last one failed; 0: none did */
	char failed_why[PUBLICATION_WHY_SIZE]; /* then: the rest of a sentence about the upstream */
};

struct publication {
	struct upstream upstream; /* its own copy */
	uint32_t number;          /* of a range's first port; the others have those behind it */
	unsigned users;           /* its streams and the list; freed with the last */
	enum publication_state state;
	enum control_reason reason; /* while REFUSED */
	/* The public port to ask for: the one it had last, unless that was refused. */
	uint16_t port;
	struct publication_apart apart;
	char *path;                 /* put before each request's path; NULL: nothing */
	struct file_folder *folder; /* of file://; else NULL */
	struct tls_client *tls;     /* of an https upstream; NULL: plain text */
	char server[HOSTNAME_SIZE]; /* the name that its certificate must be for */
	const struct key_pair *own; /* end to end: this client's key; else NULL */

	/* Takes its place as soon as the exit node has answered about it. */
	struct publication *successor;
	bool withdraw_said; /* while LEAVING */
	unsigned looks;     /* since it is LEAVING */

	struct fair_queue_service dials; /* its share of the client's dials */
	/* Its connections, once some were opened under --max-connections; zero: not limited so far. */
	struct fair_queue connections;
	struct list
		due; /* upstream_conns::due: a connection has ended, and others wait for its place */

	struct publication_health health;
	struct publication_counts counts;
	struct traffic traffic; /* as somebody saw it last */
	char *answer;           /* the exit node's last: an address, or a refusal */
	bool answer_logged;     /* else publication_log_answer() is due */
	bool not_graded;        /* granted by one that does not know what is said of its origin */
	bool not_exclusive;     /* granted by an exit node that does not know --exclusive */

	/* Of client/publish/publication_log. */
	struct log_limit log_failed, log_wrong, log_rejected, log_overrun, log_unsealed,
		log_dropped;
	uint64_t overrun; /* datagrams lost since the last line about them */
};

/* `tls` is counted. NULL when memory is out. */
struct publication *publication_new(const struct upstream *u, uint32_t number,
	struct tls_client *tls);
struct publication *publication_ref(struct publication *pub);
/* Streams that use it. Of one that is listed. */
static inline unsigned publication_streams(const struct publication *pub)
{
	return pub->users - 1 - pub->health.probed;
}
struct publication *publication_unref(struct publication *pub); /* accepts NULL; returns NULL */

/* A dial to its upstream succeeded, after `took` µs; or failed. `why` is the rest of a sentence about the upstream. */
void publication_dialled(struct publication *pub, uint64_t took);
void publication_not_dialled(struct publication *pub, const char *why);

void publication_set_state(struct publication *pub, enum publication_state state);

/* How many numbers it has: one for each port of a range. */
static inline uint32_t publication_numbers(const struct publication *pub)
{
	return pub->upstream.ports > 1 ? pub->upstream.ports : 1;
}

/* The upstream's port to which that number of its leads. */
static inline uint16_t publication_port(const struct publication *pub, uint32_t number)
{
	return (uint16_t)(pub->upstream.url.port + (number - pub->number));
}

/* Whether OPEN may ask for it as this enum frame_kind. */
bool publication_takes(const struct publication *pub, uint8_t kind);

/* The protocol that OPEN's alpn stands for; empty: none, or none that was published. */
struct str publication_alpn(const struct publication *pub, uint8_t alpn);

/* Back to IDLE, to be offered again; `whole`: as one range, to an exit node that may know ranges. */
void publication_again(struct publication *pub, bool whole);

/* Sends PUBLISH, or WITHDRAW. What finds no room in the link now goes out with a later call. */
void publication_publish(struct publication *pub, struct link *l);
void publication_withdraw(struct publication *pub, struct link *l);

/* Sends HEALTH, if the exit node knows something else of it. */
void publication_tell_health(struct publication *pub, struct link *l);

/* Instead of PUBLISH, where the exit node cannot have it as it is meant, and `why` not: nothing is sent. */
void publication_decline(struct publication *pub, const char *why);

/* The exit node's answer. */
void publication_granted(struct publication *pub, const struct control *message);
void publication_refused(struct publication *pub, const struct control *message);

/* New limits: they apply to visitors who wait, and to connections to come; open ones stay. */
void publication_set_limits(struct publication *pub, const struct upstream_limits *limits);

/* Whether the number of its connections is limited, or was. */
bool publication_is_limited(const struct publication *pub);
/* Begins to count them; for the callbacks see client/publish/fair_queue.h. */
void publication_count(struct publication *pub,
	void (*admitted)(struct fair_queue *q, struct fair_slot *slot),
	void (*displaced)(struct fair_queue *q, struct fair_slot *slot));
