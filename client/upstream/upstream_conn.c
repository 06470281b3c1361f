/* SPDX-License-Identifier: MIT */
#include "client/upstream/upstream_conn.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/state.h"
#include "client/inspector/inspector_tap.h"
#include "client/publish/publication_log.h"
#include "client/upstream/first_answer.h"
#include "client/upstream/upstream_dial.h"
#include "client/upstream/upstream_seal.h"
#include "net/relay.h"

/*
 * SEALING until its consumer's key is accepted, where it is sealed end to end. QUEUED for a place under its service's --max-connections, which it keeps to its end; WAITING for its turn at
 * the queue of dials, where it has a slot until it relays.
 */
enum upstream_conn_state {
	UPSTREAM_CONN_SEALING,
	UPSTREAM_CONN_QUEUED,
	UPSTREAM_CONN_WAITING,
	UPSTREAM_CONN_DIALLING,
	UPSTREAM_CONN_RELAYING,
	UPSTREAM_CONN_OVER
};

/* One stream. */
struct upstream_conn {
	struct relay relay;
	struct upstream_conns *all;
	struct publication *pub;    /* counted */
	struct upstream_seal *seal; /* NULL: as it comes */
	struct inspector_tap *tap;  /* NULL: nobody looks at its requests */
	enum upstream_conn_state state;
	uint64_t connection;    /* log_new_connection() */
	struct fair_slot place; /* of publication::connections */
	struct dial_turn turn;
	struct timeout timeout; /* until it may dial; then for --tcp-idle */
	uint64_t opened;        /* µs, when it began to wait for its turn to dial */
	bool queued;            /* had to wait for other dials to end */
	struct frame_open open;
	struct upstream_dial dial;
	struct loop_task reap;
};

/*
 * Whose share of the queues and of the memory it has: the visitor's address; or the consumer of a private
 * service, whose streams come from one address of the exit node's choosing for all behind it, as an address
 * that nobody has, one /64 of 100::/32 (RFC 6666 has its first) for each link id.
 */
static struct address party_of(const struct frame_open *open)
{
	if (!open->link)
		return frame_addr_address(&open->visitor);
	struct address a = {.family = ADDRESS_V6, .bytes = {0x01}};
	bytes_set_be32(a.bytes + 4, open->link);
	return a;
}

static void upstream_conn_reap(struct loop_task *task)
{
	struct upstream_conn *c = container_of(task, struct upstream_conn, reap);
	upstream_seal_free(c->seal);
	publication_unref(c->pub);
	free(c);
}

/* Every legal transition; anything else is a bug of ours. */
static void upstream_conn_set_state(struct upstream_conn *c, enum upstream_conn_state state)
{
	static const char *const names[] = {"sealing", "queued", "waiting", "dialling", "relaying",
		"over"};
	static const uint8_t legal[] = {
		[UPSTREAM_CONN_SEALING] = 1 << UPSTREAM_CONN_QUEUED | 1 << UPSTREAM_CONN_OVER,
		[UPSTREAM_CONN_QUEUED] = 1 << UPSTREAM_CONN_WAITING | 1 << UPSTREAM_CONN_OVER,
		[UPSTREAM_CONN_WAITING] = 1 << UPSTREAM_CONN_DIALLING | 1 << UPSTREAM_CONN_OVER,
		[UPSTREAM_CONN_DIALLING] = 1 << UPSTREAM_CONN_RELAYING | 1 << UPSTREAM_CONN_OVER,
		[UPSTREAM_CONN_RELAYING] = 1 << UPSTREAM_CONN_OVER,
		[UPSTREAM_CONN_OVER] = 0,
	};
	static const struct state_table table = {"connection to an upstream", names, legal};
	state_step(&table, c->state, state);
	c->state = state;
}

void dial_turn_leave(struct upstream_conns *all, struct dial_turn *turn)
{
	bool inside = turn->slot.state == FAIR_SLOT_INSIDE;
	fair_queue_leave(&all->dials, &turn->slot);
	if (inside && all->dials.waiting)
		loop_defer(all->loop, LOOP_PHASE_WRITE, &all->admit);
}

