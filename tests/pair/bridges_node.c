/* SPDX-License-Identifier: MIT */
#include "bridges.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "server/control/enforce.h"
#include "server/control/session.h"
#include "server/link/link_accept.h"
#include "server/link/link_worker.h"
#include "server/link_events.h"
#include "server/private/private_worker.h"
#include "server/route/routing.h"

#define WAIT_MAX  (120 * CLOCK_S) /* a machine with nothing else to do needs a thousandth */
#define TICKS_MAX (3 * CLOCK_S / TICK)

static const struct server_options options = {
	.base_window = 65536,
	.max_window = 1 << 20,
	.max_streams = 1000,
	.max_handshakes = 100,
	.max_sessions = 100,
	.reconnect_grace = 60 * CLOCK_S,
	.visitor_idle = 75 * CLOCK_S,
	.visitor_stalled = 75 * CLOCK_S,
	.request_head_timeout = 10 * CLOCK_S,
	.request_head_limit = 16384,
	.response_head_timeout = 60 * CLOCK_S,
	.response_head_limit = 16384,
	.head_fields_limit = 100,
	.tls_handshake_timeout = 10 * CLOCK_S,
	.proxy_header_timeout = 10 * CLOCK_S,
	.kept_idle = CLOCK_S,
	.udp_idle = 60 * CLOCK_S,
	.max_flows = 100,
	.max_flows_per_visitor = 100,
	.max_private_streams = 1000,
	.max_visitors = 100,
	.max_visitors_per_address = 100,
	.max_waiting = 100,
	.max_waiting_per_address = 100,
	.max_ports = 8,
};

/* ---- Waiting ---- */

struct watch {
	struct loop_timer timer;
	struct bridges *b;
	bool (*until)(const struct bridges *b);
	bool reached, stands;
	size_t moved;
	unsigned ticks[2]; /* of both clients, when something moved last */
	uint64_t end;
};

/* Both clients have had so many turns, and nothing has moved: what a PING sets going is a lost wake-up too. */
static bool watch_stands(struct watch *w)
{
	const struct client *clients[] = {&w->b->consumer, &w->b->provider};
	size_t moved = clients[0]->moved + clients[1]->moved;
	bool stands = true;
	for (int i = 0; i < 2; i++) {
		if (moved != w->moved)
			w->ticks[i] = clients[i]->ticks;
		stands &= clients[i]->ticks - w->ticks[i] > TICKS_MAX;
	}
	w->moved = moved;
	return stands;
}

static void watch_look(struct loop_timer *timer)
{
	struct watch *w = container_of(timer, struct watch, timer);
	uint64_t now = loop_now(timer->loop);
	w->reached = w->until(w->b);
	w->stands = watch_stands(w);
	if (w->reached || w->stands || now >= w->end)
		loop_stop(timer->loop);
	else
		loop_timer_set(timer, now + CLOCK_MS);
}

/* What stands still, for whoever reads why it failed. */
static void show(const struct bridges *b)
{
	for (unsigned i = 0; i < TALKS; i++) {
		const struct talk *t = &b->talks[i];
		for (int side = 0; side < 2; side++) {
			const struct talk_end *e = side ? &t->far : &t->near;
			if (e->begun && !e->over)
				print_error("talk %u, %s: %s, gave %zu of %zu, got %zu, credit %u, "
					    "granted %u, queued %zu, ready %d\n",
					t->number, side ? "far" : "near",
					stream_state_name(e->stream.state), e->gave, e->script.give,
					e->got, e->stream.credit, e->stream.granted,
					e->stream.queued, e->stream.ready);
		}
	}
}

void bridges_wait(struct bridges *b, bool (*until)(const struct bridges *b), const char *what)
{
	struct loop *loop = b->node.workers[0]->loop;
	struct watch w = {.b = b, .until = until, .moved = SIZE_MAX, .end = clock_now() + WAIT_MAX};
	loop_timer_init(&w.timer, loop, watch_look);
	loop_timer_set(&w.timer, loop_now(loop));
	loop_run(loop);
	loop_timer_cancel(&w.timer);
	if (!w.reached) {
		show(b);
		fail_msg("seed %u: %s in vain: %s", b->seed,
			w.stands ? "nothing moves, and waited" : "waited", what);
	}
}

/* ---- What the registrar would do ---- */

static bool swept;

static void deny_run(struct attachment_sweep *s, struct worker *w);

/* Of the one identity that there is, at either end: seen from here, as whoever asked for the sweep is answered. */
static unsigned streams(const struct bridges *b)
{
	unsigned n = 0;
	for (unsigned i = 0; i < b->node.n_workers; i++)
		n += b->catalog.everybody->streams[i].n;
	return n;
}

