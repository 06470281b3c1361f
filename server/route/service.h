/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a session publishes under one number: an upstream, reachable by one public name or port, or as a private
 * service by who has an attachment to it. The registrar makes it and takes it away; on each worker it has a shard, which is that worker's alone.
 */
#include <stdatomic.h>

#include "base/list.h"
#include "base/log_limit.h"
#include "crypto/digest.h"
#include "loop/loop.h"
#include "server/base/broadcast.h"
#include "server/base/node.h"
#include "server/link/session_shard.h"
#include "server/route/figures.h"
#include "server/route/origin.h"
#include "server/route/routing.h"
#include "server/route/series.h"
#include "wire/control.h"
#include "wire/frame.h"
#include "wire/hostname.h"

#define SERVICE_PENALTY_MIN CLOCK_S /* rule 31: no requests for so long after a failed dial, */
#define SERVICE_PENALTY_MAX (30 * CLOCK_S) /* doubling up to this, while another serves the route */

#define SERVICE_DIFFERENCES 2 /* kinds of them between services of one place */

#define SERVICE_NOTICE_EVERY (10 * CLOCK_S) /* between two notices of one shard to its client */

/* "tcp:2222", "udp:7000-7010", "group:web", a name, or "" */
#define SERVICE_PLACE_SIZE  (HOSTNAME_SIZE + 8)
#define SERVICE_ORIGIN_SIZE (CONTROL_NAME + 1)

struct port;
struct server_link;
struct worker;

/* A service on one worker. */
struct service_shard {
	struct route_entry entry; /* in its route: shares its load with the others there */
	struct origin origin;     /* there */
	struct service *service;
	struct session_shard *session_shard; /* of its session on this worker */
	struct list streams;                 /* all pooled streams to it */
	struct list idle; /* those that wait for a request; the one used last is first */
	unsigned n_idle;
	struct list resting; /* those that rest and are no visitor's */
	unsigned n_resting;
	bool strict;          /* as the service is, and what had not rested is gone */
	unsigned outstanding; /* exchanges and connections under way */
	uint64_t penalty;     /* µs */
	atomic_uint_least64_t failing_until; /* µs; other workers look at it */
	/* The last dial at its upstream that failed: µs, and enum frame_reset; 0: none did. For the main thread */
	atomic_uint_least64_t failed_at;
	atomic_uint failed_why;
	bool named; /* counts in routing::n_named */
	struct service_counts *_Atomic
		counts; /* NULL until it is used (service_shard_began()); set by its worker */
	struct log_limit notices; /* to its client */
	bool gone; /* withdrawn: holds the service only for what is still under way */
};

struct service {
	struct session_base *session;
	struct list of_session; /* session::services */
	uint32_t number;
	uint32_t n_numbers; /* of a range: its ports have `number` and those behind it; else 1 */
	enum control_kind kind;
	enum control_tls tls;
	bool per_visitor;   /* a stream serves one visitor's connection (rule 33) */
	atomic_bool strict; /* sent bytes that no request asked for: its streams rest (rule 33) */
	bool half_closed;   /* serves visitors behind their FIN (rule 44) */
	bool exclusive;     /* shares its place with nobody (server/control/sharing) */
	/* Of what its client is told about others there (sharing_tell()) */
	struct log_limit log_shared[SERVICE_DIFFERENCES];
	char place[SERVICE_PLACE_SIZE]; /* its name among the routes, of names or of ports */
	bool has_port;                  /* `place` is one of routing::ports */
	bool is_private; /* or of routing::privates, and of no front's: it has no public name or port */
	bool in_group; /* or of routing::groups, to which only rules lead */
	char origin
		[SERVICE_ORIGIN_SIZE]; /* its name among others there: its client's, or of its client */
	bool origin_said;              /* else that was made here */
	uint32_t priority, weight;     /* as its client says; 0: it does not */
	bool enabled;                  /* likewise */
	atomic_bool down;              /* its client's probe says so; workers look at it */
	uint16_t first_port;           /* that, before any worker sees the service */
	struct port *port;             /* its listener; NULL: none of its own */
	char *upstream;                /* for people */
	char *path;                    /* put before each request's path; "" mostly (rule 41) */
	char *rewrite;                 /* Host for the upstream; NULL: the visitor's */
	enum control_scheme scheme;     /* the upstream's */
	enum control_protocol protocol; /* likewise */
	bool host_only;                 /* what else names the place is not rewritten (rule 47) */
	char *alpn; /* what it speaks behind the TLS that ends here, wire/alpn's list; NULL: not said */
	const struct front *rules;  /* held: its client's; NULL: none */
	uint8_t rules_id[MAC_SIZE]; /* of their text; zeros: none */
	uint64_t order; /* of what was published so far: the newest of a route has the highest */
	bool aes;       /* a private one's: sealed streams prefer AES-GCM */
	/* The registrar's: what it is on the books, which it holds; NULL: it is public, or not listed any more */
	struct private_service *private_service;
	struct list of_private; /* private_service::services */
	bool states_lists;      /* its client says who may use it, and who need not wait */
	bool stale;             /* of a session that was resumed, and not published again yet */
	bool granted;
	bool certified;          /* its name is to have a certificate by --acme */
	struct figures *figures; /* the main thread's; owned; NULL: nobody has looked */
	bool denied; /* it is withdrawn because it may not be: what is under way to it ends */
	struct broadcast broadcast;
	uint64_t
		at; /* µs, when the broadcast began: every worker's routes are claimed and lost then */
	atomic_uint holds; /* the registrar's, and one of each shard that is gone and not empty */
	struct service_shard shards[]; /* one a worker */
};

