/* SPDX-License-Identifier: MIT */
/* Which of several origins gets what comes next: by weight, priority, and how each of them is. */
#include <stdio.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "rules/front.h"
#include "scene.h"
#include "server/route/origin_pick.h"

#define PLACE ORIGIN_GROUP_PREFIX "web"
#define PICKS 10000

/* Of the group "web", with a link on one worker. */
static void add_origin(struct scene *s, const char *name, uint32_t priority, uint32_t weight,
	unsigned worker)
{
	struct control m = {.type = CONTROL_PUBLISH};
	m.publish.kind = CONTROL_HTTP;
	m.publish.upstream = "http://127.0.0.1:3000";
	m.publish.group = "web";
	m.publish.origin = name;
	m.publish.priority = priority;
	m.publish.weight = weight;
	add_service(s, PLACE, &m);
	set_side(s, s->n - 1, worker, (struct side)LINK(0));
}

static struct service_shard *shard_of(struct scene *s, unsigned session)
{
	return &s->sessions[session].service->shards[0];
}

static enum route_outcome ask(struct scene *s, struct route_query query, struct route_found *found)
{
	query.routes = &s->routing.groups;
	query.host = STR(PLACE);
	query.kind = CONTROL_HTTP;
	return route_find(&s->workers[0], &query, found);
}

/* Which origin was chosen, by its number; -1: none. */
static int pick(struct scene *s, struct route_query query)
{
	struct route_found found;
	enum route_outcome outcome = ask(s, query, &found);
	for (unsigned i = 0; i < s->n; i++)
		if (outcome != ROUTE_NONE && outcome != ROUTE_WAIT &&
			found.service == s->sessions[i].service)
			return (int)i;
	return -1;
}

static const struct front *front_of(const char *text)
{
	char path[] = "/tmp/front-XXXXXX";
	struct front *f;
	struct error err;
	int fd = mkstemp(path);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	assert_int_equal(front_load(path, &f, &err), 0);
	unlink(path);
	return f;
}

#define CHOOSES ((struct route_query){.chooses = true})

/* Each comes as often as its weight says, to a percent of all, whatever worker its link is on. */
static void weights_are_kept(void **state)
{
	static const unsigned weights[][SESSIONS] = {{700, 100, 200}, {1, 1, 1}, {1000, 1, 1},
		{3, 2, 1}, {50, 0, 50}};
	for (size_t i = 0; i < sizeof(weights) / sizeof(*weights); i++) {
		struct scene *s;
		unsigned seen[SESSIONS] = {0}, sum = 0;
		scene_open((void **)&s);
		for (unsigned k = 0; k < SESSIONS; k++) {
			add_origin(s, "x", 0, weights[i][k], k % 2);
			sum += weights[i][k] ? weights[i][k] : ORIGIN_WEIGHT;
		}
		for (unsigned n = 0; n < PICKS; n++)
			seen[pick(s, CHOOSES)]++;
		for (unsigned k = 0; k < SESSIONS; k++) {
			double want = (weights[i][k] ? weights[i][k] : ORIGIN_WEIGHT) * 1.0 / sum;
			double got = seen[k] * 1.0 / PICKS;
			if (got > want + 0.01 || got < want - 0.01)
				fail_msg("row %zu, origin %u: %f of %f", i, k, got, want);
		}
		scene_close((void **)&s);
	}
}

/* What does not choose stays here, and those here are divided by their weights. */
static void what_has_settled_stays(void **state)
{
	struct scene *s = *state;
	unsigned seen[SESSIONS] = {0};
	add_origin(s, "a", 0, 100, 0);
	add_origin(s, "b", 0, 800, 1);
	add_origin(s, "c", 0, 300, 0);
	for (unsigned n = 0; n < 400; n++)
		seen[pick(s, (struct route_query){0})]++;
	assert_int_equal(seen[0], 100);
	assert_int_equal(seen[1], 0);
	assert_int_equal(seen[2], 300);
}