static void sweep_done(struct attachment_sweep *s)
{
	if (s->ops->run == deny_run)
		assert_int_equal(streams(container_of(s, struct bridges, sweep)), 0);
	swept = true;
}

static bool is_swept(const struct bridges *b)
{
	return swept;
}

static void sweep(struct bridges *b, void (*run)(struct attachment_sweep *s, struct worker *w))
{
	struct attachment_sweep_ops ops = {.run = run, .done = sweep_done};
	swept = false;
	attachment_sweep_send(&b->sweep, &b->node, &ops);
	bridges_wait(b, is_swept, "a sweep to end");
}

static void attach_run(struct attachment_sweep *s, struct worker *w)
{
	struct bridges *b = container_of(s, struct bridges, sweep);
	const struct route *holder;
	for (unsigned i = 0; i < b->n_services; i++)
		assert_int_equal(service_shard_open(&b->services[i]->shards[w->index], w, &holder),
			0);
	for (unsigned i = 0; i < b->n_attachments; i++) {
		assert_int_equal(attachment_shard_open(&b->attachments[i], w), 0);
		attachment_shard_set(&b->attachments[i], w, ATTACHMENT_PASSES, false);
	}
}

static void detach_run(struct attachment_sweep *s, struct worker *w)
{
	struct bridges *b = container_of(s, struct bridges, sweep);
	for (unsigned i = 0; i < b->n_attachments; i++)
		attachment_shard_close(&b->attachments[i], w);
	for (unsigned i = 0; i < b->n_services; i++)
		service_shard_close(&b->services[i]->shards[w->index], w);
}

static void allow_run(struct attachment_sweep *s, struct worker *w)
{
	struct bridges *b = container_of(s, struct bridges, sweep);
	for (unsigned i = 0; i < b->n_attachments; i++)
		attachment_shard_set(&b->attachments[i], w, ATTACHMENT_PASSES, false);
}

static void deny_run(struct attachment_sweep *s, struct worker *w)
{
	struct bridges *b = container_of(s, struct bridges, sweep);
	for (unsigned i = 0; i < b->n_attachments; i++)
		s->cut +=
			attachment_shard_set(&b->attachments[i], w, ATTACHMENT_NO_APPROVAL, false);
}

/* Nobody may open one since the sweep. */
static void look_run(struct attachment_sweep *s, struct worker *w)
{
	struct bridges *b = container_of(s, struct bridges, sweep);
	unsigned left = 0;
	list_for_each (it, &w->private->near)
		left += !list_entry(it, struct bridge_end, link)->closed;
	list_for_each (it, &w->private->far)
		left += !list_entry(it, struct bridge_end, link)->closed;
	atomic_fetch_add(&b->left, left);
}

void bridges_set(struct bridges *b, bool usable)
{
	sweep(b, usable ? allow_run : deny_run);
	if (usable)
		return;
	atomic_fetch_add(&b->cuts, b->sweep.cut);
	atomic_store(&b->left, 0);
	sweep(b, look_run);
	assert_int_equal(b->left, 0);
}

static bool all_up(const struct bridges *b)
{
	unsigned n = 0;
	list_for_each (it, &b->registrar.sessions)
		n++;
	return n == b->consumer.n_links + b->provider.n_links;
}

/* Its services and attachments outlive its links here: what holds a session is that one more is to come. */
static void hold(struct session *s)
{
	s->n_coming++;
}

static void provide(struct bridges *b, struct session *s)
{
	struct control m = {.type = CONTROL_PUBLISH};
	m.publish.service = SERVICE;
	m.publish.kind = CONTROL_TCP;
	m.publish.host = "";
	m.publish.upstream = "tcp://127.0.0.1:7";
	m.publish.private_name = "echo";
	struct service *service = service_new(&s->base, &m);
	assert_non_null(service);
	strcpy(service->place, "echo");
	service->at = loop_now(b->node.workers[0]->loop);
	b->services[b->n_services++] = service;
}

static void consume(struct bridges *b, struct session *s)
{
	struct attachment *a = &b->attachments[b->n_attachments++];
	assert_int_equal(attachment_init(a, &s->base, ATTACHED, b->n_attachments, CONTROL_TCP,
				 "echo"),
		0);
}

static void attach(struct bridges *b)
{
	list_for_each (it, &b->registrar.sessions) {
		struct session *s = list_entry(it, struct session, link);
		hold(s);
		if (s->instance[0] == 'p')
			provide(b, s);
		else
			consume(b, s);
	}
	sweep(b, attach_run);
}

static struct session *session_with(struct session_base *base)
{
	return container_of(base, struct session, base);
}

