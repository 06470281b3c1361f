/* SPDX-License-Identifier: MIT */
/*
 * Workers and their registrar: what one begins while another is on the way to the same.
 */
#include "exit_node.h"

#define ANY_MAIL 20 /* turns of each worker: more than any mail goes back and forth */

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
	struct exit_node *h = *state;
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

/* On threads of their own, but for worker 0. */
static void test_threads(void **state)
{
	struct exit_node *h = *state;
	char log[100] = "";
	struct walk a = {.log = log, .name = 'a'};
	assert_int_equal(workers_run(&h->workers), 0);
	assert_int_equal(h->workers.n_threads, WORKERS - 1);
	broadcast_send(&a.broadcast, &h->node, &walk_ops);
	for (int i = 0; i < 10000 && !strstr(log, "a."); i++) {
		turn(h, 0);
		usleep(100);
	}
	assert_string_equal(log, "a0 a1 a2 a. ");
	workers_drain(&h->workers);
	workers_stop(&h->workers);
	assert_int_equal(h->workers.n_threads, 0);
	settle(h); /* what was left */
	for (unsigned i = 0; i < WORKERS; i++)
		assert_true(h->node.workers[i]->draining);
}

/* ---- What is published ---- */

static void test_publish(void **state)
{
	struct exit_node *h = *state;
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
static void look_everywhere(struct exit_node *h, const char *host)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		struct service_shard *shard = service_shard_at(h, i, host);
		struct route_found found;
		if (shard)
			route_pick(h->node.workers[i], shard->entry.route, &(struct route_query){0},
				&found);
	}
}

/* The session ends while what it published is on its first broadcast: before each of its stations. */
static void test_end_on_the_way(void **state)
{
	struct exit_node *h = *state;
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
		for (unsigned i = 0; i < ANY_MAIL * WORKERS; i++) {
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
	struct exit_node *h = *state;
	struct server_link *l = dial(h, &alice, "one", NULL);
	publish(l, 1, "a.example");
	settle(h);
	struct service_shard *one = service_shard_at(h, 1, "a.example"),
			     *two = service_shard_at(h, 2, "a.example");
	struct service *service = one->service;
	service_shard_began(one, h->node.workers[1]);
	service_shard_began(one, h->node.workers[1]);
	service_shard_began(two, h->node.workers[2]);
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
	struct exit_node *h = *state;
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
		now->at = lost + exit_node_options.reconnect_grace - 1;
		assert_int_equal(service_shard_open(&now->shards[i], h->node.workers[i], &holder),
			ROUTES_TAKEN);
		now->at++;
		assert_int_equal(service_shard_open(&now->shards[i], h->node.workers[i], &holder),
			0);
	}
}

/* ---- Who it is ---- */

static void test_join(void **state)
{
	static const uint8_t wrong[CONTROL_SECRET] = "guessed";
	struct exit_node *h = *state;
	publish(dial(h, &alice, "one", NULL), 1, "a.example");
	settle(h);
	struct session *s = only_session(h);
	const struct {
		struct credential *who;
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
	struct exit_node *h = *state;
	struct server_link *first = dial(h, &alice, "one", NULL);
	publish(first, 1, "a.example");
	settle(h);
	struct session *s = only_session(h);
	const struct {
		struct credential *who;
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
	struct exit_node *h = *state;
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
	struct exit_node *h = *state;
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

#define TEST(test) cmocka_unit_test_setup_teardown(test, exit_node_open, exit_node_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round),
		TEST(test_threads),
		TEST(test_publish),
		TEST(test_end_on_the_way),
		TEST(test_outstanding),
		TEST(test_one_time),
		TEST(test_join),
		TEST(test_resume),
		TEST(test_unheard),
		TEST(test_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