int dial_turn_wait(struct upstream_conns *all, struct dial_turn *turn,
	const struct address *visitor, struct publication *pub)
{
	loop_defer(all->loop, LOOP_PHASE_WRITE, &all->admit);
	return fair_queue_enter(&all->dials, &turn->slot, visitor, &pub->dials);
}

static void dial_turn_admitted(struct fair_queue *q, struct fair_slot *slot)
{
	struct dial_turn *turn = container_of(slot, struct dial_turn, slot);
	turn->admitted(turn);
}

/* Who is queued for it may get a place at the end of the turn. */
static void upstream_conns_due(struct upstream_conns *all, struct publication *pub)
{
	if (!list_linked(&pub->due))
		list_append(&all->due, &pub->due);
	loop_defer(all->loop, LOOP_PHASE_WRITE, &all->admit);
}

/* So is its place at the upstream. */
static void upstream_conn_leave_place(struct upstream_conn *c)
{
	struct fair_queue *connections = &c->pub->connections;
	bool inside = c->place.state == FAIR_SLOT_INSIDE;
	fair_queue_leave(connections, &c->place);
	if (inside && connections->waiting)
		upstream_conns_due(c->all, c->pub);
}

/* The stream is closed, whoever closed it. Its memory goes when nothing of this turn looks at it. */
static void upstream_conn_end(struct upstream_conn *c)
{
	struct upstream_conns *all = c->all;
	timeout_cancel(&c->timeout);
	if (c->state == UPSTREAM_CONN_DIALLING)
		upstream_dial_cancel(&c->dial);
	upstream_conn_set_state(c, UPSTREAM_CONN_OVER);
	dial_turn_leave(all, &c->turn);
	upstream_conn_leave_place(c);
	c->relay.tap = NULL;
	c->tap = inspector_tap_free(c->tap);
	all->n--;
	loop_defer(all->loop, LOOP_PHASE_REAP, &c->reap);
}

static void upstream_conn_ended(struct relay *relay, enum frame_reset reason)
{
	upstream_conn_end(container_of(relay, struct upstream_conn, relay));
}

/* Whether its requests are captured: what reads along reads HTTP/1.1. */
static bool upstream_conn_shown(const struct upstream_conn *c)
{
	const struct upstream *u = &c->pub->upstream;
	return c->all->inspector && u->kind == CONTROL_HTTP && !u->url.h2;
}

/* A request that found no upstream is what a developer looks for first. */
static void upstream_conn_refuse(struct upstream_conn *c, enum frame_reset reason, const char *why)
{
	const struct capture_facts facts = {.service = c->open.service,
		.visitor = frame_addr_address(&c->open.visitor),
		.opened = c->opened};
	if (upstream_conn_shown(c) && !c->tap && !c->seal)
		inspector_tap_failed(c->all->inspector, &facts, &c->relay.stream, why);
	relay_abort(&c->relay, reason);
	upstream_conn_end(c);
}

static void upstream_conn_fail(struct upstream_conn *c, enum frame_reset reason, const char *why)
{
	publication_log_failed(c->pub, c->connection, why, loop_now(c->all->loop));
	upstream_conn_refuse(c, reason, why);
}

/* For its service's --tcp-idle. Requests have times of the exit node's. */
static int upstream_conn_watch(struct upstream_conn *c)
{
	uint64_t time = c->pub->upstream.limits.tcp_idle;
	if (!time || c->open.kind != FRAME_KIND_TCP || c->state != UPSTREAM_CONN_RELAYING)
		return 0;
	return idle_watch(&c->all->idle, &c->timeout, time);
}

static void upstream_conn_heard(struct relay *relay, const uint8_t *p, size_t n)
{
	const struct upstream_conn *c = container_of(relay, struct upstream_conn, relay);
	struct error err;
	uint16_t port = publication_port(c->pub, c->open.service);
	if (first_answer_wrong(&c->pub->upstream, port, p, n, &err))
		publication_log_wrong(c->pub, c->connection, err.text, loop_now(c->all->loop));
}

