/*
 * A node of several workers and its registrar, all on one thread: the test decides which worker has its
 * turn, so what the threads may interleave is tried in the orders that are hard. Links are real but their
 * handshakes are not: the test says what came of them.
 */
#include "server/base/node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "server/control/registrar.h"
#include "server/control/session.h"
#include "server/link_events.h"
#include "server/link/link_accept.h"
#include "server/link/link_worker.h"
#include "server/route/balance.h"
#include "server/workers.h"

#define WORKERS 3
#define TURNS   20 /* of each worker: more than any mail goes back and forth */

static const struct keyring_entry alice = {.identity = "alice"}, bob = {.identity = "bob"};

static struct server_options options = {
	.base_window = 65536,
	.max_window = 1 << 20,
	.max_streams = 100,
	.max_handshakes = 100,
	.max_sessions = 100,
	.memory_budget = 1 << 20,
	.reconnect_grace = 5 * CLOCK_S,
	.visitor_idle = CLOCK_S,
	.kept_idle = CLOCK_S,
	.udp_idle = CLOCK_S,
	.workers = WORKERS,
};

struct house {
	struct node node;
	struct workers workers;
	struct registrar registrar;
	int peers[16]; /* the other ends of links */
	size_t n_peers;
};

static void nothing(struct loop_task *task)
{
}

/* One turn that does not wait. */
static void turn(struct house *h, unsigned worker)
{
	struct loop *loop = h->node.workers[worker]->loop;
	struct loop_task task;
	loop_task_init(&task, nothing);
	loop_defer(loop, LOOP_PHASE_READ, &task);
	loop_turn(loop);
}

static void settle(struct house *h)
{
	for (unsigned i = 0; i < TURNS * WORKERS; i++)
		turn(h, i % WORKERS);
}

static int house_open(void **state)
{
	static const uint8_t salt[TOKEN_SALT_SIZE];
	struct house *h = calloc(1, sizeof(*h));
	assert_int_equal(crypto_start(), 0);
	h->node.salt = salt;
	h->node.public_name = "exit.example:9090";
	h->node.registrar = &h->registrar;
	h->node.link_ops = &link_events;
	node_limits_init(&h->node, link_worker_evict);
	assert_int_equal(workers_init(&h->workers, &h->node, &options), 0);
	registrar_init(&h->registrar, &h->node);
	*state = h;
	return 0;
}

/* As the server does it; and whatever the test left, nothing may be counted any more. */
static int house_close(void **state)
{
	struct house *h = *state;
	struct node *n = &h->node;
	workers_close(&h->workers);
	registrar_deinit(&h->registrar);
	workers_deinit(&h->workers);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(n->links[i], 0);
	for (int kind = 0; kind < LIMITS_KINDS; kind++)
		assert_int_equal(limits_count(&n->limits, (enum limits_kind)kind), 0);
	assert_int_equal(half_open_count(&n->half_open), 0);
	node_limits_deinit(n);
	while (h->n_peers)
		close(h->peers[--h->n_peers]);
	free(h);
	return 0;
}

/* ---- Clients ---- */

/* A link that has come up, on whichever worker it was placed; `resume` may be NULL. */
static struct server_link *dial(struct house *h, const struct keyring_entry *who,
	const char *instance, const uint8_t *resume)
{
	struct address peer = {.family = ADDRESS_V4, .bytes = {192, 0, 2, 1}, .port = 4000};
	struct server_link *l = NULL;
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	h->peers[h->n_peers++] = fds[1];
	struct half_open_slot *slot = server_link_admit(h->node.workers[0], &peer);
	assert_non_null(slot);
	server_link_accept(h->node.workers[0], DETACHED_CONN_OF(fds[0]), slot, &peer, "", 0);
	settle(h);
	for (unsigned i = 0; i < WORKERS && !l; i++)
		list_for_each (it, &h->node.workers[i]->link->links) {
			struct server_link *other = list_entry(it, struct server_link, link);
			l = other->state == SERVER_LINK_HANDSHAKING ? other : l;
		}
	assert_non_null(l);
	l->identity = who;
	l->io.link.handshake.state = HANDSHAKE_DONE;
	random_bytes(l->io.link.handshake.hash, HANDSHAKE_HASH_SIZE);
	struct control hello = {.type = CONTROL_HELLO, .hello.version = "test"};
	snprintf((char *)hello.hello.instance, CONTROL_INSTANCE, "%s", instance);
	hello.hello.resume_given = resume;
	if (resume)
		memcpy(hello.hello.resume, resume, CONTROL_SECRET);
	l->io.link.ops->up(&l->io.link, &hello);
	return l;
}

