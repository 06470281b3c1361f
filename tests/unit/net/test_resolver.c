/* SPDX-License-Identifier: MIT */
/*
 * The cache of names, and who waits for whom. The look-up is the test's own, and so is the clock:
 * nothing here waits for time to pass.
 */
#include "asking.h"

/* ---- The cache ---- */

static void equal_look_ups_are_one(void **state)
{
	static struct ask all[100];
	answered = 0;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		ask(&all[i], "name");
	turn_until(ARRAY_LEN(all));
	assert_int_equal(asked, 1);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		assert_int_equal(all[i].answers, 1);
		assert_string_equal(all[i].list, "4a");
		assert_int_equal(all[i].port, 80);
		resolver_release(&all[i].query);
	}
	struct ask other = {0};
	answer_to(&other, "other");
	assert_int_equal(asked, 2);
}

static void an_answer_is_fresh_then_stale_then_gone(void **state)
{
	struct ask a = {0};
	assert_string_equal(answer_to(&a, "silent"), "4a");
	know("4b");
	later(RESOLVER_FRESH - CLOCK_S);
	assert_string_equal(answer_to(&a, "silent"), "4a");
	assert_int_equal(asked, 1);

	/* The old one at once, and the new one from then on. */
	set_silent(true);
	later(2 * CLOCK_S);
	assert_string_equal(answer_to(&a, "silent"), "4a");
	set_silent(false);
	while (strcmp(a.list, "4b") != 0)
		answer_to(&a, "silent");
	assert_int_equal(asked, 2);

	know("4c");
	later(RESOLVER_FRESH + RESOLVER_STALE);
	assert_string_equal(answer_to(&a, "silent"), "4c");
}

static void what_did_not_connect_is_asked_for_anew(void **state)
{
	struct ask a = {0};
	answer_to(&a, "name");
	know("4b");
	later(2 * RESOLVER_FAILED);
	answered = 0;
	ask(&a, "name");
	turn_until(1);
	assert_string_equal(a.list, "4a");
	assert_false(resolver_doubt(&a.query));
	resolver_release(&a.query);
	assert_string_equal(answer_to(&a, "name"), "4b");

	/* One who had the answer before knows nothing about the new one. */
	struct ask late = {0};
	know("4c");
	later(2 * RESOLVER_FAILED);
	ask(&late, "name");
	ask(&a, "name");
	answered = 0;
	turn_until(2);
	resolver_doubt(&a.query);
	resolver_release(&a.query);
	assert_string_equal(answer_to(&a, "name"), "4c");
	unsigned before = asked;
	later(2 * RESOLVER_FAILED);
	assert_false(resolver_doubt(&late.query));
	resolver_release(&late.query);
	assert_string_equal(answer_to(&a, "name"), "4c");
	assert_int_equal(asked, before);
}

static int dialled;

static void dial_done(struct dial *dial, int fd)
{
	dialled = fd;
}

static void close_it(struct listener *listener, int fd, const struct address *peer)
{
	close(fd);
}

/* Dials an address of a stale answer, at which nobody listens; the new answer does not come yet. */
static void dial_old(struct dial *dial, uint16_t port, uint64_t deadline)
{
	struct ask a = {0};
	know("42");
	answer_to(&a, "silent"); /* not yet */
	later(RESOLVER_FRESH);
	set_silent(true);
	dialled = INT_MIN;
	dial_start(dial, loop, resolver, "silent", port, deadline, dial_done);
	wait_until_stuck(1);
	for (int i = 0; i < 10; i++)
		turn_once();
	assert_int_equal(dialled, INT_MIN);
}