/* Where memory is out it goes on unseen. */
static void upstream_conn_inspect(struct upstream_conn *c)
{
	struct upstream_conns *all = c->all;
	struct capture_facts facts = {.service = c->open.service,
		.visitor = frame_addr_address(&c->open.visitor),
		.opened = c->opened,
		.dialled = loop_now(all->loop)};
	c->tap = inspector_tap_new(all->inspector, &facts);
	c->relay.tap = c->tap ? &c->tap->tap : NULL;
}

static void upstream_conn_connected(struct upstream_conn *c, struct detached_conn detached)
{
	upstream_conn_set_state(c, UPSTREAM_CONN_RELAYING);
	dial_turn_leave(c->all, &c->turn);
	if (upstream_conn_shown(c))
		upstream_conn_inspect(c);
	if (relay_connect(&c->relay, detached) < 0 || upstream_conn_watch(c) < 0)
		upstream_conn_fail(c, FRAME_RESET_NO_MEMORY, "out of memory");
}

static void dial_connected(struct upstream_dial *dial, struct detached_conn detached)
{
	struct upstream_conn *c = container_of(dial, struct upstream_conn, dial);
	publication_dialled(c->pub, loop_now(c->all->loop) - c->opened);
	upstream_conn_connected(c, detached);
}

/* Of one deadline, most went by before its turn came. */
static void dial_failed(struct upstream_dial *dial, enum frame_reset reason, const char *why)
{
	struct upstream_conn *c = container_of(dial, struct upstream_conn, dial);
	bool busy = reason == FRAME_RESET_DIAL_TIMEOUT && c->queued;
	publication_not_dialled(c->pub, why);
	upstream_conn_fail(c, busy ? FRAME_RESET_BUSY : reason, why);
}

static void upstream_conn_admitted(struct dial_turn *turn)
{
	struct upstream_conn *c = container_of(turn, struct upstream_conn, turn);
	struct upstream_conns *all = c->all;
	timeout_cancel(&c->timeout);
	c->queued = loop_now(all->loop) - c->opened > all->dial_timeout / 2;
	upstream_conn_set_state(c, UPSTREAM_CONN_DIALLING);
	c->dial = (struct upstream_dial){
		.loop = all->loop,
		.resolver = all->resolver,
		.files = &all->files,
		.pub = c->pub,
		.open = &c->open,
		.connection = c->connection,
		.deadline = c->opened + all->dial_timeout,
		.connected = dial_connected,
		.failed = dial_failed,
	};
	upstream_dial_start(&c->dial);
}

static void upstream_conn_impatient(struct timeout_queue *queue, struct timeout *entry)
{
	upstream_conn_fail(container_of(entry, struct upstream_conn, timeout), FRAME_RESET_BUSY,
		"too many connections to it are being opened");
}

/* ---- Before it may dial ---- */

static int upstream_conn_wait(struct upstream_conn *c)
{
	struct upstream_conns *all = c->all;
	struct address visitor = party_of(&c->open);
	upstream_conn_set_state(c, UPSTREAM_CONN_WAITING);
	c->opened = loop_now(all->loop);
	timeout_start(&all->waiting, &c->timeout);
	return dial_turn_wait(all, &c->turn, &visitor, c->pub);
}

/* There is a place for it at its upstream. */
static void upstream_conn_placed(struct fair_queue *q, struct fair_slot *slot)
{
	struct upstream_conn *c = container_of(slot, struct upstream_conn, place);
	if (upstream_conn_wait(c) < 0)
		upstream_conn_fail(c, FRAME_RESET_NO_MEMORY, "out of memory");
}

static void upstream_conn_turn_away(struct upstream_conn *c, const char *why)
{
	publication_log_rejected(c->pub, c->connection, &c->open, why, loop_now(c->all->loop));
	relay_abort(&c->relay, FRAME_RESET_BUSY);
	upstream_conn_end(c);
}

static void upstream_conn_queued_in_vain(struct timeout_queue *queue, struct timeout *entry)
{
	upstream_conn_turn_away(container_of(entry, struct upstream_conn, timeout),
		"no connection ended within --queue-timeout");
}

static void upstream_conn_displaced(struct fair_queue *q, struct fair_slot *slot)
{
	upstream_conn_turn_away(container_of(slot, struct upstream_conn, place),
		"the queue is full, mostly of connections from this address");
}

