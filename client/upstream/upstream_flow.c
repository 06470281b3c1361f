/* SPDX-License-Identifier: MIT */
#include "client/upstream/upstream_flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/publish/publication_log.h"
#include "client/upstream/upstream_flow_seal.h"

/* The end of a flow on this side. */
struct upstream_flow {
	struct flow flow;
	struct upstream_flows *all;
	struct publication *pub;         /* counted */
	uint64_t connection;             /* log_new_connection() */
	uint16_t port;                   /* of the upstream */
	struct upstream_flow_seal *seal; /* NULL: as it comes */
	struct udp udp;                  /* fd -1 until the upstream's address is known */
	struct resolver_query query;
	struct buf early; /* while there is no socket: datagrams, each behind its size as u16 */
	struct timeout idle;
	struct flow_place place;
	struct loop_task reap;
};

static void end_reap(struct loop_task *task)
{
	struct upstream_flow *e = container_of(task, struct upstream_flow, reap);
	upstream_flow_seal_free(e->seal);
	publication_unref(e->pub);
	free(e);
}

/* The stream is closed, whoever closed it. */
static void end_over(struct upstream_flow *e)
{
	log_debug_of(e->connection,
		"a UDP flow to %s ended: %llu datagrams in, %llu out, %llu dropped",
		e->pub->upstream.text, (unsigned long long)e->flow.received,
		(unsigned long long)e->flow.sent,
		(unsigned long long)(e->flow.dropped + e->udp.dropped));
	resolver_release(&e->query);
	udp_close(&e->udp);
	buf_deinit(&e->early);
	timeout_cancel(&e->idle);
	flow_queue_remove(&e->all->queue, &e->place);
	loop_defer(e->all->loop, LOOP_PHASE_REAP, &e->reap);
}

static void end_abort(struct upstream_flow *e, enum frame_reset reason)
{
	flow_abort(&e->flow, reason);
	end_over(e);
}

static void end_fail(struct upstream_flow *e, enum frame_reset reason, const char *why)
{
	publication_log_failed(e->pub, e->connection, why, loop_now(e->all->loop));
	end_abort(e, reason);
}

/* ---- The upstream ---- */

static void udp_received(struct udp *udp, const struct address *peer, const struct address *local,
	const uint8_t *p, size_t n)
{
	struct upstream_flow *e = container_of(udp, struct upstream_flow, udp);
	if (udp->overrun) {
		publication_log_overrun(e->pub, e->connection, udp->overrun,
			loop_now(e->all->loop));
		e->flow.dropped += udp->overrun;
		udp->overrun = 0;
	}
	timeout_start(&e->all->idle, &e->idle);
	flow_queue_answered(&e->all->queue, &e->place);
	if (n > e->flow.max)
		publication_log_dropped(e->pub, e->connection, &e->seal->open,
			"sealed end to end there is no room for so much in it",
			loop_now(e->all->loop));
	flow_send(&e->flow, p, n, loop_now(e->all->loop));
}

/* Said, and no more: whoever listens there later is heard. */
static void udp_refused(struct udp *udp, int error)
{
	struct upstream_flow *e = container_of(udp, struct upstream_flow, udp);
	publication_log_failed(e->pub, e->connection,
		error == ECONNREFUSED
			? "nothing listens there: is the service running, and is this its port?"
			: strerror(error),
		loop_now(e->all->loop));
}

static void send_early(struct upstream_flow *e)
{
	const uint8_t *p = buf_head(&e->early), *end = p + buf_len(&e->early);
	while (p < end) {
		size_t n = bytes_be16(p);
		udp_send(&e->udp, NULL, NULL, p + 2, n);
		p += 2 + n;
	}
	buf_deinit(&e->early);
}

/* 0 or -errno. */
static int connect_to(struct upstream_flow *e, const struct address *upstream)
{
	int r = udp_connect(&e->udp, e->all->loop, e->all->arena, upstream, udp_received,
		udp_refused);
	if (r < 0)
		e->udp.fd = -1;
	return r;
}

static void resolved(struct resolver_query *query, const struct address *list, size_t n,
	const char *why)
{
	struct upstream_flow *e = container_of(query, struct upstream_flow, query);
	int r = -ENOENT;
	if (!n) {
		end_fail(e, FRAME_RESET_DNS, why);
		return;
	}
	for (size_t i = 0; i < n && r < 0; i++)
		r = connect_to(e, &list[i]);
	if (r < 0)
		end_fail(e, FRAME_RESET_UNREACHABLE, strerror(-r));
	else
		send_early(e);
}

/* Where the datagrams go: at once for an address, later for a name. 0 or -errno. */
static int begin(struct upstream_flow *e)
{
	const struct url *url = &e->pub->upstream.url;
	struct address literal;
	char host[URL_DIAL_SIZE];
	if (!address_parse_zoned(str_from(url_dial_host(url, host)), &literal)) {
		if (*url->zone)
			return -ENODEV;
		e->query.order = RESOLVER_AS_TOLD;
		e->query.port = e->port;
		e->query.done = resolved;
		return resolver_ask(e->all->resolver, &e->query, url->host);
	}
	literal.port = e->port;
	return connect_to(e, &literal);
}

static enum frame_reset reason_of(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE ? FRAME_RESET_BUSY
									: FRAME_RESET_UNREACHABLE;
}

/* ---- Sealed end to end ---- */