static void say(struct server_link *l, struct control m)
{
	l->io.link.ops->control(&l->io.link, &m);
}

static void publish(struct server_link *l, uint32_t number, const char *host)
{
	struct control m = {.type = CONTROL_PUBLISH};
	m.publish.service = number;
	m.publish.kind = CONTROL_HTTP;
	m.publish.host = host;
	m.publish.upstream = "http://127.0.0.1:3000";
	say(l, m);
}

static void withdraw(struct server_link *l, uint32_t number)
{
	struct control m = {.type = CONTROL_WITHDRAW, .withdraw.service = number};
	say(l, m);
}

static void hang_up(struct server_link *l)
{
	link_close(&l->io.link, LINK_END_LOCAL, "the test ends it");
}

static struct session *only_session(struct house *h)
{
	struct session *s = list_first(&h->registrar.sessions, struct session, link);
	assert_non_null(s);
	assert_ptr_equal(s->link.next, &h->registrar.sessions);
	return s;
}

/* The first shard of the name on that worker, or NULL. */
static struct service_shard *service_shard_at(struct house *h, unsigned worker, const char *host)
{
	struct worker *w = h->node.workers[worker];
	struct route *route = routes_find(&w->routing->names, str_from(host), loop_now(w->loop));
	struct route_entry *e =
		route ? list_first(&route->entries, struct route_entry, link) : NULL;
	return e ? container_of(e, struct service_shard, entry) : NULL;
}

static unsigned workers_with(struct house *h, const char *host)
{
	unsigned n = 0;
	for (unsigned i = 0; i < WORKERS; i++)
		n += service_shard_at(h, i, host) != NULL;
	return n;
}

static unsigned usable(const struct session *s)
{
	unsigned n = 0;
	for (unsigned i = 0; i < WORKERS; i++)
		n += s->base.shards[i].usable;
	return n;
}

/* ---- Broadcasts ---- */

struct walk {
	struct broadcast broadcast;
	char *log;
	char name;
};

static void walk_run(struct broadcast *r, struct worker *w)
{
	struct walk *walk = container_of(r, struct walk, broadcast);
	sprintf(walk->log + strlen(walk->log), "%c%u ", walk->name, w->index);
}

static void walk_done(struct broadcast *r)
{
	struct walk *walk = container_of(r, struct walk, broadcast);
	sprintf(walk->log + strlen(walk->log), "%c. ", walk->name);
}

static const struct broadcast_ops walk_ops = {.run = walk_run, .done = walk_done};

static void test_round(void **state)
{
	struct house *h = *state;
	char log[100] = "";
	struct walk a = {.log = log, .name = 'a'}, b = {.log = log, .name = 'b'};
	broadcast_send(&a.broadcast, &h->node, &walk_ops);
	assert_string_equal(log, "a0 "); /* home never comes from within */
	turn(h, 2);
	assert_string_equal(log, "a0 ");
	broadcast_send(&b.broadcast, &h->node, &walk_ops);
	settle(h);
	assert_string_equal(log, "a0 b0 a1 b1 a2 b2 a. b. ");
}

/* ---- What is published ---- */

static void test_publish(void **state)
{
	struct house *h = *state;
	struct server_link *l = dial(h, &alice, "one", NULL);
	publish(l, 1, "a.example");
	settle(h);
	assert_int_equal(workers_with(h, "a.example"), WORKERS);
	assert_int_equal(usable(only_session(h)), 1);
	withdraw(l, 1);
	settle(h);
	assert_int_equal(workers_with(h, "a.example"), 0);
	assert_int_equal(only_session(h)->n_services, 0);
	hang_up(l);
	settle(h);
	assert_true(list_empty(&h->registrar.sessions));
}

/* Whoever looks for a way on any worker, at any moment, finds sessions that are there. */
static void look_everywhere(struct house *h, const char *host)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		struct service_shard *shard = service_shard_at(h, i, host);
		struct route_found found;
		if (shard)
			route_pick(h->node.workers[i], shard->entry.route, NULL, false, &found);
	}
}