static inline struct str service_alpn(const struct service *s)
{
	return s->alpn ? str_from(s->alpn) : STR_NULL;
}

/* Whether both have their visitors' TLS handled alike, as all of one route or port have to. */
static inline bool service_same_tls(const struct service *a, const struct service *b)
{
	return a->tls == b->tls && str_eq(service_alpn(a), service_alpn(b));
}

/* What was counted of it so far, on all workers. On the main thread, of a service that it knows. */
void service_read(const struct service *s, struct service_sum *sum_out);

/* Its figures at this moment (µs), and its last dial that failed: on the main thread, of a service that it knows. */
struct service_look {
	const struct figures *figures; /* NULL: memory is out */
	bool fails;                    /* others of its route go first */
	bool down;                     /* because its client's probe says so */
	uint64_t failed_at;            /* µs; 0: no dial has failed */
	enum frame_reset failed_why;
};
struct service_look service_look(struct service *s, uint64_t now);

/* NULL when out of memory. In no route yet. */
struct service *service_new(struct session_base *s, const struct control *publish);
/* Gives up one hold; frees it with the last. */
void service_release(struct service *service);

/* Its upstream sent bytes that no request asked for, so its streams rest between two visitors (rule 33). */
static inline bool service_strict(const struct service *s)
{
	return atomic_load_explicit(&s->strict, memory_order_relaxed);
}

/* Whether all fields that name the place are rewritten, and not Host alone (rule 47). */
static inline bool service_rewrites(const struct service *s)
{
	return s->rewrite && s->scheme != CONTROL_SCHEME_UNKNOWN && !s->host_only;
}

/* By what number OPEN names it for who came to that port. */
static inline uint32_t service_number(const struct service *s, uint16_t port)
{
	return s->has_port ? s->number + (port - s->first_port) : s->number;
}

/* Visitors ask for it with TLS and a name, on the front's ports. */
static inline bool service_is_named(const struct service *s)
{
	return s->kind == CONTROL_TCP && !s->has_port && !s->is_private;
}

/* Those of a worker that its place is one of. */
static inline struct routes *service_routes(const struct service *s, struct routing *r)
{
	return s->is_private ? &r->privates
	       : s->in_group ? &r->groups
	       : s->has_port ? &r->ports
			     : &r->names;
}

/*
 * On its worker: enters or leaves the routes, as of service::at, so that every worker comes to what the
 * first one decided. 0, ROUTES_TAKEN or -ENOMEM, as routes_claim().
 */
int service_shard_open(struct service_shard *shard, struct worker *w,
	const struct route **holder_out);
/* What is under way goes on; pooled streams that carry nothing have ended before (http/stream_pool.h). */
void service_shard_close(struct service_shard *shard, struct worker *w);
/* A shard that is gone has nothing under way any more, and no pooled stream. */
void service_shard_emptied(struct service_shard *shard);

/* Makes its counts; without memory they are those of nobody. */
void service_shard_count(struct service_shard *shard, struct worker *w);

/* On its worker; not NULL once it was used. */
static inline struct service_counts *service_shard_counts(const struct service_shard *shard)
{
	return atomic_load_explicit(&shard->counts, memory_order_relaxed);
}

/* One more or less of what is under way. From the first on it has counts. */
static inline void service_shard_began(struct service_shard *shard, struct worker *w)
{
	if (!service_shard_counts(shard))
		service_shard_count(shard, w);
	counter_add(&service_shard_counts(shard)->begun, 1);
	shard->outstanding++;
}
static inline void service_shard_finished(struct service_shard *shard)
{
	counter_add(&service_shard_counts(shard)->ended, 1);
	if (!--shard->outstanding && shard->gone && list_empty(&shard->streams))
		service_shard_emptied(shard);
}

static inline struct service_shard *service_shard_of(struct list *link)
{
	return container_of(list_entry(link, struct route_entry, link), struct service_shard,
		entry);
}

/*
 * For the client's log, whose operator can do something about its upstream: "the upstream URL" and this rest of
 * a sentence, once in SERVICE_NOTICE_EVERY.
 */
void service_shard_notice(struct service_shard *shard, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* A dial at its upstream failed for that reason, or succeeded. */
void service_shard_failed(struct service_shard *shard, enum frame_reset why, uint64_t now);
void service_shard_worked(struct service_shard *shard);
/* Its probe, or a dial not long ago, has failed: others of its route go first (rule 31). From any thread. */
bool service_shard_fails(const struct service_shard *shard, uint64_t now);