static struct upstream_flow *sealed_by(struct upstream_flow_seal *seal)
{
	return container_of(seal->e2e.flow, struct upstream_flow, flow);
}

static void seal_accepted(struct upstream_flow_seal *seal)
{
	struct upstream_flow *e = sealed_by(seal);
	int r = begin(e);
	if (r < 0)
		end_fail(e, reason_of(r), strerror(-r));
}

static void seal_failed(struct upstream_flow_seal *seal, const char *why)
{
	struct upstream_flow *e = sealed_by(seal);
	publication_log_unsealed(e->pub, e->connection, &seal->open, why, loop_now(e->all->loop));
}

static void seal_dropped(struct upstream_flow_seal *seal)
{
	struct upstream_flow *e = sealed_by(seal);
	publication_log_dropped(e->pub, e->connection, &seal->open,
		"its client has not sent it, or it came before", loop_now(e->all->loop));
}

/* It begins when its consumer's key is accepted. 0 or -ENOMEM. */
static int begin_sealed(struct upstream_flow *e, struct client_keys *keys,
	const struct frame_open *open)
{
	e->seal = upstream_flow_seal_new(&e->flow, keys, e->pub, open);
	if (!e->seal)
		return -ENOMEM;
	e->seal->accepted = seal_accepted;
	e->seal->failed = seal_failed;
	e->seal->dropped = seal_dropped;
	return 0;
}

/* ---- The visitor ---- */

static void flow_received(struct flow *f, const uint8_t *p, size_t n)
{
	struct upstream_flow *e = container_of(f, struct upstream_flow, flow);
	timeout_start(&e->all->idle, &e->idle);
	flow_queue_heard(&e->all->queue, &e->place);
	if (e->udp.fd >= 0) {
		udp_send(&e->udp, NULL, NULL, p, n);
		return;
	}
	uint8_t size[2];
	bytes_set_be16(size, (uint16_t)n);
	if (buf_len(&e->early) + sizeof(size) + n > UPSTREAM_FLOWS_EARLY_MAX ||
		buf_reserve(&e->early, sizeof(size) + n) < 0) {
		e->udp.dropped++;
		return;
	}
	buf_append(&e->early, size, sizeof(size));
	buf_append(&e->early, p, n);
}

static void flow_closed(struct flow *f, enum frame_reset reason)
{
	end_over(container_of(f, struct upstream_flow, flow));
}

static const struct flow_ops flow_ops = {
	.received = flow_received,
	.closed = flow_closed,
};

/* ---- All of them ---- */

static void idle_expired(struct timeout_queue *queue, struct timeout *entry)
{
	end_abort(container_of(entry, struct upstream_flow, idle), FRAME_RESET_TIMEOUT);
}

int upstream_flows_init(struct upstream_flows *f, struct loop *loop, struct resolver *resolver,
	uint64_t idle)
{
	*f = (struct upstream_flows){.loop = loop, .resolver = resolver};
	flow_queue_init(&f->queue);
	timeout_queue_init(&f->idle, loop, idle, idle_expired);
	return 0;
}

static struct upstream_flow *victim(struct upstream_flows *f)
{
	struct flow_place *p =
		flow_queue_victim(&f->queue, UPSTREAM_FLOWS_UNANSWERED_SHARE, loop_now(f->loop));
	return p ? container_of(p, struct upstream_flow, place) : NULL;
}

void upstream_flows_end(struct upstream_flows *f)
{
	struct upstream_flow *e;
	while ((e = victim(f)))
		end_abort(e, FRAME_RESET_NONE);
}

void upstream_flows_deinit(struct upstream_flows *f)
{
	if (!f->loop)
		return;
	timeout_queue_deinit(&f->idle);
	f->arena = udp_arena_free(f->arena);
	f->loop = NULL;
}

struct stream *upstream_flows_open(struct upstream_flows *f, struct client_keys *keys,
	struct publication *pub, const struct frame_open *open, enum frame_reset *reason_out)
{
	*reason_out = FRAME_RESET_NO_MEMORY;
	if (!f->arena)
		f->arena = udp_arena_new();
	struct upstream_flow *e = f->arena ? calloc(1, sizeof(*e)) : NULL;
	if (!e)
		return NULL;
	if (flow_queue_count(&f->queue) >= UPSTREAM_FLOWS_MAX)
		end_abort(victim(f), FRAME_RESET_BUSY);
	e->all = f;
	e->pub = pub;
	e->port = publication_port(pub, open->service);
	e->connection = log_new_connection();
	if (open->link)
		log_debug_of(e->connection, "%s (link %u) opens a UDP flow to %s", open->consumer,
			open->link, pub->upstream.text);
	e->udp.fd = -1;
	flow_init(&e->flow, &flow_ops);
	e->flow.stream.counts = &pub->counts.bytes;
	timeout_init(&e->idle);
	loop_task_init(&e->reap, end_reap);
	int r = pub->own ? begin_sealed(e, keys, open) : begin(e);
	if (r < 0) {
		publication_log_failed(pub, e->connection, strerror(-r), loop_now(f->loop));
		*reason_out = reason_of(r);
		free(e);
		return NULL;
	}
	publication_ref(pub);
	timeout_start(&f->idle, &e->idle);
	flow_queue_add(&f->queue, &e->place, loop_now(f->loop));
	return &e->flow.stream;
}
