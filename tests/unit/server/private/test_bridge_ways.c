/* SPDX-License-Identifier: MIT */
/*
 * How a consumer's stream finds who provides the service: elsewhere, in a moment, or another when one cannot; and
 * what becomes of it when it is cut, or the process ends, at any point of that way.
 */
#include "scene.h"

#include "server/route/routing.h"

static struct fake_client *consumer_of(struct scene *s)
{
	return client_of(s->n, s->consumer);
}

static struct fake_client *provider_of(struct scene *s)
{
	return client_of(s->n, s->provider);
}

static void open_tcp(struct scene *s, uint32_t id)
{
	scene_open(s, id, FRAME_KIND_TCP, ATTACHED);
}

static void assert_told(struct scene *s, enum frame_reset reason)
{
	assert_int_equal(consumer_of(s)->n_resets, 1);
	assert_int_equal(consumer_of(s)->reset, reason);
	assert_int_equal(scene_bridges(s), 0);
	assert_int_equal(scene_waiting(s), 0);
}

/* ---- Waiting ---- */

static void nobody_ever_provided_it(void **state)
{
	struct scene *s = scene_new(1, 1, CONTROL_TCP);
	scene_withdraw(s, s->services[0]);
	for (unsigned i = 0; i < WORKERS; i++)
		routing_forget_private(s->n->node.workers[i]->routing, STR("redis"));
	s->n->node.started = 1;
	open_tcp(s, 1);
	settle(s->n);
	assert_told(s, FRAME_RESET_UNREACHABLE);
	assert_non_null(strstr(scene_logged(s), "why=unreachable"));
	scene_free(s);
}

/* It is lost, and comes back on some worker: what the consumer said meanwhile waits in its window. */
static void it_comes_back(void **state)
{
	for (unsigned at = 0; at < WORKERS; at++) {
		struct scene *s = scene_new(1, 1, CONTROL_TCP);
		scene_withdraw(s, s->services[0]);
		open_tcp(s, 1);
		client_data(consumer_of(s), 1, "HELLO");
		settle(s->n);
		assert_int_equal(scene_waiting(s), 1);
		assert_int_equal(provider_of(s)->n_opens, 0);
		s->provider = scene_link(s, &bob, "another", at);
		scene_provide(s, s->provider, CONTROL_TCP);
		settle(s->n);
		assert_int_equal(scene_waiting(s), 0);
		assert_true(scene_got(s, s->provider, "HELLO"));
		client_data(provider_of(s), provider_of(s)->stream, "YES");
		settle(s->n);
		assert_true(scene_got(s, s->consumer, "YES"));
		scene_free(s);
	}
}

static void it_does_not_come_back(void **state)
{
	struct scene *s = scene_new(1, 2, CONTROL_TCP);
	scene_withdraw(s, s->services[0]);
	s->n->node.workers[1]->routing->wait_queue.queue.duration = 20 * CLOCK_MS;
	open_tcp(s, 1);
	settle(s->n);
	assert_int_equal(scene_bridges(s), 1);
	settle_until(s->n, scene_bridges(s) == 0);
	assert_told(s, FRAME_RESET_UNREACHABLE);
	scene_free(s);
}

static void what_waits_may_go(void **state)
{
	for (int how = 0; how < 4; how++) {
		struct scene *s = scene_new(1, 2, CONTROL_TCP);
		scene_withdraw(s, s->services[0]);
		open_tcp(s, 1);
		settle(s->n);
		assert_int_equal(scene_waiting(s), 1);
		if (how == 0) {
			client_reset(consumer_of(s), 1, FRAME_RESET_CANCELLED);
			settle(s->n);
			assert_int_equal(consumer_of(s)->n_resets, 0);
		} else if (how == 1) {
			assert_int_equal(scene_set(s, false, false), 1);
			settle(s->n);
			assert_told(s, FRAME_RESET_DENIED);
		} else if (how == 2) {
			workers_drain(&s->n->workers);
			settle(s->n);
			assert_told(s, FRAME_RESET_UNREACHABLE);
		} else {
			scene_detach(s);
			hang_up(s->consumer);
			settle(s->n);
		}
		assert_int_equal(scene_waiting(s), 0);
		assert_int_equal(scene_bridges(s), 0);
		scene_free(s);
	}
}

