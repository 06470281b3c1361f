/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One authenticated client process and what it publishes (docs/protocol.md, section 7). It belongs to the
 * registrar; its links live on workers, where it has a shard each (server/link/session_shard.h).
 *
 *	ESTABLISHED, while it has a link -> CLOSED
 */
#include "server/route/service.h"
#include "server/control/registrar.h"
#include "server/link/link_mail.h"

#define SESSION_SERVICES_MAX 1024 /* a session; the YAML of a large cluster has a hundred */
/*
 * Services and attachments that workers know, with those that are on their way from them: who publishes and withdraws, or
 * attaches and detaches, faster than workers hear of it must not have ever more of them.
 */
#define SESSION_COMING_MAX   4096
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

/*
 * Bytes of compiled rules of all services of a session: for each of SESSION_SERVICES_MAX as many as some pages of
 * rules take, or CLIENT_RULES_MEMORY for a few.
 */
#define SESSION_RULES_MEMORY (8u << 20)

struct session_closing;

struct session {
	struct session_base base;
	struct registrar *registrar;
	struct list link;        /* registrar::sessions */
	struct list of_identity; /* identity::sessions */
	bool ended;              /* it has no link any more */
	unsigned
		n_coming; /* services and attachments that are still to come or to go, which it outlives */
	uint8_t id[CONTROL_SESSION];
	uint64_t since;               /* µs since 1970 */
	char peer[ADDRESS_TEXT_SIZE]; /* where its first link came from, for people */
	uint8_t instance[CONTROL_INSTANCE];
	uint8_t resume[CONTROL_SECRET];
	struct list links; /* server_link::of_session */
	unsigned n_links;
	struct list services;         /* of struct service */
	unsigned n_services, n_ports; /* each of a range */
	size_t rules_memory;          /* bytes of its services' rules */
	struct list attachments;      /* session_attachment::of_session */
	struct list attaching;        /* attach_request::of_session: what is asked for */
	unsigned n_attachments, n_attaching;
	struct loop_timer attachments_stale;
	struct list publishing; /* private_publish::of_session: what is not on the books yet */
	unsigned n_publishing;
	uint64_t refusals_told; /* a bit for each service number, modulo 64 */
	struct loop_timer stale;
	struct broadcast broadcast;
	struct session_closing
		*closing; /* it is to end (server/control/session_close.h); NULL: not */
};

/* The session that publishes this service. */
static inline struct session *session_of(const struct service *service)
{
	return container_of(service->session, struct session, base);
}

/* The newest of its links that may be here, over which its client is told something; NULL: it has none. */
static inline struct server_link *session_link(const struct session *s)
{
	list_for_each (it, &s->links) {
		struct server_link *l = list_entry(it, struct server_link, of_session);
		if (!l->denied)
			return l;
	}
	return NULL;
}

static inline struct node *session_node(const struct session *s)
{
	return s->registrar->node;
}

static inline uint64_t session_now(const struct session *s)
{
	return loop_now(s->registrar->worker->loop);
}

/* All on the main thread. What a session publishes is in server/control/publish.h. */

/* The first link of a client process. NULL when out of memory. */
struct session *session_new(struct registrar *r, struct server_link *l);
/* One more of its links. False: memory is out, and the link closes. */
bool session_join(struct session *s, struct server_link *l);
/*
 * The same process over a new link: the links before are closed, what it publishes stays. False: memory is out,
 * and the new link closes.
 */
bool session_resume(struct session *s, struct server_link *l);
/* Another session claims what this one holds: each of its links has to show that it lives (rule 28). */
void session_suspect(struct session *s);
/* A link, of a session or of none, may not be here: it is closed, and what it says is not heard any more. */
void session_deny_link(struct registrar *r, struct server_link *l, const char *why);
/* A link has ended. True: it was the last one, so the caller withdraws what the session publishes and ends it. */
bool session_leave(struct session *s, struct server_link *l, const char *why);

/* It has no link any more: nobody finds it from here on. */
void session_unlist(struct session *s);

/*
 * Frees it when no worker looks at it any more, which is behind a broadcast: those of its services went before.
 * A service that is still on its way to be published has a broadcast to come, so the session waits for that
 * one, which calls this again.
 */
void session_end(struct session *s);

/*
 * The same at the process's end, when nothing is delivered any more: frees it, unless a service is still on its
 * way to be published. That one's discard calls this again.
 */
void session_discard(struct session *s);

/* In the audit log, if there is one. `why`: a sentence, or NULL. */
void session_audit(const struct session *s, const char *action, const char *subject,
	const char *why);

/* Whether one more line about sessions may be logged; `more` goes behind it. */
bool session_may_log(struct session *s, char more[LOG_LIMIT_MORE]);
