#pragma once
/*
 * A visitor's connection to a TCP service: finds a link of its service, and is nothing but a relay then.
 *
 *	ARRIVING -> [WAITING ->] [MOVING ->] OPEN -> CLOSED
 */
#include "net/relay.h"
#include "server/handoff.h"
#include "server/waiting.h"
#include "server/worker.h"

enum caller_state {
	CALLER_ARRIVING, /* not yet on its way */
	CALLER_WAITING,  /* for a session that was lost just now */
	CALLER_MOVING,   /* on its way to the worker that has a link for it */
	CALLER_OPEN,
	CALLER_CLOSED,
};

struct caller {
	struct charge charge;
	struct relay relay;
	struct worker *worker;
	struct list link; /* worker::tcp_conns */
	enum caller_state state;
	struct detached_conn detached; /* until it is OPEN */
	struct branch *branch;
	struct trunk *trunk;
	struct waiter waiter;
	struct mail mail;
	struct loop_task reap;
	unsigned moves;
	bool by_name;  /* `place` is a host name, else one of worker::ports */
	uint16_t port; /* that was connected to */
	bool counted;  /* in the census, under its address */
	char place[SERVICE_PLACE_SIZE];
	char session[SERVICE_SESSION_NAME]; /* for the log */
	struct address peer, local;
	uint64_t began; /* µs */
};

/*
 * Takes over what `e` owns: for the service of the listener's port, or of this name (canonical; NULL: of the
 * port).
 */
void caller_enter(struct worker *w, struct accepted_conn *a, const char *name);

/* Ends it at once, with an RST. */
void caller_close(struct caller *c, const char *why);