/* A pool of connections does: what waits is what may be open, and takes no visitor's place. */
static void as_many_wait_as_may_be(void **state)
{
	struct scene *s = scene_new(1, 2, CONTROL_TCP);
	s->n->options.max_waiting = s->n->options.max_waiting_per_address = 1;
	scene_withdraw(s, s->services[0]);
	for (uint32_t id = 1; id <= 5; id += 2)
		open_tcp(s, id);
	settle(s->n);
	assert_int_equal(scene_waiting(s), 3);
	assert_int_equal(limits_count(&s->n->node.limits, LIMITS_WAITING), 0);
	scene_provide(s, s->provider, CONTROL_TCP);
	settle(s->n);
	assert_int_equal(consumer_of(s)->n_resets, 0);
	assert_int_equal(provider_of(s)->n_opens, 3);
	scene_free(s);
}

/* ---- Moving ---- */

/* It takes no new streams; `believed`: other workers do not know. */
static void rest(struct server_link *l, bool believed)
{
	l->session_shard->usable = 1;
	server_link_rest(l);
	l->session_shard->usable = believed;
}

/* The link for which it moves is gone when it comes there: it goes home, and waits there for another. */
static void the_link_is_gone(void **state)
{
	struct scene *s = scene_new(1, 2, CONTROL_TCP);
	rest(s->provider, true);
	open_tcp(s, 1);
	turn(s->n, 1);
	s->provider->session_shard->usable = 0;
	assert_int_equal(scene_waiting(s), 0);
	settle(s->n);
	assert_int_equal(scene_waiting(s), 1);
	struct server_link *second = scene_link(s, &bob, "second", 0);
	scene_provide(s, second, CONTROL_TCP);
	settle(s->n);
	assert_int_equal(client_of(s->n, second)->n_opens, 1);
	scene_free(s);
}

/* Each time it comes there: it looks again now and then, and its time runs out as that of others that wait. */
static void the_link_is_always_gone(void **state)
{
	struct scene *s = scene_new(1, 2, CONTROL_TCP);
	s->n->options.reconnect_grace = 60 * CLOCK_MS;
	for (unsigned i = 0; i < WORKERS; i++)
		s->n->node.workers[i]->routing->wait_queue.queue.duration = 60 * CLOCK_MS;
	rest(s->provider, true);
	open_tcp(s, 1);
	settle(s->n);
	assert_int_equal(scene_bridges(s), 1);
	settle_until(s->n, scene_bridges(s) == 0);
	assert_told(s, FRAME_RESET_UNREACHABLE);
	s->provider->session_shard->usable = 0;
	scene_free(s);
}

/*
 * That it is published goes from worker to worker: the consumer's has heard it, and the provider's, to which its
 * stream moves, has not.
 */
static void the_news_is_not_everywhere(void **state)
{
	struct scene *s = scene_new(0, 2, CONTROL_TCP);
	struct service *service = s->services[0];
	const struct route *holder;
	for (unsigned i = 0; i < WORKERS; i++)
		service_shard_close(&service->shards[i], s->n->node.workers[i]);
	open_tcp(s, 1);
	settle(s->n);
	assert_int_equal(scene_bridges(s), 1);
	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker *w = s->n->node.workers[i];
		assert_int_equal(service_shard_open(&service->shards[i], w, &holder), 0);
		wait_queue_wake(&w->routing->wait_queue);
		settle(s->n);
		assert_int_equal(consumer_of(s)->n_resets, 0);
	}
	settle_until(s->n, provider_of(s)->n_opens == 1);
	scene_free(s);
}

/* ---- Another session ---- */

