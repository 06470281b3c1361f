#pragma once
/*
 * One thing that this client publishes: a public place and an upstream under a number, which is all
 * that the exit node can name when it opens a stream. Nothing that comes over the link ever changes
 * where a number leads, and a number is never used again for anything else.
 *
 *	IDLE -> OFFERED -> GRANTED or REFUSED; a refused one is offered again, all are when the session
 *	is lost; LEAVING is one that is not wanted any more
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/publish/fair_queue.h"
#include "base/log_limit.h"
#include "client/config/upstreams.h"
#include "link/link.h"
#include "tls/tls.h"

#define PUBLICATION_QUIET (10 * CLOCK_S) /* between two lines about one upstream that fails */
#define PUBLICATION_WRONG \
	(60 * CLOCK_S) /* about one that speaks something else: until a person comes */

/*
 * Visitors who wait for a connection to end, of one service: as many as a listener's backlog could be, and
 * not all of them one visitor's. Each is a stream that carries nothing.
 */
#define PUBLICATION_QUEUE_MAX             1024
#define PUBLICATION_QUEUE_PER_VISITOR_MAX 256

enum publication_state {
	PUBLICATION_IDLE,
	PUBLICATION_OFFERED,
	PUBLICATION_GRANTED,
	PUBLICATION_REFUSED,
	PUBLICATION_LEAVING
};

/* A range that an exit node of an older version publishes port by port, as services of their own. */
struct publication_apart {
	bool begun;     /* else the range is offered as a whole */
	unsigned said;  /* of its ports */
	unsigned heard; /* that were answered */
	bool refused;   /* one of these was */
};

struct publication {
	struct upstream upstream; /* its own copy */
	uint32_t number;          /* of a range's first port; the others have those behind it */
	unsigned users;           /* streams, and the list it is on: it is freed with the last */
	enum publication_state state;
	enum control_reason reason; /* while REFUSED */
	/* That it asks for, if its place is a port: the one it got last, unless that is taken. */
	uint16_t port;
	struct publication_apart apart;
	char *path;                 /* put before each request's path; NULL: nothing */
	struct tls_client *tls;     /* of an https upstream; NULL: plain text */
	char server[HOSTNAME_SIZE]; /* the name that its certificate must be for */

	/* What takes its place, once the exit node has answered about that. */
	struct publication *successor;
	bool withdraw_said; /* while LEAVING */
	unsigned looks;     /* since it is LEAVING */

	struct fair_queue_service dials; /* its share of the client's dials */
	/* Its connections, once some were opened under --max-connections; zero: not limited so far. */
	struct fair_queue connections;
	struct list
		due; /* upstream connections::due, when one of these has ended for which others wait */

	char *answer;                 /* the exit node's last: an address, or a refusal */
	bool told;                    /* it was logged */
	bool unguarded;               /* granted by an exit node that does not know --exclusive */
	struct log_limit log_failed;  /* dials that failed */
	struct log_limit log_wrong;   /* first answers that were */
	struct log_limit log_crowded; /* visitors turned away */
	struct log_limit log_overrun; /* datagrams of the upstream's that the kernel dropped */
	uint64_t overrun;             /* how many of them were not logged yet */
};

/* `tls` is counted. NULL when memory is out. */
struct publication *publication_new(const struct upstream *u, uint32_t number,
	struct tls_client *tls);
struct publication *publication_ref(struct publication *publication);
struct publication *publication_unref(
	struct publication *publication); /* accepts NULL; returns NULL */

void publication_set_state(struct publication *publication, enum publication_state state);

/* How many numbers it has: one for each port of a range. */
static inline uint32_t publication_numbers(const struct publication *publication)
{
	return publication->upstream.ports > 1 ? publication->upstream.ports : 1;
}

/* The upstream's port to which that number of its leads. */
static inline uint16_t publication_port(const struct publication *publication, uint32_t number)
{
	return (uint16_t)(publication->upstream.url.port + (number - publication->number));
}

/* Whether OPEN may ask for it as this enum frame_kind. */
bool publication_takes(const struct publication *publication, uint8_t kind);

/* The protocol that OPEN's alpn stands for; empty: none, or none that was published. */
struct str publication_alpn(const struct publication *publication, uint8_t alpn);

/* It is to be offered again; `whole`: to an exit node that may know of ranges. */
void publication_again(struct publication *publication, bool whole);

/* Says PUBLISH or WITHDRAW, as its state is. One that finds no room now is said with a later call. */
void publication_publish(struct publication *publication, struct link *l);
void publication_withdraw(struct publication *publication, struct link *l);

/* The exit node's answer. */
void publication_granted(struct publication *publication, const struct control *message);
void publication_refused(struct publication *publication, const struct control *message);

/* Logs the last answer, with `more` behind it. */
void publication_tell(struct publication *publication, const char *more);

/* For a person at a terminal: how to try what is published. False: there is nobody, or no one way. */
bool publication_invite(const struct publication *publication);

/* Limits that were read again: they hold for those who are waiting, and for the connections to come. */
void publication_set_limits(struct publication *publication, const struct upstream_limits *limits);

/* Whether the number of its connections is limited, or was. */
bool publication_is_limited(const struct publication *publication);
/* Begins to count them; for the two see client/publish/fair_queue.h. */
void publication_count(struct publication *publication,
	void (*admitted)(struct fair_queue *q, struct fair_slot *slot),
	void (*displaced)(struct fair_queue *q, struct fair_slot *slot));

/* A visitor was turned away, `why`: said at once, then counted for a while. */
void publication_crowded(struct publication *publication, const struct address *visitor,
	const char *why, uint64_t now);

/* The first bytes of a connection to that port of it, as client/upstream/first_answer.h has them. */
void publication_heard(struct publication *publication, uint16_t port, const uint8_t *p, size_t n,
	uint64_t now);

/* A dial failed, as a part of a sentence: said at once, then counted for a while. */
void publication_failed(struct publication *publication, const char *why, uint64_t now);

/* So many datagrams came from a UDP upstream while a flow's socket was full. */
void publication_overrun(struct publication *publication, uint64_t n, uint64_t now);
