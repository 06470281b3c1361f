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

#include "client/turnstile.h"
#include "base/log_limit.h"
#include "client/upstreams.h"
#include "link/link.h"
#include "tls/tls.h"

#define OFFERING_QUIET (10 * CLOCK_S) /* between two lines about one upstream that fails */
#define OFFERING_WRONG \
	(60 * CLOCK_S) /* about one that speaks something else: until a person comes */

/*
 * Visitors who wait for a connection to end, of one service: as many as a listener's backlog could be, and
 * not all of them one visitor's. Each is a stream that carries nothing.
 */
#define OFFERING_QUEUE_MAX             1024
#define OFFERING_QUEUE_PER_VISITOR_MAX 256

enum offering_state {
	OFFERING_IDLE,
	OFFERING_OFFERED,
	OFFERING_GRANTED,
	OFFERING_REFUSED,
	OFFERING_LEAVING
};

/* A range that an exit node of an older version publishes port by port, as services of their own. */
struct offering_apart {
	bool begun;     /* else the range is offered as a whole */
	unsigned said;  /* of its ports */
	unsigned heard; /* that were answered */
	bool refused;   /* one of these was */
};

struct offering {
	struct upstream upstream; /* its own copy */
	uint32_t number;          /* of a range's first port; the others have those behind it */
	unsigned users;           /* streams, and the list it is on: it is freed with the last */
	enum offering_state state;
	enum control_reason reason; /* while REFUSED */
	/* That it asks for, if its place is a port: the one it got last, unless that is taken. */
	uint16_t port;
	struct offering_apart apart;
	char *path;                 /* put before each request's path; NULL: nothing */
	struct tls_client *tls;     /* of an https upstream; NULL: plain text */
	char server[HOSTNAME_SIZE]; /* the name that its certificate must be for */

	/* What takes its place, once the exit node has answered about that. */
	struct offering *successor;
	bool withdraw_said; /* while LEAVING */
	unsigned looks;     /* since it is LEAVING */

	struct turnstile_service dials; /* its share of the client's dials */
	/* Its connections, once some were opened under --max-connections; zero: not limited so far. */
	struct turnstile connections;
	struct list due; /* outlets::due, when one of these has ended for which others wait */

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
struct offering *offering_new(const struct upstream *u, uint32_t number, struct tls_client *tls);
struct offering *offering_ref(struct offering *offering);
struct offering *offering_unref(struct offering *offering); /* accepts NULL; returns NULL */

void offering_set_state(struct offering *offering, enum offering_state state);

/* How many numbers it has: one for each port of a range. */
static inline uint32_t offering_numbers(const struct offering *offering)
{
	return offering->upstream.ports > 1 ? offering->upstream.ports : 1;
}

/* The upstream's port to which that number of its leads. */
static inline uint16_t offering_port(const struct offering *offering, uint32_t number)
{
	return (uint16_t)(offering->upstream.url.port + (number - offering->number));
}

/* Whether OPEN may ask for it as this enum frame_kind. */
bool offering_takes(const struct offering *offering, uint8_t kind);

/* The protocol that OPEN's alpn stands for; empty: none, or none that was published. */
struct str offering_alpn(const struct offering *offering, uint8_t alpn);

/* It is to be offered again; `whole`: to an exit node that may know of ranges. */
void offering_again(struct offering *offering, bool whole);

/* Says PUBLISH or WITHDRAW, as its state is. One that finds no room now is said with a later call. */
void offering_publish(struct offering *offering, struct link *l);
void offering_withdraw(struct offering *offering, struct link *l);

/* The exit node's answer. */
void offering_granted(struct offering *offering, const struct control *message);
void offering_refused(struct offering *offering, const struct control *message);

/* Logs the last answer, with `more` behind it. */
void offering_tell(struct offering *offering, const char *more);

/* For a person at a terminal: how to try what is published. False: there is nobody, or no one way. */
bool offering_invite(const struct offering *offering);

/* Limits that were read again: they hold for those who are waiting, and for the connections to come. */
void offering_set_limits(struct offering *offering, const struct upstream_limits *limits);

/* Whether the number of its connections is limited, or was. */
bool offering_is_limited(const struct offering *offering);
/* Begins to count them; for the two see client/turnstile.h. */
void offering_count(struct offering *offering,
	void (*admitted)(struct turnstile *t, struct ticket *ticket),
	void (*displaced)(struct turnstile *t, struct ticket *ticket));

/* A visitor was turned away, `why`: said at once, then counted for a while. */
void offering_crowded(struct offering *offering, const struct address *visitor, const char *why,
	uint64_t now);

/* The first bytes of a connection to that port of it, as client/first_answer.h has them. */
void offering_heard(struct offering *offering, uint16_t port, const uint8_t *p, size_t n,
	uint64_t now);

/* A dial failed, as a part of a sentence: said at once, then counted for a while. */
void offering_failed(struct offering *offering, const char *why, uint64_t now);

/* So many datagrams came from a UDP upstream while a flow's socket was full. */
void offering_overrun(struct offering *offering, uint64_t n, uint64_t now);
