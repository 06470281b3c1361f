/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Workers whose loops all run on the test's thread, in the order that the test says: what threads may
 * interleave is tried in the orders that are hard. Without the parts that rooms keep on them.
 */
#include <stdlib.h>

#include "server/base/worker.h"

#define TURNS 8 /* of each worker: more than any mail goes back and forth */

struct test_workers {
	struct node node;
	struct worker workers[3];
};

static inline void test_workers_wake(struct half_open *h, unsigned worker)
{
}

static inline void test_workers_open(struct test_workers *t, const struct server_options *opts)
{
	*t = (struct test_workers){0};
	assert_int_equal(node_limits_init(&t->node, opts, test_workers_wake), 0);
	t->node.n_workers = 3;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(worker_init(&t->workers[i], &t->node, i, opts), 0);
		t->node.workers[i] = &t->workers[i];
	}
}

/* As the process ends: mail that is left is discarded. */
static inline void test_workers_close(struct test_workers *t)
{
	for (unsigned i = 0; i < 3; i++)
		worker_deinit(&t->workers[i]);
	for (unsigned i = 0; i < 3; i++)
		loop_free(t->workers[i].loop);
	for (int kind = 0; kind < LIMITS_KINDS; kind++)
		assert_int_equal(limits_count(&t->node.limits, (enum limits_kind)kind), 0);
	node_limits_deinit(&t->node);
}

static inline void test_workers_nothing(struct loop_task *task)
{
}

/* One turn of a worker, that does not wait. */
static inline void test_workers_turn(struct test_workers *t, unsigned worker)
{
	struct loop_task task;
	loop_task_init(&task, test_workers_nothing);
	loop_defer(t->workers[worker].loop, LOOP_PHASE_READ, &task);
	loop_turn(t->workers[worker].loop);
}

static inline void test_workers_settle(struct test_workers *t)
{
	for (unsigned i = 0; i < TURNS * 3; i++)
		test_workers_turn(t, i % 3);
}
