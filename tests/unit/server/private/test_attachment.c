/* SPDX-License-Identifier: MIT */
/*
 * A session's use of private services on three workers: what an OPEN's number finds, what its flag lets pass, what
 * is cut, and when a change says that it is done. Streams are made up.
 */
#include "server/private/attachment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "server/link/session_shard.h"
#include "server/private/private_worker.h"
#include "tests/unit/server/base/workers.h"

static struct server_options options = {.memory_budget = 1 << 20};
static struct test_workers workers;
static struct private_worker parts[3];
static struct identity somebody = {.name = "web", .max_streams = IDENTITY_STREAMS_ANY};
static struct session_base session;

static struct worker *worker_at(unsigned i)
{
	return &workers.workers[i];
}

static int begin(void **state)
{
	assert_int_equal(crypto_start(), 0);
	test_workers_open(&workers, &options);
	for (unsigned i = 0; i < 3; i++) {
		private_worker_init(&parts[i], worker_at(i));
		worker_at(i)->private = &parts[i];
	}
	session = (struct session_base){.name = "one"};
	assert_int_equal(session_base_init(&session, &somebody, 3), 0);
	return 0;
}

static int end(void **state)
{
	session_base_deinit(&session);
	free(somebody.streams);
	somebody.streams = NULL;
	test_workers_close(&workers);
	return 0;
}

static void make(struct attachment *a, uint32_t number)
{
	assert_int_equal(attachment_init(a, &session, number, 7, CONTROL_TCP, "redis"), 0);
}

static struct attachment_shard *find(unsigned worker, uint32_t number)
{
	return attachment_find(&session.shards[worker], worker_at(worker), number);
}

/* ---- Streams that are made up ---- */

static unsigned n_cut;

static void cut(struct attachment_use *use)
{
	n_cut++;
	attachment_use_end(use);
}

static void test_names(void **state)
{
	struct attachment a;
	make(&a, 3);
	assert_string_equal(a.consumer, "web");
	assert_string_equal(a.service, "redis");
	attachment_deinit(&a);
	attachment_deinit(&a);
}

static void test_numbers(void **state)
{
	static struct attachment all[SESSION_ATTACHMENTS_MAX];
	for (uint32_t i = 0; i < SESSION_ATTACHMENTS_MAX; i++) {
		make(&all[i], i * 4096);
		assert_null(find(1, i * 4096));
		assert_int_equal(attachment_shard_open(&all[i], worker_at(1)), 0);
	}
	for (uint32_t i = 0; i < SESSION_ATTACHMENTS_MAX; i++) {
		assert_ptr_equal(find(1, i * 4096), &all[i].shards[1]);
		assert_null(find(1, i * 4096 + 1));
		assert_null(find(0, i * 4096)); /* it is not there yet */
	}
	for (uint32_t i = 0; i < SESSION_ATTACHMENTS_MAX; i++) {
		assert_int_equal(attachment_shard_close(&all[i], worker_at(1)), 0);
		assert_null(find(1, i * 4096));
		attachment_deinit(&all[i]);
	}
}

/* Where memory was out it was never opened, and what comes later does no harm. */
static void test_never_opened(void **state)
{
	struct attachment a;
	make(&a, 1);
	assert_int_equal(attachment_shard_set(&a, worker_at(0), ATTACHMENT_PASSES, false), 0);
	assert_null(find(0, 1));
	assert_int_equal(attachment_shard_set(&a, worker_at(0), ATTACHMENT_NO_APPROVAL, false), 0);
	assert_int_equal(attachment_shard_close(&a, worker_at(0)), 0);
	attachment_deinit(&a);
}

static void test_flag(void **state)
{
	struct attachment a;
	struct attachment_use uses[5] = {0};
	make(&a, 1);
	assert_int_equal(attachment_shard_open(&a, worker_at(2)), 0);
	struct attachment_shard *shard = find(2, 1);
	assert_true(shard->bar != ATTACHMENT_PASSES);
	assert_int_equal(attachment_shard_set(&a, worker_at(2), ATTACHMENT_PASSES, false), 0);
	assert_int_equal(shard->bar, ATTACHMENT_PASSES);
	for (int i = 0; i < 5; i++)
		attachment_use_begin(shard, &uses[i], cut, 0);
	assert_int_equal(attachment_shard_streams(&a, worker_at(2)), 5);
	assert_int_equal(attachment_shard_streams(&a, worker_at(1)), 0);
	attachment_use_end(&uses[1]);
	attachment_use_end(&uses[1]);
	assert_int_equal(attachment_shard_streams(&a, worker_at(2)), 4);

	n_cut = 0;
	assert_int_equal(attachment_shard_set(&a, worker_at(2), ATTACHMENT_PASSES, false), 0);
	assert_int_equal(attachment_shard_set(&a, worker_at(2), ATTACHMENT_NO_APPROVAL, true), 0);
	assert_true(shard->bar != ATTACHMENT_PASSES);
	assert_int_equal(n_cut, 0);
	assert_int_equal(attachment_shard_streams(&a, worker_at(2)), 4);
	assert_int_equal(attachment_shard_set(&a, worker_at(2), ATTACHMENT_NO_APPROVAL, false), 4);
	assert_int_equal(n_cut, 4);
	assert_int_equal(attachment_shard_streams(&a, worker_at(2)), 0);

	assert_int_equal(attachment_shard_set(&a, worker_at(2), ATTACHMENT_PASSES, false), 0);
	attachment_use_begin(shard, &uses[0], cut, 0);
	assert_int_equal(attachment_shard_close(&a, worker_at(2)), 1);
	assert_int_equal(n_cut, 5);
	assert_null(find(2, 1));
	assert_int_equal(attachment_shard_close(&a, worker_at(2)), 0);
	attachment_deinit(&a);
}