static void one_fails_and_another_does_not(void **state)
{
	/* The consumer's worker, and those of the two that provide it. */
	static const unsigned rows[][3] = {{0, 0, 0}, {0, 0, 1}, {0, 1, 0}, {0, 1, 1}, {0, 1, 2},
		{2, 1, 1}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene *s = scene_new(rows[i][0], rows[i][1], CONTROL_TCP);
		struct server_link *first = s->provider,
				   *second = scene_link(s, &bob, "another", rows[i][2]);
		struct service_shard *shard = &s->services[0]->shards[rows[i][1]];
		uint32_t id = scene_join(s, 1);
		scene_provide(s, second, CONTROL_TCP);
		settle(s->n);
		client_reset(provider_of(s), id, FRAME_RESET_REFUSED);
		scene_shuffle(s, (unsigned)i);
		assert_true(service_shard_fails(shard, loop_now(s->n->node.workers[0]->loop)));
		assert_int_equal(consumer_of(s)->n_resets, 0);
		s->provider = second;
		assert_int_equal(provider_of(s)->n_opens, 1);
		client_data(consumer_of(s), 1, "now");
		settle(s->n);
		assert_true(scene_got(s, second, "now"));
		assert_true(scene_got(s, first, ""));
		/* The second one is the last. */
		s->services[1]->shards[rows[i][2]].penalty = 0;
		client_reset(provider_of(s), provider_of(s)->stream, FRAME_RESET_UNREACHABLE);
		scene_shuffle(s, (unsigned)i + 100);
		assert_told(s, FRAME_RESET_UNREACHABLE);
		assert_int_equal(client_of(s->n, first)->n_opens, 1);
		scene_free(s);
	}
}

/* Once, and no third one; and the reason is that of the last. */
static void both_fail(void **state)
{
	for (unsigned at = 0; at < WORKERS; at++) {
		struct scene *s = scene_new(1, 1, CONTROL_TCP);
		uint32_t id = scene_join(s, 1);
		struct server_link *first = s->provider;
		for (unsigned i = 0; i < 2; i++)
			scene_provide(s, scene_link(s, &bob, i ? "third" : "second", at),
				CONTROL_TCP);
		settle(s->n);
		client_reset(provider_of(s), id, FRAME_RESET_REFUSED);
		settle(s->n);
		/* Whichever it is now. */
		for (size_t i = 0; i < s->n->n_clients; i++) {
			struct fake_client *c = client_of(s->n, s->n->clients[i].link);
			if (c->n_opens && c->link != first)
				client_reset(c, c->stream, FRAME_RESET_DNS);
		}
		scene_shuffle(s, at);
		assert_told(s, FRAME_RESET_DNS);
		scene_free(s);
	}
}

/* There is no other: the reason of the dial is what the consumer gets. */
static void the_only_one_fails(void **state)
{
	for (unsigned at = 0; at < WORKERS; at++) {
		struct scene *s = scene_new(1, at, CONTROL_TCP);
		client_reset(provider_of(s), scene_join(s, 1), FRAME_RESET_REFUSED);
		scene_shuffle(s, at);
		assert_told(s, FRAME_RESET_REFUSED);
		assert_int_equal(provider_of(s)->n_opens, 1);
		scene_free(s);
	}
}

/* It fails while the consumer leaves. */
static void it_fails_for_nobody(void **state)
{
	for (unsigned i = 0; i < 60; i++) {
		struct scene *s = scene_new(1, i % WORKERS, CONTROL_TCP);
		uint32_t id = scene_join(s, 1);
		scene_provide(s, scene_link(s, &bob, "second", i / 3 % WORKERS), CONTROL_TCP);
		if (i % 2)
			client_reset(provider_of(s), id, FRAME_RESET_REFUSED);
		turn(s->n, i / 5 % WORKERS);
		client_reset(consumer_of(s), 1, FRAME_RESET_CANCELLED);
		turn(s->n, i / 7 % WORKERS);
		if (i % 2 == 0)
			client_reset(provider_of(s), id, FRAME_RESET_REFUSED);
		scene_shuffle(s, i);
		assert_int_equal(scene_bridges(s), 0);
		scene_free(s);
	}
}

