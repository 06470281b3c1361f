/* SPDX-License-Identifier: MIT */
/* Which flow goes for a new one: forged senders against those that were answered, and against each other. */
#include "net/flow_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

#define SHARE 8

/*
 * Steps: a letter begins that flow, "!" behind it is an answer, "." hears it again, "-" ends it; a digit
 * passes so many tenths of FLOW_ANSWER_TIME. Then victims go until none is left.
 */
static const struct {
	const char *name, *steps, *order;
	unsigned share;
} rows[] = {
	{"nothing there", "", "", SHARE},
	{"never answered, oldest first", "abc99", "abc", SHARE},
	{"not yet answered: the last that came", "abc", "cba", SHARE},
	{"the first had its time, the others not", "a99bc", "acb", SHARE},
	{"asking again earns nothing", "ab99a.", "ab", SHARE},
	{"answered ones last", "ab!c99", "acb", SHARE},
	{"those that went on behind them", "a!a.b!c99", "cba", SHARE},
	{"idle longest, in each kind", "a!b!a!c!c.d!d.c!", "badc", SHARE},
	{"an answer after going on keeps its kind", "a!a.a!b!", "ba", SHARE},
	{"ended ones are gone", "ab!c!c.a-c-", "b", SHARE},
	/* 1 of 9 is less than an eighth. */
	{"a question under way among finished ones", "a!b!c!d!e!f!g!h!x", "axbcdefgh", SHARE},
	{"but not at the cost of those that went on", "a!a.b!b.c!c.d!d.x", "xabcd", 1},
	{"half of the room", "a!b!c!xy", "aybxc", 2},
};

static void play(struct flow_queue *q, struct flow_place *flows, const char *steps, uint64_t *now)
{
	for (const char *s = steps; *s; s++) {
		if (*s >= '0' && *s <= '9') {
			*now += (uint64_t)(*s - '0') * FLOW_ANSWER_TIME / 10;
			continue;
		}
		struct flow_place *p = &flows[*s - 'a'];
		switch (s[1]) {
		case '!':
			if (!p->link.next)
				flow_queue_add(q, p, *now);
			flow_queue_answered(q, p);
			break;
		case '.':
			flow_queue_heard(q, p);
			break;
		case '-':
			flow_queue_remove(q, p);
			break;
		default:
			flow_queue_add(q, p, *now);
			continue;
		}
		s++;
	}
}

static void test_order(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct flow_queue q;
		struct flow_place flows[26] = {0}, *p;
		uint64_t now = 1;
		char order[27] = "";
		flow_queue_init(&q);
		play(&q, flows, rows[i].steps, &now);
		assert_int_equal(flow_queue_count(&q), strlen(rows[i].order));
		while ((p = flow_queue_victim(&q, rows[i].share, now))) {
			strncat(order, &(char){(char)('a' + (p - flows))}, 1);
			flow_queue_remove(&q, p);
			flow_queue_remove(&q, p); /* legal */
		}
		if (strcmp(order, rows[i].order) != 0)
			fail_msg("%s: %s, not %s", rows[i].name, order, rows[i].order);
		assert_int_equal(flow_queue_count(&q), 0);
	}
}

enum {
	ROOM = 1024,
	GOOD = 8,
	FORGED = 100000,
	HONEST_EVERY = 100,
	PENDING = FORGED / HONEST_EVERY
};

static struct flow_place places[GOOD + FORGED];

static void admit(struct flow_queue *q, struct flow_place *p, uint64_t now)
{
	if (flow_queue_count(q) >= ROOM)
		flow_queue_remove(q, flow_queue_victim(q, SHARE, now));
	flow_queue_add(q, p, now);
}

/*
 * A hundred thousand senders in one second, of which each hundredth is honest and answered within half of
 * FLOW_ANSWER_TIME: none that was answered before is lost, and the honest ones get at least half of what
 * their part of all would be.
 */
static void test_flood(void **state)
{
	struct flow_queue q;
	uint64_t now = 1;
	unsigned answered = 0;
	flow_queue_init(&q);
	for (unsigned i = 0; i < GOOD; i++) {
		admit(&q, &places[i], now);
		flow_queue_answered(&q, &places[i]);
	}
	for (unsigned i = 0; i < FORGED; i++) {
		admit(&q, &places[GOOD + i], now += 10);
		/* The honest one of then is answered now, if it is still there. */
		unsigned then = i - (unsigned)(FLOW_ANSWER_TIME / 2 / 10);
		if (i < then || then % HONEST_EVERY)
			continue;
		struct flow_place *p = &places[GOOD + then];
		if (!list_linked(&p->link))
			continue;
		answered++;
		flow_queue_remove(&q, p); /* and ends soon */
	}
	for (unsigned i = 0; i < GOOD; i++)
		assert_true(list_linked(&places[i].link));
	unsigned chances = (ROOM - GOOD) * (unsigned)(CLOCK_S / FLOW_ANSWER_TIME);
	assert_in_range(answered, chances / HONEST_EVERY / 2, PENDING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_flood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