/* ---- Sweeps ---- */

/*
 * A stream of worker 2's whose far end is just being opened on worker 1 while it is cut: the word that it is open
 * leaves there as late as it can, before worker 1 is visited again.
 */
static struct mail opened, last;
static bool far_is_open, near_is_cut;

static void last_delivered(struct mail *mail)
{
	far_is_open = false;
}

static void opened_delivered(struct mail *mail)
{
	assert_true(near_is_cut);
	last = (struct mail){.deliver = last_delivered};
	node_post(&workers.node, 1, &last);
}

struct change {
	struct attachment_sweep sweep;
	unsigned ran, done, discarded;
};

static void change_run(struct attachment_sweep *s, struct worker *w)
{
	struct change *c = container_of(s, struct change, sweep);
	assert_int_equal(w->index, c->ran++);
	s->cut += w->index;
	near_is_cut |= w->index == 2;
}

static void change_done(struct attachment_sweep *s)
{
	struct change *c = container_of(s, struct change, sweep);
	assert_int_equal(c->ran, workers.node.n_workers);
	assert_false(far_is_open);
	c->done++;
}

static void change_discard(struct attachment_sweep *s)
{
	container_of(s, struct change, sweep)->discarded++;
}

static const struct attachment_sweep_ops change_ops = {
	.run = change_run,
	.done = change_done,
	.discard = change_discard,
};

/* Whatever the order in which workers have their turns. */
static void test_sweep(void **state)
{
	static const unsigned orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1},
		{2, 1, 0}};
	for (unsigned o = 0; o < 6; o++) {
		struct change c = {0};
		far_is_open = true;
		near_is_cut = false;
		attachment_sweep_send(&c.sweep, &workers.node, &change_ops);
		test_workers_turn(&workers, 1);
		test_workers_turn(&workers, 2);
		test_workers_turn(&workers, 0);
		assert_int_equal(c.done, 0);
		opened = (struct mail){.deliver = opened_delivered};
		node_post(&workers.node, 2, &opened);
		for (unsigned i = 0; i < 60 && !c.done; i++)
			test_workers_turn(&workers, orders[o][i % 3]);
		assert_int_equal(c.done, 1);
		assert_int_equal(c.sweep.cut, 3);
	}
}

/* One worker waits for its own next turn: what was reset late in this one is heard of there. */
static void test_sweep_alone(void **state)
{
	struct change c = {0};
	workers.node.n_workers = 1;
	far_is_open = false;
	attachment_sweep_send(&c.sweep, &workers.node, &change_ops);
	assert_int_equal(c.ran, 1);
	test_workers_turn(&workers, 0);
	assert_int_equal(c.done, 0);
	for (unsigned i = 0; i < 5 && !c.done; i++)
		test_workers_turn(&workers, 0);
	assert_int_equal(c.done, 1);
	workers.node.n_workers = 3;
}

static void test_sweep_discarded(void **state)
{
	struct change c = {0};
	attachment_sweep_send(&c.sweep, &workers.node, &change_ops);
	test_workers_turn(&workers, 1);
	assert_int_equal(c.ran, 2);
	end(NULL);
	assert_int_equal(c.discarded, 1);
	assert_int_equal(c.done, 0);
	begin(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names, begin, end),
		cmocka_unit_test_setup_teardown(test_numbers, begin, end),
		cmocka_unit_test_setup_teardown(test_never_opened, begin, end),
		cmocka_unit_test_setup_teardown(test_flag, begin, end),
		cmocka_unit_test_setup_teardown(test_sweep, begin, end),
		cmocka_unit_test_setup_teardown(test_sweep_alone, begin, end),
		cmocka_unit_test_setup_teardown(test_sweep_discarded, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