/* That was chosen on the worker that it came from, and is no turn of this one's. */
static void what_was_chosen_is_taken(void **state)
{
	struct scene *s = *state;
	struct route_query query = {.moved = true};
	add_origin(s, "a", 0, 100, 0);
	add_origin(s, "b", 0, 100, 0);
	add_origin(s, "c", 0, 100, 1);
	query.wanted = s->sessions[1].service;
	for (int i = 0; i < 10; i++)
		assert_int_equal(pick(s, query), 1);
	assert_int_equal(shard_of(s, 1)->origin.pass, 0);
	query.wanted = s->sessions[2].service; /* its link has gone elsewhere meanwhile */
	assert_int_not_equal(pick(s, query), 2);
	query.wanted = s->sessions[1].service;
	shard_of(s, 1)->origin.state = ORIGIN_DISABLED;
	assert_int_equal(pick(s, query), 0);
}

/* Whoever comes, or comes back, has the others' place, and not all turns that it has missed. */
static void who_comes_back_has_the_others_place(void **state)
{
	struct scene *s = *state;
	unsigned seen[SESSIONS] = {0};
	add_origin(s, "a", 0, 100, 0);
	add_origin(s, "b", 0, 100, 0);
	for (unsigned n = 0; n < 1000; n++)
		pick(s, CHOOSES);
	add_origin(s, "c", 0, 100, 0);
	shard_of(s, 1)->origin.state = ORIGIN_DISABLED;
	for (unsigned n = 0; n < 1000; n++)
		seen[pick(s, CHOOSES)]++;
	assert_in_range(seen[2], 499, 501);
	shard_of(s, 1)->origin.state = ORIGIN_ENABLED;
	memset(seen, 0, sizeof(seen));
	for (unsigned n = 0; n < 300; n++)
		seen[pick(s, CHOOSES)]++;
	for (unsigned k = 0; k < SESSIONS; k++)
		assert_in_range(seen[k], 99, 101);
}

/* One whose requests take their time gets fewer of them. */
static void one_that_is_slow_is_passed_by(void **state)
{
	struct scene *s = *state;
	unsigned seen[SESSIONS] = {0};
	add_origin(s, "a", 0, 100, 0);
	add_origin(s, "b", 0, 100, 0);
	add_origin(s, "c", 0, 100, 0);
	shard_of(s, 1)->outstanding = 60;
	for (unsigned n = 0; n < 100; n++)
		seen[pick(s, CHOOSES)]++;
	assert_int_equal(seen[1], 0);
	shard_of(s, 1)->outstanding = 4;
	for (unsigned n = 0; n < 99; n++)
		seen[pick(s, CHOOSES)]++;
	assert_in_range(seen[1], 32, 34);
}

static void fail_one(struct scene *s, unsigned session)
{
	service_shard_failed(shard_of(s, session), FRAME_RESET_REFUSED,
		loop_now(s->workers[0].loop));
}

static void standing(struct scene *s, unsigned session, enum origin_standing want)
{
	struct service_shard *shard = shard_of(s, session);
	enum origin_standing is = origin_standing(&s->workers[0], shard->entry.route, shard);
	assert_string_equal(origin_standing_name(is), origin_standing_name(want));
}

/* The least number of those that are well; if none is, of all that are enabled. */
static void priorities(void **state)
{
	struct scene *s = *state;
	struct route_found found;
	add_origin(s, "a", 2, 0, 0);
	add_origin(s, "b", 0, 0, 1);
	add_origin(s, "c", 3, 0, 0);
	assert_int_equal(pick(s, (struct route_query){0}),
		1); /* elsewhere, and yet before others here */
	standing(s, 0, ORIGIN_RESERVE);
	standing(s, 1, ORIGIN_USED);
	s->sessions[1].base.shards[1].silent = 1;
	assert_int_equal(pick(s, CHOOSES), 0);
	standing(s, 1, ORIGIN_FAILING);
	fail_one(s, 0);
	assert_int_equal(pick(s, CHOOSES), 2);
	fail_one(s, 2);
	assert_int_equal(pick(s, CHOOSES), 1);
	assert_int_equal(ask(s, CHOOSES, &found), ROUTE_ELSEWHERE);
	assert_true(found.last);
	assert_int_equal(found.worker, 1);
	assert_int_equal(pick(s, (struct route_query){.exclude = shard_of(s, 1)}), 0);
	shard_of(s, 1)->origin.state = ORIGIN_DISABLED;
	standing(s, 1, ORIGIN_OFF);
	assert_int_equal(pick(s, CHOOSES), 0);
	for (unsigned i = 0; i < SESSIONS; i++)
		shard_of(s, i)->origin.state = ORIGIN_DISABLED;
	assert_int_equal(pick(s, CHOOSES), -1);
}

