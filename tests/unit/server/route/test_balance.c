/* SPDX-License-Identifier: MIT */
/*
 * Which session gets what comes next, and on which worker: two workers, of which the first one chooses, and
 * up to three sessions of one route, whose links are as the rows say.
 */
#include "scene.h"

struct row {
	const char *about;
	struct {
		struct side here, there;
	} sessions[SESSIONS];
	int exclude; /* session, from 1; 0: none */
	bool moved;
	enum route_outcome outcome;
	int session; /* from 1, of ROUTE_HERE */
	bool last;
};

static const struct row rows[] = {
	{"one session, here", {{LINK(0), NO_LINK}}, .outcome = ROUTE_HERE, .session = 1},
	{"one session, there", {{NO_LINK, LINK(9)}}, .outcome = ROUTE_ELSEWHERE},
	{"none has a link", {{NO_LINK, NO_LINK}}, .outcome = ROUTE_NONE, .last = true},
	{"the least busy", {{LINK(2), NO_LINK}, {LINK(1), NO_LINK}, {LINK(3), NO_LINK}},
		.outcome = ROUTE_HERE, .session = 2},
	{"of equals the one used longest ago", {{LINK(1), NO_LINK}, {LINK(1), NO_LINK}},
		.outcome = ROUTE_HERE, .session = 1},
	{"one that failed comes last", {{FAILING(0), NO_LINK}, {LINK(5), NO_LINK}},
		.outcome = ROUTE_HERE, .session = 2},
	{"one that is silent comes last", {{SILENT(0), NO_LINK}, {LINK(5), NO_LINK}},
		.outcome = ROUTE_HERE, .session = 2},
	{"all fail", {{FAILING(3), NO_LINK}, {FAILING(1), NO_LINK}}, .outcome = ROUTE_HERE,
		.session = 2, .last = true},
	{"here fails, there is one that does not", {{FAILING(0), NO_LINK}, {NO_LINK, LINK(9)}},
		.outcome = ROUTE_ELSEWHERE},
	{"here is silent, there is one that is not", {{SILENT(0), NO_LINK}, {NO_LINK, LINK(9)}},
		.outcome = ROUTE_ELSEWHERE, .moved = true},
	{"there it fails", {{LINK(9), NO_LINK}, {NO_LINK, FAILING(0)}}, .outcome = ROUTE_HERE,
		.session = 1},
	{"there it fails, and nothing is here", {{NO_LINK, FAILING(0)}}, .outcome = ROUTE_ELSEWHERE,
		.last = true},
	{"there it is silent, and nothing is here", {{NO_LINK, SILENT(0)}},
		.outcome = ROUTE_ELSEWHERE, .last = true},
	{"both fail: it stays", {{FAILING(0), FAILING(0)}}, .outcome = ROUTE_HERE, .session = 1,
		.last = true},
	{"a little more to do is no reason to move", {{LINK(1), LINK(0)}}, .outcome = ROUTE_HERE,
		.session = 1},
	{"far more to do is one", {{LINK(2), LINK(0)}}, .outcome = ROUTE_ELSEWHERE},
	{"twice as much is not far more", {{LINK(7), LINK(3)}}, .outcome = ROUTE_HERE,
		.session = 1},
	{"twice as much and two is", {{LINK(8), LINK(3)}}, .outcome = ROUTE_ELSEWHERE},
	{"but not for what has moved", {{LINK(8), LINK(0)}}, .outcome = ROUTE_HERE, .session = 1,
		.moved = true},
	{"the least busy of those elsewhere counts",
		{{LINK(8), LINK(8)}, {LINK(8), LINK(3)}, {LINK(8), LINK(9)}},
		.outcome = ROUTE_ELSEWHERE},
	{"one is excluded", {{LINK(0), NO_LINK}, {LINK(5), NO_LINK}}, .exclude = 1,
		.outcome = ROUTE_HERE, .session = 2},
	{"the only one is excluded", {{LINK(0), LINK(0)}}, .exclude = 1, .outcome = ROUTE_NONE,
		.last = true},
};

