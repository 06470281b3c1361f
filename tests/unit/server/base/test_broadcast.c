/* SPDX-License-Identifier: MIT */
/* Something that every worker does once, in order; or one of them, behind what was sent there before. */
#include "server/base/broadcast.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "tests/unit/server/base/workers.h"

static struct server_options options = {.memory_budget = 1 << 20};
static struct test_workers workers;
static char text[200];

struct walk {
	struct broadcast broadcast;
	char name;
};

static void tell(const struct broadcast *b, const char *what)
{
	sprintf(text + strlen(text), "%c%s ", container_of(b, struct walk, broadcast)->name, what);
}

static void run(struct broadcast *b, struct worker *w)
{
	tell(b, w->index == 0 ? "0" : w->index == 1 ? "1" : "2");
}

static void done(struct broadcast *b)
{
	tell(b, ".");
}

static void discard(struct broadcast *b)
{
	tell(b, "!");
}

static const struct broadcast_ops ops = {.run = run, .done = done, .discard = discard};
static const struct broadcast_ops run_alone = {.run = run};

static int begin(void **state)
{
	text[0] = 0;
	test_workers_open(&workers, &options);
	return 0;
}

static void test_order(void **state)
{
	struct walk a = {.name = 'a'}, b = {.name = 'b'};
	broadcast_send(&a.broadcast, &workers.node, &ops);
	assert_string_equal(text, "a0 "); /* and done() never comes from within */
	test_workers_turn(&workers, 2);
	assert_string_equal(text, "a0 ");
	broadcast_send(&b.broadcast, &workers.node, &ops);
	test_workers_settle(&workers);
	assert_string_equal(text, "a0 b0 a1 b1 a2 b2 a. b. ");
	test_workers_close(&workers);
	assert_string_equal(text, "a0 b0 a1 b1 a2 b2 a. b. ");
}

static void test_one(void **state)
{
	struct walk a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
	broadcast_send_to(&a.broadcast, &workers.node, 0, &ops);
	assert_string_equal(text, ""); /* not at once, on the main thread's own worker either */
	broadcast_send_to(&b.broadcast, &workers.node, 2, &ops);
	broadcast_send_to(&c.broadcast, &workers.node, 2, &run_alone);
	test_workers_settle(&workers);
	assert_string_equal(text, "a0 b2 c2 a. b. ");
	test_workers_close(&workers);
}

/* Wherever the process's end finds it: done() or discard(), once. */
static void test_discard(void **state)
{
	static const char *const seen[] = {"a0 a! ", "a0 a1 a! ", "a0 a1 a2 a! ", "a0 a1 a2 a. "};
	for (unsigned stations = 0; stations < ARRAY_LEN(seen); stations++) {
		struct walk a = {.name = 'a'}, b = {.name = 'b'};
		if (stations)
			begin(NULL);
		broadcast_send(&a.broadcast, &workers.node, &ops);
		for (unsigned i = 1; i <= stations; i++)
			test_workers_turn(&workers, i % 3);
		size_t n = strlen(text);
		broadcast_send(&b.broadcast, &workers.node, &run_alone);
		memset(text + n, 0, sizeof(text) - n); /* what b did is not looked at */
		test_workers_close(&workers);
		assert_string_equal(text, seen[stations]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_order, begin),
		cmocka_unit_test_setup(test_one, begin),
		cmocka_unit_test_setup(test_discard, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
