/* SPDX-License-Identifier: MIT */
/*
 * Streams to a private service through an exit node on one, two and four workers: random bytes, pauses, half-closes,
 * resets, dials that fail, cuts, links that end. What arrives is a prefix of what was sent, and all of it where it
 * ended in order; nothing stands still for ever, and nothing is left.
 *
 * TUNNEL_BRIDGES_SECONDS: how long to go on drawing; without it each is done once.
 */
#include "bridges.h"

#include <dirent.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "base/macros.h"

static uint32_t seed;

static bool is_over(const struct bridges *b)
{
	return atomic_load(&b->consumer.n_over) == TALKS && bridges_live(b) == 0 &&
	       atomic_load(&b->provider.n_live) == 0;
}

static bool half_over(const struct bridges *b)
{
	return atomic_load(&b->consumer.n_over) >= TALKS / 3 && atomic_load(&b->provider.n_live);
}

/* Ended in order, with all that the other one gave. */
static bool is_whole(const struct talk_end *e, const struct talk_end *other)
{
	return e->begun && !e->resetting && e->reason == FRAME_RESET_NONE && e->got_end &&
	       e->got == other->gave && e->gave == e->script.give;
}

/* `disturbed`: cuts, links that ended or memory that was short may have ended any of them. */
static unsigned check(const struct bridges *b, bool disturbed)
{
	unsigned whole = 0;
	for (unsigned i = 0; i < TALKS; i++) {
		const struct talk *t = &b->talks[i];
		const struct talk_end *near = &t->near, *far = &t->far;
		assert_true(near->begun && near->over);
		assert_true(!far->begun || far->over);
		assert_true(near->got <= far->gave && far->got <= near->gave);
		bool both = is_whole(near, far) && is_whole(far, near);
		bool reset = near->resetting || far->resetting;
		bool refused = near->reason == FRAME_RESET_REFUSED;
		/* One ended in order: then the other did, or was given up when all had been said. */
		if (near->reason == FRAME_RESET_NONE && !near->resetting)
			assert_true(is_whole(near, far));
		if (!both && !reset && !refused && !disturbed)
			fail_msg("seed %u: talk %u ended by %s and %s", b->seed, t->number,
				frame_reset_name(near->reason),
				far->begun ? frame_reset_name(far->reason) : "nothing");
		whole += both;
	}
	return whole;
}

static void begin(struct bridges *b)
{
	client_order(&b->provider, client_begin);
	client_order(&b->consumer, client_begin);
}

static unsigned descriptors(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/fd");
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void run(const struct bridges_config *config, bool cutting, bool killing)
{
	struct bridges *b = calloc(1, sizeof(*b));
	assert_non_null(b);
	unsigned before = descriptors();
	bool short_of_memory = config->memory_budget < 8 << 20;
	b->seed = ++seed;
	bridges_open(b, config);
	for (int round = 0; round < 3; round++) {
		begin(b);
		for (int i = 0; cutting && i < 20; i++) {
			bridges_set(b, false);
			bridges_set(b, true);
		}
		bridges_wait(b, is_over, "all talks to end");
		unsigned whole = check(b, cutting || short_of_memory);
		if (!cutting && !short_of_memory)
			assert_true(whole > TALKS / 3);
	}
	if (killing) {
		begin(b);
		bridges_wait(b, half_over, "some talks to begin");
		client_order(b->seed % 2 ? &b->consumer : &b->provider, client_hang_up);
		client_order(&b->consumer, client_hang_up);
		bridges_wait(b, is_over, "talks to end with their links");
		check(b, true);
	}
	bridges_close(b);
	assert_int_equal(descriptors(), before);
	free(b);
}

static const struct bridges_config configs[] = {
	{.workers = 1, .consumer_links = 1, .provider_links = 1, .memory_budget = 64 << 20},
	{.workers = 2, .consumer_links = 1, .provider_links = 1, .memory_budget = 64 << 20},
	{.workers = 2, .consumer_links = 2, .provider_links = 2, .memory_budget = 2 << 20},
	{.workers = 4, .consumer_links = 3, .provider_links = 2, .memory_budget = 64 << 20},
};

static void anything(void **state)
{
	const char *text = getenv("TUNNEL_BRIDGES_SECONDS");
	time_t end = time(NULL) + (text ? atoi(text) : 0);
	do {
		for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
			run(&configs[i], false, true);
			run(&configs[i], true, false);
		}
	} while (time(NULL) < end);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(anything)};
	const struct log_options quiet = {.level = LOG_ERROR, .access_off = true};
	struct error err;
	if (log_start(&quiet, &err) < 0)
		return EXIT_FAILURE;
	seed = argc > 1 ? (uint32_t)atoi(argv[1]) - 1 : 0;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	log_stop();
	return failed;
}