/* ---- Being cut ---- */

static void cut_at_any_moment(void **state)
{
	unsigned seed = 1;
	for (unsigned i = 0; i < 400; i++) {
		unsigned far = i % WORKERS;
		struct scene *s = scene_new(1, far, CONTROL_TCP);
		open_tcp(s, 1);
		client_data(consumer_of(s), 1, "some");
		for (unsigned turns = i / 40; turns; turns--)
			turn(s->n, (unsigned)rand_r(&seed) % WORKERS);
		unsigned cut = scene_set(s, false, i % 5 == 0);
		assert_int_equal(cut, i % 5 ? 1 : 0);
		if (cut && far == 1) {
			/* Both ends at once. */
			assert_true(list_empty(&s->n->node.workers[1]->private->near));
			assert_true(list_empty(&s->n->node.workers[1]->private->far));
		}
		scene_shuffle(s, i);
		assert_int_equal(scene_bridges(s), 1 - cut);
		assert_int_equal(consumer_of(s)->n_resets, cut);
		if (cut)
			assert_int_equal(consumer_of(s)->reset, FRAME_RESET_DENIED);
		assert_int_equal(provider_of(s)->n_resets, cut ? provider_of(s)->n_opens : 0);
		if (provider_of(s)->n_resets)
			assert_int_equal(provider_of(s)->reset, FRAME_RESET_DENIED);
		scene_free(s);
	}
}

/*
 * The consumer has said all and heard all, so that his stream is closed; but the provider has not taken it. That is
 * cut like the rest.
 */
static void cut_when_half_of_it_is_over(void **state)
{
	for (unsigned i = 0; i < 2 * WORKERS; i++) {
		struct scene *s = scene_new(1, i % WORKERS, CONTROL_TCP);
		uint32_t id = scene_join(s, 1);
		struct stream *far =
			list_first(&s->provider->io.link.mux.streams, struct stream, all);
		far->credit = 0;
		client_data(consumer_of(s), 1, "secret");
		client_fin(consumer_of(s), 1, 0);
		client_fin(provider_of(s), id, 0);
		settle(s->n);
		assert_int_equal(consumer_of(s)->n_fins, 1);
		assert_true(list_empty(&s->consumer->io.link.mux.streams) ||
			    s->consumer == s->provider);
		assert_int_equal(scene_bridges(s), 1);
		if (i < WORKERS) {
			assert_int_equal(scene_set(s, false, false), 1);
			/* And not twice. */
			assert_int_equal(scene_set(s, false, false), 0);
		} else {
			scene_detach(s);
		}
		scene_shuffle(s, i);
		assert_int_equal(provider_of(s)->n_resets, 1);
		assert_int_equal(provider_of(s)->reset, FRAME_RESET_DENIED);
		assert_true(scene_got(s, s->provider, ""));
		assert_int_equal(scene_bridges(s), 0);
		scene_free(s);
	}
}

/* At any moment of that. */
static void cut_while_it_ends(void **state)
{
	unsigned seed = 11;
	for (unsigned i = 0; i < 300; i++) {
		struct scene *s = scene_new(1, i % WORKERS, CONTROL_TCP);
		uint32_t id = scene_join(s, 1);
		client_data(consumer_of(s), 1, "last");
		client_fin(consumer_of(s), 1, 0);
		client_fin(provider_of(s), id, 0);
		for (unsigned turns = i / 30; turns; turns--)
			turn(s->n, (unsigned)rand_r(&seed) % WORKERS);
		unsigned cut = scene_set(s, false, false);
		bool resets = i % 2;
		/* The provider ends it at the same moment. */
		if (resets && !provider_of(s)->n_fins)
			client_reset(provider_of(s), id, FRAME_RESET_ABORTED);
		scene_shuffle(s, i);
		assert_true(cut <= 1);
		assert_true(cut || (provider_of(s)->n_fins && consumer_of(s)->n_fins));
		assert_int_equal(scene_bridges(s), 0);
		scene_free(s);
	}
}