/* The first one after a pause has an answer that may be old, and must not fail by that. */
static void a_stale_answer_that_does_not_connect(void **state)
{
	struct listener listener;
	struct error err;
	struct dial dial;
	assert_int_equal(listener_open(&listener, loop, "127.0.0.1", 0, close_it, NULL, &err), 0);
	dial_old(&dial, listener.port, CLOCK_NEVER);
	know("41");
	set_silent(false);
	while (dialled == INT_MIN)
		loop_turn(loop);
	assert_true(dialled >= 0);
	assert_int_equal(dial.address.bytes[3], 1);
	close(dialled);
	listener_close(&listener);

	/* If it is the same, it fails as it did. */
	dialled = INT_MIN;
	later(RESOLVER_FRESH);
	dial_start(&dial, loop, resolver, "silent", listener.port, CLOCK_NEVER, dial_done);
	while (dialled == INT_MIN)
		loop_turn(loop);
	assert_int_equal(dialled, -ECONNREFUSED);
	assert_int_equal(asked, 3);
}

/* Its time is up while it waits for the new answer, which comes later. */
static void a_dial_that_ends_before_the_new_answer(void **state)
{
	struct ask a = {0};
	struct dial dial;
	dial_old(&dial, 1, clock_now() + RESOLVER_FRESH + CLOCK_S);
	later(CLOCK_S);
	while (dialled == INT_MIN)
		loop_turn(loop);
	assert_int_equal(dialled, -ECONNREFUSED);
	know("4c");
	set_silent(false);
	assert_string_equal(answer_to(&a, "silent"), "4c");
}

static void a_name_that_is_not_there_is_looked_for_soon(void **state)
{
	struct ask a = {0};
	know("");
	assert_string_equal(answer_to(&a, "name"), "");
	know("4a");
	assert_string_equal(answer_to(&a, "name"), "");
	assert_int_equal(asked, 1);
	later(RESOLVER_FAILED);
	assert_string_equal(answer_to(&a, "name"), "4a");
}

/* Servers that do not answer take nothing away; one that says "no such name" does. */
static void an_outage_leaves_what_was_known(void **state)
{
	struct ask a = {0};
	answer_to(&a, "name");
	outage = true;
	for (int i = 0; i < 50; i++) {
		later(RESOLVER_STALE / 2);
		assert_string_equal(answer_to(&a, "name"), "4a");
	}
	assert_true(asked > 1);
	later(RESOLVER_OUTAGE);
	assert_string_equal(answer_to(&a, "name"), "");

	outage = false;
	later(RESOLVER_FAILED);
	assert_string_equal(answer_to(&a, "name"), "4a");
	know("");
	later(RESOLVER_FRESH + RESOLVER_STALE);
	assert_string_equal(answer_to(&a, "name"), "");
}

static void names_are_bounded(void **state)
{
	struct ask a = {0};
	char host[32];
	for (int i = 0; i < RESOLVER_NAMES_MAX + 1; i++) {
		snprintf(host, sizeof host, "name%d", i);
		answer_to(&a, host);
	}
	unsigned before = asked;
	answer_to(&a, "name2");
	assert_int_equal(asked, before);
	answer_to(&a, "name0");
	assert_int_equal(asked, before + 1);
}