/* Rule 49: whatever a front asks for, by name or by port, it does not find it. */
static void a_private_service_is_in_a_tree_of_its_own(void **state)
{
	struct scene *s = *state;
	struct route_query query = {.routes = &s->routing.privates,
		.host = STR("redis"),
		.kind = CONTROL_TCP};
	struct route_found found;
	s->is_private = true;
	add_session(s, "redis", CONTROL_TCP);
	set_side(s, 0, 0, (struct side)LINK(0));
	assert_int_equal(route_find(&s->workers[0], &query, &found), ROUTE_HERE);
	assert_ptr_equal(found.shard, &s->sessions[0].service->shards[0]);
	assert_int_equal(s->routing.n_named, 0);
	assert_null(routes_find(&s->routing.names, STR("redis"), 1));
	assert_null(routes_find(&s->routing.names, STR(""), 1));
	assert_null(routes_find(&s->routing.ports, STR("redis"), 1));
	query.kind = CONTROL_UDP;
	assert_int_equal(route_find(&s->workers[0], &query, &found), ROUTE_NONE);
	query.routes = &s->routing.names;
	query.any = true;
	s->node.started = 0;
	assert_int_equal(route_find(&s->workers[0], &query, &found), ROUTE_NONE);

	/* A name of the public side that reads the same is another one, and anybody's. */
	s->is_private = false;
	add_session(s, "redis", CONTROL_TCP);
	assert_int_equal(list_first(&s->routing.names.all, struct route, all)->host.n, 5);
	query.routes = &s->routing.privates;
	query.kind = CONTROL_TCP;
	query.any = false;
	service_shard_close(&s->sessions[0].service->shards[0], &s->workers[0]);
	assert_int_equal(route_find(&s->workers[0], &query, &found), ROUTE_WAIT);
	routing_forget_private(&s->routing, STR("redis"));
	assert_int_equal(route_find(&s->workers[0], &query, &found), ROUTE_NONE);
}

/* With nothing lost of the other kinds, for which never is the answer. */
static void what_was_lost_is_forgotten_in_time(void **state)
{
	struct scene *s = *state;
	add_session(s, "a.example", CONTROL_HTTP);
	struct service_shard *shard = &s->sessions[0].service->shards[0];
	routing_expire(&s->routing);
	assert_int_equal(s->routing.expiry.deadline, CLOCK_NEVER);
	service_shard_close(shard, &s->workers[0]);
	routing_expire(&s->routing);
	assert_int_equal(s->routing.expiry.deadline, shard->service->at + s->routing.names.grace);
}

static void the_best_session_is_picked(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		struct scene *s;
		scene_open((void **)&s);
		for (unsigned at = 0; at < SESSIONS; at++) {
			add_session(s, "a.example", CONTROL_HTTP);
			set_side(s, at, 0, row->sessions[at].here);
			set_side(s, at, 1, row->sessions[at].there);
		}
		struct route_query query = {.routes = &s->routing.names,
			.host = STR("a.example"),
			.kind = CONTROL_HTTP,
			.tls = CONTROL_TLS_NONE,
			.moved = row->moved};
		if (row->exclude)
			query.exclude = &s->sessions[row->exclude - 1].service->shards[0];
		struct route_found found;
		enum route_outcome outcome = route_find(&s->workers[0], &query, &found);
		/* With a session that was lost, or none that has a link, it may wait. */
		if (outcome == ROUTE_WAIT)
			outcome = ROUTE_NONE;
		if (outcome != row->outcome || found.last != row->last)
			fail_msg("%s: outcome %d, last %d", row->about, outcome, found.last);
		struct service_shard *expected =
			row->session ? &s->sessions[row->session - 1].service->shards[0] : NULL;
		if (found.shard != expected)
			fail_msg("%s: another session", row->about);
		if (outcome == ROUTE_ELSEWHERE && found.worker != 1)
			fail_msg("%s: worker %u", row->about, found.worker);
		scene_close((void **)&s);
	}
}

static void what_nobody_published_is_nowhere(void **state)
{
	struct route_found found;
	assert_int_equal(find(*state, "b.example", &found), ROUTE_NONE);
	assert_null(found.route);
}