/* The session ends while what it published is on its first broadcast: before each of its stations. */
static void test_end_on_the_way(void **state)
{
	struct house *h = *state;
	for (unsigned stations = 0; stations <= WORKERS; stations++) {
		struct server_link *l = dial(h, &alice, "one", NULL);
		unsigned done = l->worker->index;
		publish(l, 1, "a.example");
		turn(h, 0);
		assert_int_equal(workers_with(h, "a.example"), 1);
		for (unsigned i = 1; i <= stations && i < WORKERS; i++)
			turn(h, i);
		hang_up(l);
		for (unsigned i = 0; i < 3; i++) {
			turn(h, done);
			turn(h, 0);
			look_everywhere(h, "a.example");
		}
		for (unsigned i = 0; i < TURNS * WORKERS; i++) {
			turn(h, WORKERS - 1 - i % WORKERS);
			look_everywhere(h, "a.example");
		}
		assert_true(list_empty(&h->registrar.sessions));
		assert_int_equal(workers_with(h, "a.example"), 0);
	}
}

/* What is under way goes on over a service that is withdrawn, which lasts as long. */
static void test_outstanding(void **state)
{
	struct house *h = *state;
	struct server_link *l = dial(h, &alice, "one", NULL);
	publish(l, 1, "a.example");
	settle(h);
	struct service_shard *one = service_shard_at(h, 1, "a.example"),
			     *two = service_shard_at(h, 2, "a.example");
	struct service *service = one->service;
	service_shard_began(one);
	service_shard_began(one);
	service_shard_began(two);
	withdraw(l, 1);
	settle(h);
	assert_int_equal(workers_with(h, "a.example"), 0);
	assert_true(one->gone && two->gone && !service->shards[0].gone);
	assert_int_equal(service->holds, 2); /* the registrar has let go of it */
	service_shard_finished(one);
	assert_int_equal(service->holds, 2);
	service_shard_finished(one);
	assert_int_equal(service->holds, 1);
	assert_string_equal(service->upstream, "http://127.0.0.1:3000");
	service_shard_finished(two);
}

/* A name is free on all workers when it is on the first, whatever their clocks say. */
static void test_one_time(void **state)
{
	struct house *h = *state;
	dial(h, &alice, "one", NULL);
	publish(dial(h, &alice, "one", NULL), 1, "a.example");
	settle(h);
	publish(dial(h, &bob, "two", NULL), 1, "b.example");
	settle(h);
	struct service *was = service_shard_at(h, 0, "a.example")->service;
	struct service *now = service_shard_at(h, 0, "b.example")->service;
	uint64_t lost = was->at + 1000 * CLOCK_S;
	const struct route *holder;
	was->at = lost;
	for (unsigned i = 0; i < WORKERS; i++)
		service_shard_close(&was->shards[i], h->node.workers[i]);
	for (unsigned i = 0; i < WORKERS; i++)
		service_shard_close(&now->shards[i], h->node.workers[i]);
	strcpy(now->place, "a.example");
	for (unsigned i = 0; i < WORKERS; i++) {
		now->at = lost + options.reconnect_grace - 1;
		assert_int_equal(service_shard_open(&now->shards[i], h->node.workers[i], &holder),
			ROUTES_TAKEN);
		now->at++;
		assert_int_equal(service_shard_open(&now->shards[i], h->node.workers[i], &holder),
			0);
	}
}

/* ---- Who it is ---- */

static void join(struct server_link *l, const struct session *s,
	const uint8_t secret[CONTROL_SECRET])
{
	struct control m = {.type = CONTROL_JOIN};
	memcpy(m.join.session, s->id, sizeof(s->id));
	mac_make(secret, handshake_hash(&l->io.link.handshake), HANDSHAKE_HASH_SIZE, m.join.mac);
	say(l, m);
}