#define NAMED ((struct route_query){.chooses = true, .cookie = shard_of(s, 0)->origin.tag})

/* What a cookie names goes before weights, if it could be chosen; or is not enabled, and well. */
static void what_a_cookie_names(void **state)
{
	struct scene *s = *state;
	static const uint8_t key[MAC_KEY_SIZE] = "key";
	s->node.affinity_key = key;
	s->workers[0].front = front_of("groups:\n  web: {affinity: session}\n");
	add_origin(s, "a", 0, 0, 1);
	add_origin(s, "b", 0, 0, 0);
	add_origin(s, "c", 0, 0, 0);
	assert_int_equal(strlen(shard_of(s, 0)->origin.tag), ORIGIN_TAG_SIZE - 1);
	assert_string_not_equal(shard_of(s, 0)->origin.tag, shard_of(s, 1)->origin.tag);
	for (int i = 0; i < 5; i++)
		assert_int_equal(pick(s, NAMED), 0);
	/* What is not to move is not moved for it. */
	assert_int_not_equal(pick(s, (struct route_query){.cookie = NAMED.cookie}), 0);
	assert_int_not_equal(pick(s, (struct route_query){.chooses = true, .cookie = "another"}),
		-1);
	shard_of(s, 0)->origin.state = ORIGIN_DISABLED;
	assert_int_equal(pick(s, NAMED), 0);
	atomic_store(&s->sessions[0].service->down, true);
	assert_int_not_equal(pick(s, NAMED), 0);
	shard_of(s, 0)->origin.state = ORIGIN_ENABLED;
	assert_int_not_equal(pick(s, NAMED), 0);
	atomic_store(&s->sessions[0].service->down, false);
	shard_of(s, 0)->origin.priority = 2;
	assert_int_not_equal(pick(s, NAMED), 0);
	front_release(s->workers[0].front);
	s->workers[0].front = NULL;
	origins_set(&s->workers[0]);
	assert_string_equal(shard_of(s, 0)->origin.tag, "");
}

/* As its client's probe says: here and elsewhere, with priorities and without. */
static void one_that_fails_its_probe(void **state)
{
	struct scene *s = *state;
	add_origin(s, "a", 0, 0, 0);
	add_origin(s, "b", 0, 0, 0);
	atomic_store(&s->sessions[0].service->down, true);
	struct route_found found;
	assert_int_equal(ask(s, CHOOSES, &found), ROUTE_HERE);
	assert_ptr_equal(found.shard, shard_of(s, 1));
	assert_false(found.last);
	atomic_store(&s->sessions[1].service->down, true);
	assert_int_equal(ask(s, CHOOSES, &found), ROUTE_HERE);
	assert_true(found.last);
	add_origin(s, "c", 2, 0, 1);
	assert_int_equal(pick(s, CHOOSES), 2);
	standing(s, 0, ORIGIN_FAILING);
	atomic_store(&s->sessions[0].service->down, false);
	assert_int_equal(pick(s, CHOOSES), 0);
}

/* With no weight among them, the one with the least to do, and of this worker's if there is one. */
static void without_weights(void **state)
{
	struct scene *s = *state;
	add_origin(s, "a", 2, 0, 0);
	add_origin(s, "b", 2, 0, 1);
	add_origin(s, "c", 2, 0, 0);
	shard_of(s, 0)->outstanding = 2;
	assert_int_equal(pick(s, CHOOSES), 2);
	shard_of(s, 2)->outstanding = 3;
	assert_int_equal(pick(s, CHOOSES), 0);
}