/* A process that has just started may have lost the session itself. */
static void behind_a_start_it_may_wait(void **state)
{
	struct scene *s = *state;
	struct route_found found;
	s->node.started = loop_now(s->workers[0].loop);
	assert_int_equal(find(s, "b.example", &found), ROUTE_WAIT);
	s->node.started -= GRACE;
	assert_int_equal(find(s, "b.example", &found), ROUTE_NONE);
}

static void what_was_lost_may_wait(void **state)
{
	struct scene *s = *state;
	struct route_found found;
	add_session(s, "a.example", CONTROL_HTTP);
	assert_int_equal(find(s, "a.example", &found), ROUTE_WAIT); /* it has no link */
	assert_non_null(found.route);
	service_shard_close(&s->sessions[0].service->shards[0], &s->workers[0]);
	assert_int_equal(find(s, "a.example", &found), ROUTE_WAIT);
	s->workers[0].draining = true;
	assert_int_equal(find(s, "a.example", &found), ROUTE_NONE);
}

static void another_kind_is_not_there(void **state)
{
	struct scene *s = *state;
	struct route_found found;
	add_session(s, "a.example", CONTROL_TCP);
	set_side(s, 0, 0, (struct side)LINK(0));
	assert_int_equal(find(s, "a.example", &found), ROUTE_NONE);
	struct route_query query = {.routes = &s->routing.names,
		.host = STR("a.example"),
		.any = true};
	assert_int_equal(route_find(&s->workers[0], &query, &found), ROUTE_HERE);
	query = (struct route_query){.routes = &s->routing.names,
		.host = STR("a.example"),
		.kind = CONTROL_TCP,
		.tls = CONTROL_TLS_PASS};
	assert_int_equal(route_find(&s->workers[0], &query, &found), ROUTE_NONE);
	query.tls = CONTROL_TLS_NONE;
	assert_int_equal(route_find(&s->workers[0], &query, &found), ROUTE_HERE);
	const struct service *service =
		route_service(&s->routing.names, STR("a.example"), loop_now(s->workers[0].loop));
	assert_ptr_equal(service, s->sessions[0].service);
	assert_null(route_service(&s->routing.names, STR("b.example"), 0));
}

/* For a connection that is accepted: any worker will do. */
static void the_session_with_the_least_to_do(void **state)
{
	struct scene *s = *state;
	struct route_found found;
	add_session(s, "a.example", CONTROL_HTTP);
	add_session(s, "a.example", CONTROL_HTTP);
	find(s, "a.example", &found);
	assert_null(route_pick_session(found.route));
	set_side(s, 0, 0, (struct side)LINK(5));
	set_side(s, 0, 1, (struct side)LINK(3));
	set_side(s, 1, 1, (struct side)LINK(4));
	assert_ptr_equal(route_pick_session(found.route), &s->sessions[0].base.shards[1]);
	assert_int_equal(session_shard_worker(route_pick_session(found.route)), 1);
	s->sessions[0].base.shards[1].coming = 3; /* on their way there */
	assert_ptr_equal(route_pick_session(found.route), &s->sessions[1].base.shards[1]);
	s->sessions[1].base.shards[1].silent = 1;
	assert_ptr_equal(route_pick_session(found.route), &s->sessions[0].base.shards[0]);
}

/* Whichever workers they are on: a connection that ends before the next one comes leaves no load behind. */
static void sessions_with_equally_much_take_turns(void **state)
{
	struct scene *s = *state;
	struct route_found found;
	add_session(s, "a.example", CONTROL_HTTP);
	add_session(s, "a.example", CONTROL_HTTP);
	find(s, "a.example", &found);
	set_side(s, 0, 1, (struct side)LINK(0));
	set_side(s, 1, 0, (struct side)LINK(0));
	const struct session_shard *first = route_pick_session(found.route);
	const struct session_shard *second = route_pick_session(found.route);
	assert_ptr_not_equal(first, second);
	assert_ptr_equal(route_pick_session(found.route), first);
	assert_ptr_equal(route_pick_session(found.route), second);
}

