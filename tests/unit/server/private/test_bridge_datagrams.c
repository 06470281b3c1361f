/* SPDX-License-Identifier: MIT */
/* A consumer's flow of datagrams and the one to its provider, joined, on one worker and across two. */
#include "scene.h"

/* Workers of the consumer and the provider. */
static const unsigned ways[][2] = {{1, 1}, {1, 2}, {2, 0}};
#define WAYS ARRAY_LEN(ways)

static struct scene *scene_way(size_t way)
{
	return scene_new(ways[way][0], ways[way][1], CONTROL_UDP);
}

static struct fake_client *consumer_of(struct scene *s)
{
	return client_of(s->n, s->consumer);
}

static struct fake_client *provider_of(struct scene *s)
{
	return client_of(s->n, s->provider);
}

static void open_udp(struct scene *s, uint32_t id)
{
	scene_open(s, id, FRAME_KIND_UDP, ATTACHED);
}

static void datagrams_go_both_ways(void **state)
{
	for (size_t way = 0; way < WAYS; way++) {
		struct scene *s = scene_way(way);
		uint32_t id = scene_join(s, 1);
		assert_int_equal(provider_of(s)->open.kind, FRAME_KIND_UDP);
		assert_int_equal(provider_of(s)->open.service, SERVICE);
		assert_int_equal(provider_of(s)->open.link, LINK_ID);
		for (int i = 0; i < 3; i++)
			client_datagram(consumer_of(s), 1, i ? "question " : "");
		settle(s->n);
		assert_int_equal(provider_of(s)->n_datagrams, 3);
		assert_true(scene_got(s, s->provider, "question question "));
		client_datagram(provider_of(s), id, "answer");
		settle(s->n);
		assert_int_equal(consumer_of(s)->n_datagrams, 1);
		assert_true(scene_got(s, s->consumer, "answer"));
		client_reset(consumer_of(s), 1, FRAME_RESET_TIMEOUT);
		settle(s->n);
		assert_int_equal(provider_of(s)->n_resets, 1);
		assert_int_equal(provider_of(s)->reset, FRAME_RESET_TIMEOUT);
		assert_string_equal(scene_logged(s),
			" method=PRIVATE host=redis bytes_in=18 bytes_out=6 consumer=alice "
			"link=77");
		assert_int_equal(scene_bridges(s), 0);
		scene_free(s);
	}
}

/* The first ones come with OPEN, while there is nobody yet. */
static void the_first_ones_wait(void **state)
{
	for (size_t way = 0; way < WAYS; way++) {
		struct scene *s = scene_way(way);
		open_udp(s, 1);
		client_datagram(consumer_of(s), 1, "first");
		client_datagram(consumer_of(s), 1, "second");
		settle(s->n);
		assert_int_equal(provider_of(s)->n_datagrams, 2);
		assert_true(scene_got(s, s->provider, "firstsecond"));
		assert_int_equal(scene_held(s), 0);
		scene_free(s);
	}
}

/* But not for long, and not many. */
static void they_do_not_wait_for_long(void **state)
{
	static char large[4001];
	struct scene *s = scene_way(0);
	scene_withdraw(s, s->services[0]);
	open_udp(s, 1);
	memset(large, 'x', 4000);
	for (int i = 0; i < 100; i++)
		client_datagram(consumer_of(s), 1, large);
	settle(s->n);
	assert_true(scene_held(s) > FLOW_UNSENT_MAX / 2);
	assert_true(scene_held(s) <= FLOW_UNSENT_MAX);
	usleep(FLOW_AGE_MAX + 10000);
	client_datagram(consumer_of(s), 1, "late");
	assert_true(scene_held(s) < 1000);
	s->provider = scene_link(s, &bob, "another", 1);
	scene_provide(s, s->provider, CONTROL_UDP);
	settle(s->n);
	assert_true(scene_got(s, s->provider, "late"));
	assert_int_equal(scene_held(s), 0);
	scene_free(s);
}

/* Who does not get his turns loses some; nothing piles up. */
static void a_worker_that_is_busy(void **state)
{
	static char large[4001];
	struct scene *s = scene_new(1, 2, CONTROL_UDP);
	scene_join(s, 1);
	memset(large, 'x', 4000);
	for (int i = 0; i < 1000; i++)
		client_datagram(consumer_of(s), 1, large);
	unsigned n;
	/* Until the socket has been read empty. */
	do {
		n = provider_of(s)->n_datagrams;
		settle(s->n);
	} while (provider_of(s)->n_datagrams > n);
	assert_true(n > 10);
	assert_true(n <= FLOW_UNSENT_MAX / 4000);
	/* There is room again. */
	client_datagram(consumer_of(s), 1, "small");
	settle(s->n);
	assert_int_equal(provider_of(s)->n_datagrams, n + 1);
	scene_free(s);
}

static void another_is_tried(void **state)
{
	for (unsigned at = 0; at < WORKERS; at++) {
		struct scene *s = scene_new(1, 1, CONTROL_UDP);
		uint32_t id = scene_join(s, 1);
		client_datagram(consumer_of(s), 1, "lost");
		settle(s->n);
		struct server_link *first = s->provider;
		s->provider = scene_link(s, &bob, "second", at);
		scene_provide(s, s->provider, CONTROL_UDP);
		client_reset(client_of(s->n, first), id, FRAME_RESET_UNREACHABLE);
		settle(s->n);
		client_datagram(consumer_of(s), 1, "again");
		settle(s->n);
		assert_true(scene_got(s, s->provider, "again"));
		scene_free(s);
	}
}

static void cut_at_any_moment(void **state)
{
	unsigned seed = 3;
	for (unsigned i = 0; i < 150; i++) {
		struct scene *s = scene_new(1, i % WORKERS, CONTROL_UDP);
		open_udp(s, 1);
		client_datagram(consumer_of(s), 1, "some");
		for (unsigned turns = i / 15; turns; turns--)
			turn(s->n, (unsigned)rand_r(&seed) % WORKERS);
		if (provider_of(s)->n_opens)
			client_datagram(provider_of(s), provider_of(s)->stream, "some");
		assert_int_equal(scene_set(s, false, false), 1);
		scene_shuffle(s, i);
		assert_int_equal(scene_bridges(s), 0);
		assert_int_equal(consumer_of(s)->n_resets, 1);
		assert_int_equal(consumer_of(s)->reset, FRAME_RESET_DENIED);
		assert_int_equal(provider_of(s)->n_resets, provider_of(s)->n_opens);
		scene_free(s);
	}
}

/* A flow holds up no end of the process, and works until then. */
static void it_does_not_hold_up_the_end(void **state)
{
	struct scene *s = scene_new(1, 2, CONTROL_UDP);
	scene_join(s, 1);
	assert_int_equal(scene_bridges(s), 1);
	workers_drain(&s->n->workers);
	settle(s->n);
	assert_int_equal(scene_bridges(s), 0);
	client_datagram(consumer_of(s), 1, "still");
	settle(s->n);
	assert_true(scene_got(s, s->provider, "still"));
	scene_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams_go_both_ways),
		cmocka_unit_test(the_first_ones_wait),
		cmocka_unit_test(they_do_not_wait_for_long),
		cmocka_unit_test(a_worker_that_is_busy),
		cmocka_unit_test(another_is_tried),
		cmocka_unit_test(cut_at_any_moment),
		cmocka_unit_test(it_does_not_hold_up_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