/* Alike ones are chosen as if there were no groups. */
static void alike_ones_are_not_graded(void **state)
{
	struct scene *s = *state;
	add_origin(s, "a", 0, 0, 0);
	add_origin(s, "b", 1, 0, 0);
	const struct route *route = shard_of(s, 0)->entry.route;
	assert_int_equal(route->graded, 0);
	add_origin(s, "c", 2, 0, 0);
	assert_int_equal(route->graded, 1);
	service_shard_close(shard_of(s, 2), &s->workers[0]);
	assert_int_equal(route->graded, 0);
	service_shard_close(shard_of(s, 2), &s->workers[0]);
}

/* What the operator's file says goes before what a client says; and again with the next file. */
static void the_operator_says(void **state)
{
	struct scene *s = *state;
	s->workers[0].front =
		front_of("groups:\n  web:\n    origins:\n"
			 "    - {name: a, weight: 7}\n    - {name: b, priority: 2}\n");
	add_origin(s, "a", 3, 1, 0);
	add_origin(s, "b", 3, 1, 0);
	add_origin(s, "c", 3, 1, 0);
	assert_int_equal(shard_of(s, 0)->origin.weight, 7);
	assert_int_equal(shard_of(s, 0)->origin.priority, 3);
	assert_int_equal(shard_of(s, 1)->origin.weight, 1);
	assert_int_equal(shard_of(s, 1)->origin.priority, 2);
	assert_int_equal(shard_of(s, 2)->origin.priority, 3);
	front_release(s->workers[0].front);
	s->workers[0].front = NULL;
	origins_set(&s->workers[0]);
	assert_int_equal(shard_of(s, 0)->origin.weight, 1);
	assert_int_equal(shard_of(s, 1)->origin.priority, 3);
	assert_int_equal(shard_of(s, 0)->entry.route->graded, SESSIONS);
}

/* No Host leads there, not even past the name of everybody. */
static void a_group_is_in_a_tree_of_its_own(void **state)
{
	struct scene *s = *state;
	struct route_found found;
	add_origin(s, "a", 0, 0, 0);
	assert_int_equal(find(s, "web", &found), ROUTE_NONE);
	assert_int_equal(find(s, PLACE, &found), ROUTE_NONE);
	add_session(s, "", CONTROL_HTTP);
	set_side(s, 1, 0, (struct side)LINK(0));
	assert_int_equal(find(s, "web", &found), ROUTE_HERE);
	assert_ptr_equal(found.shard, shard_of(s, 1));
	service_shard_close(shard_of(s, 0), &s->workers[0]);
	assert_int_equal(ask(s, CHOOSES, &found), ROUTE_WAIT); /* and not the name of everybody */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_are_kept),
		cmocka_unit_test_setup_teardown(what_has_settled_stays, scene_open, scene_close),
		cmocka_unit_test_setup_teardown(what_was_chosen_is_taken, scene_open, scene_close),
		cmocka_unit_test_setup_teardown(who_comes_back_has_the_others_place, scene_open,
			scene_close),
		cmocka_unit_test_setup_teardown(one_that_is_slow_is_passed_by, scene_open,
			scene_close),
		cmocka_unit_test_setup_teardown(priorities, scene_open, scene_close),
		cmocka_unit_test_setup_teardown(what_a_cookie_names, scene_open, scene_close),
		cmocka_unit_test_setup_teardown(one_that_fails_its_probe, scene_open, scene_close),
		cmocka_unit_test_setup_teardown(without_weights, scene_open, scene_close),
		cmocka_unit_test_setup_teardown(alike_ones_are_not_graded, scene_open, scene_close),
		cmocka_unit_test_setup_teardown(the_operator_says, scene_open, scene_close),
		cmocka_unit_test_setup_teardown(a_group_is_in_a_tree_of_its_own, scene_open,
			scene_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