/* Behind those who came before. 0, or -EBUSY or -ENOMEM. */
static int upstream_conn_queue(struct upstream_conn *c)
{
	struct upstream_conns *all = c->all;
	struct publication *pub = c->pub;
	struct address visitor = party_of(&c->open);
	publication_count(pub, upstream_conn_placed, upstream_conn_displaced);
	int r = fair_queue_enter(&pub->connections, &c->place, &visitor, NULL);
	if (r == -EBUSY)
		publication_log_rejected(pub, c->connection, &c->open, "the queue is full",
			loop_now(all->loop));
	if (r < 0)
		return r;
	timeout_start(&all->queued, &c->timeout);
	upstream_conns_due(all, pub);
	return 0;
}

/* 0, or -EBUSY or -ENOMEM. */
static int upstream_conn_begin(struct upstream_conn *c)
{
	return publication_is_limited(c->pub) ? upstream_conn_queue(c) : upstream_conn_wait(c);
}

/* ---- Sealed end to end ---- */

static void seal_accepted(struct upstream_seal *seal)
{
	struct upstream_conn *c = container_of(seal->e2e.relay, struct upstream_conn, relay);
	timeout_cancel(&c->timeout);
	upstream_conn_set_state(c, UPSTREAM_CONN_QUEUED);
	int r = upstream_conn_begin(c);
	if (r == -EBUSY) {
		relay_abort(&c->relay, FRAME_RESET_BUSY);
		upstream_conn_end(c);
	} else if (r < 0) {
		upstream_conn_fail(c, FRAME_RESET_NO_MEMORY, "out of memory");
	}
}

static void seal_failed(struct upstream_seal *seal, const char *why)
{
	const struct upstream_conn *c = container_of(seal->e2e.relay, struct upstream_conn, relay);
	publication_log_unsealed(c->pub, c->connection, &c->open, why, loop_now(c->all->loop));
}

/* It begins when its consumer's key is accepted. 0 or -ENOMEM. */
static int upstream_conn_seal(struct upstream_conn *c)
{
	struct upstream_conns *all = c->all;
	c->seal = upstream_seal_new(&c->relay, all->keys, c->pub, &c->open);
	if (!c->seal)
		return -ENOMEM;
	c->state = UPSTREAM_CONN_SEALING;
	c->seal->accepted = seal_accepted;
	c->seal->failed = seal_failed;
	timeout_start(&all->sealing, &c->timeout);
	return 0;
}

static void upstream_conn_unsealed(struct timeout_queue *queue, struct timeout *entry)
{
	struct upstream_conn *c = container_of(entry, struct upstream_conn, timeout);
	publication_log_unsealed(c->pub, c->connection, &c->open,
		"its client has not begun to seal it", loop_now(c->all->loop));
	relay_abort(&c->relay, FRAME_RESET_TIMEOUT);
	upstream_conn_end(c);
}

void upstream_conns_limits_changed(struct upstream_conns *all)
{
	for (size_t i = 0; i < all->publications->n; i++) {
		struct publication *pub = all->publications->v[i];
		if (pub->connections.waiting)
			upstream_conns_due(all, pub);
	}
}

/* ---- Silence ---- */

static uint64_t upstream_conn_moved(struct timeout *entry)
{
	return relay_moved(&container_of(entry, struct upstream_conn, timeout)->relay);
}

static void upstream_conn_silent(struct timeout *entry)
{
	struct upstream_conn *c = container_of(entry, struct upstream_conn, timeout);
	log_debug_of(c->connection,
		"a connection to %s carried nothing for --tcp-idle and is reset",
		c->pub->upstream.text);
	relay_abort(&c->relay, FRAME_RESET_TIMEOUT);
	upstream_conn_end(c);
}

/* ---- All of them ---- */

static void upstream_conns_admit(struct loop_task *task)
{
	struct upstream_conns *all = container_of(task, struct upstream_conns, admit);
	list_for_each_safe (it, &all->due) {
		list_unlink(it);
		fair_queue_admit(&list_entry(it, struct publication, due)->connections);
	}
	fair_queue_set_shared(&all->dials, all->publications->n > 1);
	fair_queue_admit(&all->dials);
}