static void let_go(struct session *s)
{
	s->n_coming--;
	if (s->ended)
		session_end(s);
}

void bridges_detach(struct bridges *b)
{
	sweep(b, detach_run);
	for (unsigned i = 0; i < b->n_services; i++) {
		struct session *s = session_of(b->services[i]);
		service_release(b->services[i]);
		let_go(s);
	}
	for (unsigned i = 0; i < b->n_attachments; i++) {
		struct session *s = session_with(b->attachments[i].session);
		attachment_deinit(&b->attachments[i]);
		let_go(s);
	}
	b->n_services = b->n_attachments = 0;
}

unsigned bridges_live(const struct bridges *b)
{
	return limits_count((struct limits *)&b->node.limits, LIMITS_BRIDGES);
}

/* ---- Its life ---- */

static void accept_link(struct bridges *b, struct client *c, unsigned i)
{
	struct address peer = {.family = ADDRESS_V4, .bytes = {127, 0, 0, 1}, .port = 4000};
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
		0);
	struct half_open_slot *slot = server_link_admit(b->node.workers[0], 1, &peer);
	assert_non_null(slot);
	server_link_accept(b->node.workers[0], 1, DETACHED_CONN_OF(fds[0]), slot, &peer, "", 0);
	snprintf((char *)c->instances[i], CONTROL_INSTANCE, "%c%u", c->consumes ? 'c' : 'p', i);
	c->fds[i] = fds[1];
}

void bridges_open(struct bridges *b, const struct bridges_config *config)
{
	static const uint8_t salt[TOKEN_SALT_SIZE];
	static char control_path[] = "/link";
	struct error err;
	assert_int_equal(crypto_start(), 0);
	b->options = options;
	b->options.workers = config->workers;
	b->options.control_path = control_path;
	b->options.memory_budget = config->memory_budget * config->workers;
	b->node.salt = salt;
	b->node.public_name = "exit.example:9090";
	b->node.registrar = &b->registrar;
	b->node.link_ops = &link_events;
	memset(&b->key, 0x77, sizeof(b->key));
	assert_int_equal(node_limits_init(&b->node, &b->options, link_worker_evict), 0);
	assert_int_equal(workers_init(&b->workers, &b->node, &b->options), 0);
	assert_int_equal(catalog_init(&b->catalog), 0);
	assert_int_equal(catalog_add_token(&b->catalog, &b->key, false, &err), 0);
	registrar_init(&b->registrar, &b->node, &b->catalog);
	assert_int_equal(enforce_init(&b->registrar), 0);
	assert_int_equal(workers_run(&b->workers), 0);
	client_start(&b->consumer, b, true, config->consumer_links);
	client_start(&b->provider, b, false, config->provider_links);
	for (unsigned i = 0; i < config->consumer_links; i++)
		accept_link(b, &b->consumer, i);
	for (unsigned i = 0; i < config->provider_links; i++)
		accept_link(b, &b->provider, i);
	client_order(&b->consumer, client_connect);
	client_order(&b->provider, client_connect);
	bridges_wait(b, all_up, "links to come up");
	attach(b);
}

static bool all_gone(const struct bridges *b)
{
	return list_empty(&b->registrar.sessions) &&
	       !limits_count((struct limits *)&b->node.limits, LIMITS_LINK);
}

static bool no_bridge(const struct bridges *b)
{
	return bridges_live(b) == 0;
}

static void look_at_memory(const struct bridges *b)
{
	for (unsigned i = 0; i < b->node.n_workers; i++) {
		const struct worker *w = b->node.workers[i];
		assert_true(list_empty(&w->private->near));
		assert_true(list_empty(&w->private->far));
		assert_int_equal(w->budget.sum.held, 0);
		assert_int_equal(w->budget.sum.promised, 0);
	}
}

void bridges_close(struct bridges *b)
{
	bridges_detach(b);
	bridges_wait(b, no_bridge, "bridges to go");
	client_order(&b->consumer, client_hang_up);
	client_order(&b->provider, client_hang_up);
	bridges_wait(b, all_gone, "sessions and links to go");
	client_stop(&b->consumer);
	client_stop(&b->provider);
	workers_stop(&b->workers);
	look_at_memory(b);
	workers_close(&b->workers);
	enforce_deinit(&b->registrar);
	registrar_deinit(&b->registrar);
	workers_deinit(&b->workers);
	for (int kind = 0; kind < LIMITS_KINDS; kind++)
		assert_int_equal(limits_count(&b->node.limits, (enum limits_kind)kind), 0);
	node_limits_deinit(&b->node);
	catalog_deinit(&b->catalog);
}
