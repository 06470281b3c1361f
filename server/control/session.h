#pragma once
/*
 * One authenticated client process and what it publishes (docs/protocol.md, section 7). It belongs to the
 * registrar; its links live on workers, where it has a shard each (server/link/session_shard.h).
 *
 *	ESTABLISHED, while it has a link -> CLOSED
 */
#include "server/route/service.h"
#include "server/link/link_mail.h"

#define SESSION_SERVICES_MAX 1024    /* a session; the YAML of a large cluster has a hundred */
#define SESSION_LINKS_MAX    16      /* what --links allows */
#define SESSION_NOTICE_EVERY CLOCK_S /* clients' notices beyond that are not logged */
/*
 * Lines about sessions and what they publish, of all together: 4,096 clients with a few services each come
 * back at once. A client that comes and goes, or publishes and withdraws, as fast as it can has few of them.
 */
#define SESSION_LOG_BURST    16384
#define SESSION_LOG_EVERY    (50 * CLOCK_MS)
#define SESSION_REFUSE_BURST 1024 /* lines about refusals: the services of one client */
/* A session that goes on has so long to publish again what it had; the rest is withdrawn. */
#define SESSION_STALE_TIME   (5 * CLOCK_S)

struct registrar;

struct session {
	struct session_base base;
	struct registrar *registrar;
	struct list link;  /* registrar::sessions */
	bool ended;        /* it has no link any more */
	unsigned n_coming; /* services on their first broadcast, which it outlives */
	uint8_t id[CONTROL_SESSION];
	char peer[ADDRESS_TEXT_SIZE]; /* where its first link came from, for people */
	uint8_t instance[CONTROL_INSTANCE];
	uint8_t resume[CONTROL_SECRET];
	struct list links; /* server_link::of_session */
	unsigned n_links;
	struct list services;         /* of struct service */
	unsigned n_services, n_ports; /* each of a range */
	uint64_t refusals_told;       /* a bit for each service number, modulo 64 */
	struct loop_timer stale;
	struct broadcast broadcast;
};

/* The session that publishes this service. */
static inline struct session *session_of(const struct service *service)
{
	return container_of(service->session, struct session, base);
}

/* All on the main thread. */

/* The first link of a client process. NULL when out of memory. */
struct session *session_new(struct registrar *r, struct server_link *l);
/* One more of its links. */
void session_join(struct session *s, struct server_link *l);
/* The same process over a new link: the links before are closed, what it publishes stays. */
void session_resume(struct session *s, struct server_link *l);
/* A link has ended; with the last one the session does. */
void session_leave(struct session *s, struct server_link *l, const char *why);

void session_publish(struct session *s, struct server_link *l, const struct control *m);
void session_withdraw(struct session *s, uint32_t number);

/* At the process's end: frees it and its services, when no worker runs any more. */
void session_discard(struct session *s);