static void test_join(void **state)
{
	static const uint8_t wrong[CONTROL_SECRET] = "guessed";
	struct house *h = *state;
	publish(dial(h, &alice, "one", NULL), 1, "a.example");
	settle(h);
	struct session *s = only_session(h);
	const struct {
		const struct keyring_entry *who;
		const uint8_t *secret;
		unsigned links; /* then */
	} rows[] = {
		{&alice, s->resume, 2},
		{&alice, wrong, 2},
		{&bob, s->resume, 2},
		{&alice, s->resume, 3},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct server_link *l = dial(h, rows[i].who, "one", NULL);
		join(l, s, rows[i].secret);
		settle(h);
		if (s->n_links != rows[i].links)
			fail_msg("row %zu: %u links", i, s->n_links);
		assert_int_equal(usable(s), s->n_links);
	}
	/* They were placed where there were fewest. */
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(s->base.shards[i].usable, 1);
	/* It lives as long as one of them does. */
	while (s->n_links > 1) {
		unsigned n = s->n_links;
		hang_up(list_first(&s->links, struct server_link, of_session));
		settle(h);
		assert_int_equal(s->n_links, n - 1);
		assert_int_equal(usable(s), n - 1);
	}
	assert_int_equal(workers_with(h, "a.example"), WORKERS);
}

static void test_resume(void **state)
{
	static const uint8_t wrong[CONTROL_SECRET] = "guessed";
	struct house *h = *state;
	struct server_link *first = dial(h, &alice, "one", NULL);
	publish(first, 1, "a.example");
	settle(h);
	struct session *s = only_session(h);
	const struct {
		const struct keyring_entry *who;
		const char *instance;
		const uint8_t *secret;
		bool same;
	} rows[] = {
		{&alice, "one", wrong, false},
		{&bob, "one", s->resume, false},
		{&alice, "two", s->resume, false},
		{&alice, "one", s->resume, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct server_link *l = dial(h, rows[i].who, rows[i].instance, rows[i].secret);
		turn(h, 0);
		if ((l->session == s) != rows[i].same)
			fail_msg("row %zu", i);
		if (!rows[i].same)
			continue;
		/* The one before may be dead and not know: what is said goes to the new one. */
		assert_int_equal(s->n_links, 2);
		assert_ptr_equal(list_first(&s->links, struct server_link, of_session), l);
		settle(h);
		assert_int_equal(s->n_links, 1);
		assert_int_equal(usable(s), 1);
	}
	assert_int_equal(workers_with(h, "a.example"), WORKERS);
	assert_ptr_equal(service_shard_at(h, 0, "a.example")->service->session, s);
}

/* One that talks faster than is heard is closed, not remembered. */
static void test_unheard(void **state)
{
	struct house *h = *state;
	struct server_link *l = dial(h, &alice, "one", NULL);
	for (unsigned i = 0; i < REGISTRAR_PENDING_MAX; i++)
		withdraw(l, 1);
	assert_int_not_equal(l->io.link.state, LINK_CLOSED);
	withdraw(l, 1);
	assert_int_equal(l->io.link.state, LINK_CLOSED);
	settle(h);
	assert_true(list_empty(&h->registrar.sessions));

	l = dial(h, &alice, "one", NULL);
	for (unsigned i = 0; i < 3 * REGISTRAR_PENDING_MAX; i++) {
		withdraw(l, 1);
		if (i % 1000 == 0)
			turn(h, 0);
	}
	assert_int_not_equal(l->io.link.state, LINK_CLOSED);
}

/* The process ends with all kinds of mail on its way. */
static void test_end(void **state)
{
	struct house *h = *state;
	struct server_link *l = dial(h, &alice, "one", NULL), *u = dial(h, &bob, "two", NULL);
	publish(l, 1, "a.example");
	publish(u, 1, "b.example");
	settle(h);
	withdraw(l, 1);
	publish(l, 2, "c.example");
	hang_up(u);
	turn(h, u->worker->index);
	turn(h, 0);
	publish(dial(h, &bob, "three", NULL), 1, "d.example");
	publish(l, 3, "e.example");
	turn(h, 0);
	withdraw(l, 3);
}

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, house_open, house_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOUSE(test_round),
		IN_HOUSE(test_publish),
		IN_HOUSE(test_end_on_the_way),
		IN_HOUSE(test_outstanding),
		IN_HOUSE(test_one_time),
		IN_HOUSE(test_join),
		IN_HOUSE(test_resume),
		IN_HOUSE(test_unheard),
		IN_HOUSE(test_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