static void names_that_cannot_be(void **state)
{
	struct ask a = {0};
	char longest[2000];
	memset(longest, 'a', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(resolver_ask(resolver, &a.query, longest), -EINVAL);
	assert_int_equal(resolver_ask(resolver, &a.query, ""), -EINVAL);
	resolver_release(&a.query);
}

/* ---- Which address ---- */

static void addresses_in_turn(void **state)
{
	static const struct {
		const char *known;
		enum resolver_order order;
		const char *lists[4];
	} cases[] = {
		{"4a", RESOLVER_IN_TURN, {"4a", "4a", "4a", "4a"}},
		{"4a+4b+4c", RESOLVER_IN_TURN, {"4a+4b+4c", "4b+4c+4a", "4c+4a+4b", "4a+4b+4c"}},
		{"4a+4b+4c", RESOLVER_AS_TOLD, {"4a+4b+4c", "4a+4b+4c", "4a+4b+4c", "4a+4b+4c"}},
		{"6a+6b+4a+4b+4c", RESOLVER_IN_TURN,
			{"6a+4a+6b+4b+4c", "6b+4b+6a+4c+4a", "6a+4c+6b+4a+4b", "6b+4a+6a+4b+4c"}},
		{"4a+6a", RESOLVER_IN_TURN, {"4a+6a", "4a+6a", "4a+6a", "4a+6a"}},
		{"4a+4b+4c+4d+4e+4f+4g+4h+4i", RESOLVER_IN_TURN,
			{"4a+4b+4c+4d+4e+4f+4g+4h", "4b+4c+4d+4e+4f+4g+4h+4i",
				"4c+4d+4e+4f+4g+4h+4i+4a", "4d+4e+4f+4g+4h+4i+4a+4b"}},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char host[16];
		snprintf(host, sizeof host, "host%zu", i);
		know(cases[i].known);
		struct ask a = {.query.order = cases[i].order};
		for (size_t k = 0; k < 4; k++)
			assert_string_equal(answer_to(&a, host), cases[i].lists[k]);
	}
}

static void what_does_not_connect_comes_last(void **state)
{
	struct ask a = {0};
	know("4a+4b+4c");
	struct address b = address_of("4b"), unknown = address_of("4z");
	ask(&a, "name");
	resolver_report(&a.query, &b, false); /* before there is an answer */
	answered = 0;
	turn_until(1);
	resolver_report(&a.query, &b, false);
	resolver_report(&a.query, &unknown, false);
	resolver_release(&a.query);
	resolver_report(&a.query, &b, false);
	for (int i = 0; i < 6; i++)
		assert_string_equal(answer_to(&a, "name") + 6, "4b");

	/* Another answer with the same address changes nothing; time does, or a connection. */
	know("4b+4c+4a");
	later(RESOLVER_FRESH + RESOLVER_STALE - 10 * CLOCK_S);
	while (asked < 2)
		answer_to(&a, "name");
	turn_until(1);
	assert_string_equal(answer_to(&a, "name") + 6, "4b");
	ask(&a, "name");
	answered = 0;
	turn_until(1);
	resolver_report(&a.query, &b, true);
	resolver_release(&a.query);
	bool first = false;
	for (int i = 0; i < 6; i++) /* a new answer in between may move the turns */
		first |= strncmp(answer_to(&a, "name"), "4b", 2) == 0;
	assert_true(first);
}

/* The time of all that are avoided begins with the first: one after another, they do not stay so for ever. */
static void avoiding_ends(void **state)
{
	struct ask a = {0};
	know("4a+4b");
	answer_to(&a, "name");
	ask(&a, "name");
	answered = 0;
	turn_until(1);
	struct address first = address_of("4a"), second = address_of("4b");
	resolver_report(&a.query, &second, false);
	later(RESOLVER_AVOIDED / 2);
	resolver_report(&a.query, &second, false);
	resolver_report(&a.query, &first, true); /* is no news */
	resolver_release(&a.query);
	for (int i = 0; i < 2; i++)
		assert_string_equal(answer_to(&a, "name"), "4a+4b");
	later(RESOLVER_AVOIDED / 2);
	bool leads = false;
	for (int i = 0; i < 4; i++)
		leads |= strncmp(answer_to(&a, "name"), "4b", 2) == 0;
	assert_true(leads);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(equal_look_ups_are_one),
		TEST(an_answer_is_fresh_then_stale_then_gone),
		TEST(what_did_not_connect_is_asked_for_anew),
		TEST(a_stale_answer_that_does_not_connect),
		TEST(a_dial_that_ends_before_the_new_answer),
		TEST(a_name_that_is_not_there_is_looked_for_soon),
		TEST(an_outage_leaves_what_was_known),
		TEST(names_are_bounded),
		TEST(names_that_cannot_be),
		TEST(addresses_in_turn),
		TEST(what_does_not_connect_comes_last),
		TEST(avoiding_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
