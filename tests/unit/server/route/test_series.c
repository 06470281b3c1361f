/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/macros.h"
#include "server/base/worker.h"
#include "server/route/series.h"

#define LIMIT 3

static struct node node;
static struct worker workers[2];

static int set_up(void **state)
{
	node = (struct node){.series = series_book_new(LIMIT), .n_workers = ARRAY_LEN(workers)};
	for (unsigned i = 0; i < ARRAY_LEN(workers); i++) {
		workers[i] = (struct worker){.node = &node, .index = i, .loop = loop_new()};
		node.workers[i] = &workers[i];
	}
	return node.series ? 0 : -1;
}

static int tear_down(void **state)
{
	for (unsigned i = ARRAY_LEN(workers); i--;)
		loop_free(workers[i].loop);
	node.series = series_book_free(node.series);
	return 0;
}

static void wake_up(struct loop_task *task)
{
}

static void turn(unsigned worker)
{
	struct loop *loop = workers[worker].loop;
	struct loop_task task; /* a turn with nothing to do would wait */
	loop_task_init(&task, wake_up);
	loop_defer(loop, LOOP_PHASE_READ, &task);
	loop_turn(loop);
}

static struct service_counts *count(unsigned worker, const char *place)
{
	struct service_counts *c = service_counts_new(&workers[worker], SERIES_HTTP, place);
	assert_non_null(c);
	turn(0); /* the main thread hears of it */
	return c;
}

/* What ends, ends with the turn. */
static void end(struct service_counts *c)
{
	unsigned worker = c->worker->index;
	service_counts_release(c);
	turn(worker);
	turn(0);
}

struct seen {
	unsigned n;
	char places[8 * LIMIT][32];
	struct service_sum sums[8 * LIMIT];
};

static void see(void *arg, const char *place, const struct service_sum *sum)
{
	struct seen *s = arg;
	snprintf(s->places[s->n], sizeof(s->places[0]), "%s", place ? place : "(others)");
	s->sums[s->n++] = *sum;
}

static struct seen look(uint64_t after)
{
	struct seen s = {0};
	series_each(node.series, SERIES_HTTP, clock_now() + after, see, &s);
	return s;
}

/* One place on two workers, and a client that comes back: nothing is lost, and nothing goes back. */
static void test_sum(void **state)
{
	struct service_counts *here = count(0, "a.example"), *there = count(1, "a.example");
	service_counts_request(here, 200, 700, 600);
	service_counts_request(there, 503, 20000, 0);
	service_counts_request(there, 0, 1, 0);
	service_counts_request(there, 999, 1, 0);
	counter_add(&here->bytes.taken, 4096);
	struct seen s = look(0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.sums[0].codes[2], 1);
	assert_int_equal(s.sums[0].codes[5], 1);
	assert_int_equal(s.sums[0].codes[0], 2);
	assert_int_equal(histogram_count(&s.sums[0].durations), 4);
	assert_int_equal(histogram_count(&s.sums[0].waits), 1);
	assert_int_equal(s.sums[0].taken, 4096);

	end(here);
	end(there);
	here = count(1, "a.example");
	service_counts_request(here, 200, 700, 600);
	s = look(0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.sums[0].codes[2], 2);
	assert_int_equal(s.sums[0].taken, 4096);
	end(here);
}

/* A page that people look at for an hour is no slow request. */
static void test_upgraded(void **state)
{
	struct service_counts *c = count(0, "a.example");
	service_counts_request(c, 101, 3600 * CLOCK_S, 500);
	struct seen s = look(0);
	assert_int_equal(s.sums[0].codes[1], 1);
	assert_int_equal(histogram_count(&s.sums[0].durations), 0);
	end(c);
}

/* A request that outlives its service is counted there all the same. */
static void test_held(void **state)
{
	struct service_counts *c = count(0, "a.example");
	service_counts_hold(c);
	end(c);
	service_counts_request(c, 200, 1, 1);
	end(c);
	struct seen s = look(0);
	assert_int_equal(s.sums[0].codes[2], 1);
}

/* However many names are published and visited, there are no more series. */
static void test_bound(void **state)
{
	struct service_counts *c[100];
	for (unsigned i = 0; i < ARRAY_LEN(c); i++) {
		char name[32];
		snprintf(name, sizeof(name), "%u.example", i);
		c[i] = count(i % 2, name);
		service_counts_request(c[i], 200, 1, 1);
	}
	struct seen s = look(0);
	assert_int_equal(s.n, LIMIT + 1);
	assert_string_equal(s.places[0], "0.example");
	assert_string_equal(s.places[LIMIT], "(others)");
	assert_int_equal(s.sums[LIMIT].codes[2], ARRAY_LEN(c) - LIMIT);
	for (unsigned i = 0; i < ARRAY_LEN(c); i++)
		end(c[i]);
}

/* 10,000 clients come and go: what they leave behind goes after its time, and the others' sum stays. */
static void test_forgotten(void **state)
{
	for (unsigned i = 0; i < 10000; i++) {
		char name[32];
		snprintf(name, sizeof(name), "%u.example", i);
		struct service_counts *c = count(0, name);
		service_counts_request(c, 200, 1, 1);
		end(c);
	}
	assert_int_equal(look(SERIES_KEPT - CLOCK_S).n, LIMIT + 1);
	struct seen s = look(SERIES_KEPT + CLOCK_S);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.sums[0].codes[2], 10000 - LIMIT);
}

/* ---- Who reads, and who counts ---- */

static void *begin_and_end(void *arg)
{
	service_counts_release(service_counts_new(&workers[1], SERIES_HTTP, "b.example"));
	turn(1);
	return NULL;
}

/* Within the reader's walk: a worker's first request of a service, and its end. */
static void see_slowly(void *arg, const char *place, const struct service_sum *sum)
{
	pthread_t worker;
	struct timespec until;
	bool *went_on = arg;
	assert_int_equal(pthread_create(&worker, NULL, begin_and_end, NULL), 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	*went_on = pthread_timedjoin_np(worker, NULL, &until) == 0;
}

/* However long a scraper's answer takes to be summed up, no worker waits for it. */
static void test_nobody_waits(void **state)
{
	bool went_on = false;
	struct service_counts *c = count(0, "a.example");
	series_each(node.series, SERIES_HTTP, clock_now(), see_slowly, &went_on);
	assert_true(went_on);
	turn(0);
	assert_int_equal(look(0).n, 2);
	end(c);
}

/* The process ends in the middle of all this: what was told and not heard is freed. */
static void test_left_over(void **state)
{
	count(1, "a.example");
	service_counts_new(&workers[1], SERIES_HTTP, "b.example");
	service_counts_release(service_counts_new(&workers[1], SERIES_HTTP, "c.example"));
	turn(1);
	service_counts_release(service_counts_new(&workers[1], SERIES_HTTP, "d.example"));
	service_counts_release(service_counts_new(&workers[0], SERIES_HTTP, "e.example"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sum, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_upgraded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_held, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bound, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_forgotten, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_left_over, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