/* Rule 31. The dials of one burst fail together, and count as one failure. */
static void failures_cost_more_each_time(void **state)
{
	struct scene *s = *state;
	add_session(s, "a.example", CONTROL_HTTP);
	struct service_shard *shard = &s->sessions[0].service->shards[0];
	uint64_t now = CLOCK_S, penalty = SERVICE_PENALTY_MIN;
	assert_false(service_shard_fails(shard, now));
	for (int i = 0; i < 10; i++) {
		service_shard_failed(shard, FRAME_RESET_REFUSED, now);
		service_shard_failed(shard, FRAME_RESET_REFUSED, now);
		assert_true(service_shard_fails(shard, now + penalty - 1));
		assert_false(service_shard_fails(shard, now + penalty));
		now += penalty;
		penalty = 2 * penalty < SERVICE_PENALTY_MAX ? 2 * penalty : SERVICE_PENALTY_MAX;
	}
	service_shard_failed(shard, FRAME_RESET_REFUSED, now);
	service_shard_worked(shard);
	assert_false(service_shard_fails(shard, now));
	service_shard_failed(shard, FRAME_RESET_REFUSED, now);
	assert_false(service_shard_fails(shard, now + SERVICE_PENALTY_MIN));
}

/* ---- Waiting ---- */

struct visitor {
	struct waiter waiter;
	unsigned served, expired;
};

static void visitor_served(struct waiter *w)
{
	container_of(w, struct visitor, waiter)->served++;
}

static void visitor_expired(struct waiter *w)
{
	container_of(w, struct visitor, waiter)->expired++;
}

static void one_turn(struct scene *s)
{
	wait_queue_wake(&s->routing.wait_queue);
	loop_turn(s->workers[0].loop);
}

static void who_waits_is_served_when_there_is_a_way(void **state)
{
	struct scene *s = *state;
	static const struct address peer = {.family = ADDRESS_V4, .bytes = {192, 0, 2, 1}};
	struct wait_queue *queue = &s->routing.wait_queue;
	struct visitor a, b, c;
	limits_init(&s->node.limits);
	s->options.max_waiting = 2;
	waiter_init(&a.waiter, visitor_served, visitor_expired);
	waiter_init(&b.waiter, visitor_served, visitor_expired);
	waiter_init(&c.waiter, visitor_served, visitor_expired);
	a.served = b.served = a.expired = b.expired = 0;
	add_session(s, "a.example", CONTROL_HTTP);
	assert_int_equal(wait_queue_add(queue, &a.waiter, &s->routing.names, STR("a.example"),
				 &peer),
		0);
	assert_int_equal(wait_queue_add(queue, &b.waiter, &s->routing.names, STR("b.example"),
				 &peer),
		0);
	assert_int_equal(wait_queue_add(queue, &c.waiter, &s->routing.names, STR("a.example"),
				 &peer),
		-EBUSY);
	one_turn(s);
	assert_int_equal(a.served + b.served, 0);
	set_side(s, 0, 0, (struct side)LINK(0));
	one_turn(s);
	assert_int_equal(a.served, 1);
	assert_int_equal(b.served + a.expired + b.expired, 0);
	wait_queue_remove(queue, &a.waiter); /* without effect */
	wait_queue_remove(queue, &b.waiter);
	assert_int_equal(limits_count(&s->node.limits, LIMITS_WAITING), 0);
	limits_deinit(&s->node.limits);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scene_open, scene_close)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_best_session_is_picked),
		TEST(a_private_service_is_in_a_tree_of_its_own),
		TEST(what_was_lost_is_forgotten_in_time),
		TEST(what_nobody_published_is_nowhere),
		TEST(behind_a_start_it_may_wait),
		TEST(what_was_lost_may_wait),
		TEST(another_kind_is_not_there),
		TEST(the_session_with_the_least_to_do),
		TEST(sessions_with_equally_much_take_turns),
		TEST(failures_cost_more_each_time),
		TEST(who_waits_is_served_when_there_is_a_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