/* The provider's grant is gone, and so is what leads to it. */
static void the_service_is_denied(void **state)
{
	for (unsigned far = 0; far < WORKERS; far++) {
		struct scene *s = scene_new(1, far, CONTROL_TCP);
		uint32_t id = scene_join(s, 1);
		client_data(provider_of(s), id, "some");
		for (unsigned i = 0; i < WORKERS; i++)
			private_worker_cut(s->n->node.workers[i]->private,
				&s->services[0]->shards[i]);
		scene_shuffle(s, far);
		assert_told(s, FRAME_RESET_DENIED);
		assert_int_equal(provider_of(s)->reset, FRAME_RESET_DENIED);
		scene_free(s);
	}
}

/* ---- The end of the process ---- */

static void the_process_ends_at_any_moment(void **state)
{
	unsigned seed = 7;
	for (unsigned i = 0; i < 600; i++) {
		struct scene *s = scene_new(1, i % WORKERS, CONTROL_TCP);
		struct fake_client *c = provider_of(s);
		if (i % 4 == 0)
			scene_provide(s, scene_link(s, &bob, "second", i / 3 % WORKERS),
				CONTROL_TCP);
		bool finished = false;
		open_tcp(s, 1);
		if (i % 7 == 0)
			client_data(consumer_of(s), 1, "some");
		for (unsigned turns = i / 30; turns; turns--) {
			turn(s->n, (unsigned)rand_r(&seed) % WORKERS);
			client_of(s->n, c->link);
			unsigned what = (unsigned)rand_r(&seed) % 12;
			if (c->n_opens && !c->n_resets && what == 0)
				client_data(c, c->stream, "more");
			else if (c->n_opens && !c->n_resets && what == 1)
				client_reset(c, c->stream, FRAME_RESET_REFUSED);
			else if (what == 2)
				client_reset(consumer_of(s), 1, FRAME_RESET_CANCELLED);
			else if (what == 3 && !finished)
				client_fin(consumer_of(s), 1, 0);
			finished |= what == 2 || what == 3;
		}
		scene_end(s); /* and a sanitizer looks for what is left */
	}
}

static void it_drains(void **state)
{
	struct scene *s = scene_new(1, 2, CONTROL_TCP);
	uint32_t id = scene_join(s, 1);
	workers_drain(&s->n->workers);
	settle(s->n);
	assert_int_equal(scene_bridges(s), 1);
	client_data(provider_of(s), id, "to its end");
	client_fin(provider_of(s), id, 0);
	client_fin(consumer_of(s), 1, 0);
	settle(s->n);
	assert_true(scene_got(s, s->consumer, "to its end"));
	assert_int_equal(scene_bridges(s), 0);
	scene_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_ever_provided_it),
		cmocka_unit_test(it_comes_back),
		cmocka_unit_test(it_does_not_come_back),
		cmocka_unit_test(what_waits_may_go),
		cmocka_unit_test(as_many_wait_as_may_be),
		cmocka_unit_test(the_link_is_gone),
		cmocka_unit_test(the_link_is_always_gone),
		cmocka_unit_test(the_news_is_not_everywhere),
		cmocka_unit_test(one_fails_and_another_does_not),
		cmocka_unit_test(both_fail),
		cmocka_unit_test(the_only_one_fails),
		cmocka_unit_test(it_fails_for_nobody),
		cmocka_unit_test(cut_at_any_moment),
		cmocka_unit_test(cut_when_half_of_it_is_over),
		cmocka_unit_test(cut_while_it_ends),
		cmocka_unit_test(the_service_is_denied),
		cmocka_unit_test(the_process_ends_at_any_moment),
		cmocka_unit_test(it_drains),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