int upstream_conns_init(struct upstream_conns *all, struct loop *loop, struct resolver *resolver,
	const struct publications *publications, const struct client_options *options)
{
	*all = (struct upstream_conns){
		.loop = loop,
		.resolver = resolver,
		.publications = publications,
		.dial_timeout = options->dial_timeout,
	};
	loop_task_init(&all->admit, upstream_conns_admit);
	timeout_queue_init(&all->waiting, loop, options->dial_timeout, upstream_conn_impatient);
	timeout_queue_init(&all->sealing, loop, options->dial_timeout, upstream_conn_unsealed);
	timeout_queue_init(&all->queued, loop, options->queue_timeout,
		upstream_conn_queued_in_vain);
	idle_init(&all->idle, loop, upstream_conn_moved, upstream_conn_silent);
	list_init(&all->due);
	fair_queue_init(&all->dials, options->max_dials, options->max_dials_per_visitor,
		dial_turn_admitted);
	file_server_init(&all->files, loop);
	return upstream_flows_init(&all->flows, loop, resolver, options->udp_idle);
}

void upstream_conns_deinit(struct upstream_conns *all)
{
	if (!all->loop)
		return;
	upstream_flows_deinit(&all->flows);
	file_server_deinit(&all->files);
	loop_task_cancel(&all->admit);
	timeout_queue_deinit(&all->waiting);
	timeout_queue_deinit(&all->sealing);
	timeout_queue_deinit(&all->queued);
	idle_deinit(&all->idle);
	while (!list_empty(&all->due))
		list_unlink(all->due.next);
	fair_queue_deinit(&all->dials);
	all->loop = NULL;
}

/*
 * The dial begins behind this turn's reading, so that a stream whose RESET came in the same read as
 * its OPEN is never dialled (rule 25).
 */
static struct stream *upstream_conn_open(struct upstream_conns *all, struct publication *pub,
	const struct frame_open *open, enum frame_reset *reason_out)
{
	*reason_out = FRAME_RESET_NO_MEMORY;
	struct upstream_conn *c = malloc(sizeof(*c));
	if (!c)
		return NULL;
	c->all = all;
	c->connection = log_new_connection();
	c->seal = NULL;
	c->tap = NULL;
	c->state = UPSTREAM_CONN_QUEUED;
	c->open = *open;
	relay_init(&c->relay, all->loop, open->kind == FRAME_KIND_HTTP, upstream_conn_ended);
	struct address visitor = party_of(open);
	c->relay.stream.group = address_network(&visitor);
	c->relay.stream.counts = &pub->counts.bytes;
	if (first_answer_tells(&pub->upstream))
		relay_hear(&c->relay, upstream_conn_heard);
	fair_slot_init(&c->place);
	fair_slot_init(&c->turn.slot);
	c->turn.admitted = upstream_conn_admitted;
	timeout_init(&c->timeout);
	loop_task_init(&c->reap, upstream_conn_reap);
	c->pub = publication_ref(pub);
	if (open->link)
		log_debug_of(c->connection, "%s (link %u) opens a connection to %s", open->consumer,
			open->link, pub->upstream.text);
	all->n++;
	int r = pub->own ? upstream_conn_seal(c) : upstream_conn_begin(c);
	if (r == 0)
		return &c->relay.stream;
	*reason_out = r == -EBUSY ? FRAME_RESET_BUSY : FRAME_RESET_NO_MEMORY;
	upstream_conn_end(c);
	return NULL;
}

struct stream *upstream_conns_open(struct upstream_conns *all, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct publication *pub = publications_find(all->publications, open->service);
	if (!pub || !publication_takes(pub, open->kind)) {
		*reason_out = FRAME_RESET_UNKNOWN_SERVICE;
		return NULL;
	}
	/* Who it is for the exit node says; without that there is nobody whose key it could be. */
	if (pub->own && !open->link) {
		*reason_out = FRAME_RESET_DENIED;
		return NULL;
	}
	if (open->kind == FRAME_KIND_UDP)
		return upstream_flows_open(&all->flows, all->keys, pub, open, reason_out);
	return upstream_conn_open(all, pub, open, reason_out);
}
