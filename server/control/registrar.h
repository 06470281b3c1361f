/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Who the sessions are: hears of every link that came up, what its client says, and its end, in the
 * order of each link, all on the main thread.
 */
#include "base/log_limit.h"
#include "loop/status.h"
#include "server/base/worker.h"
#include "server/link/server_link.h"

/*
 * Messages of one link that are on their way here: a client may say all that it publishes at once, and
 * again for a new link. One that says more than is heard is closed, or what it said would fill the memory.
 */
#define REGISTRAR_PENDING_MAX (2 * SESSION_SERVICES_MAX)

struct listeners;

/* How sessions end. X(name, word) */
#define REGISTRAR_ENDS(X)                                           \
	X(ENDED, "ended") /* its client said good-bye */            \
	X(LOST, "lost")                                             \
	X(DRAINED, "drained")   /* an operator ended it in peace */ \
	X(DENIED, "denied")     /* it may not be here any more */   \
	X(REPLACED, "replaced") /* dead, and another claimed its names */

enum registrar_end {
#define REGISTRAR_END(name, word) REGISTRAR_END_##name,
	REGISTRAR_ENDS(REGISTRAR_END)
#undef REGISTRAR_END
		REGISTRAR_END_KINDS,
};

struct registrar {
	uint64_t ended[REGISTRAR_END_KINDS]; /* sessions */
	struct node *node;
	struct catalog *catalog;
	struct changes
		*changes; /* the queue of them, which outlives this; NULL: nothing can be changed */
	const struct listeners *listeners; /* NULL before it is open */
	struct worker *worker;             /* worker 0, on this thread */
	struct list sessions;              /* of struct session */
	struct list unbound;               /* links that belong to no session yet */
	uint64_t enforced;     /* changes that were brought to the workers (enforce.c) */
	bool enforce_again;    /* memory was out for one */
	struct list news;      /* session_attachment::news */
	struct list attaching; /* attach_request::waiting, the one that waits longest first */
	struct loop_timer attach_timer;  /* of those */
	struct loop_timer pending_timer; /* of endpoints that wait (pending_expire.c) */
	struct keyring *keyring;         /* that workers have, or that is on its way to them */
	struct loop_timer expiry;        /* of what is in the catalog (server/control/enforce.c) */
	struct list ports;               /* of struct port */
	unsigned n_ports;                /* each of a range */
	uint64_t published;              /* services so far: service::order */
	struct list kept;                /* of struct kept (server/control/sharing.c) */
	unsigned n_kept;
	struct status status;
	struct log_limit log_sessions; /* that come, go, publish */
	struct log_limit log_refusals; /* of what they asked to publish */
	struct log_limit log_denied;   /* links and sessions that may not be there */
	struct log_limit log_notices;  /* of clients */
	struct log_limit log_pending;  /* endpoints that wait for an approval */
	struct log_limit log_declined; /* what there was nothing to attach to */
};

void registrar_init(struct registrar *r, struct node *n, struct catalog *catalog);
/* The process is about to end: public ports close. */
void registrar_drain(struct registrar *r);
/* When no worker runs any more. */
void registrar_deinit(struct registrar *r);

/* ---- As server_link_ops, from any thread ---- */

/* `hello` is copied. */
void registrar_link_up(struct server_link *l, const struct control *hello);
/* Takes the message. */
void registrar_link_control(struct server_link *l, struct control *message);
/* The last thing it hears; link_mail_forget() answers. */
void registrar_link_gone(struct server_link *l);
