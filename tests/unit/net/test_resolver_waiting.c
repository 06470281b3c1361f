/* SPDX-License-Identifier: MIT */
/* Who waits for whom when names are looked up: a silent server holds up nobody else. */
#include "asking.h"

/* ---- Who waits for whom ---- */

static struct ask many[RESOLVER_THREADS * 2];

static void ask_silent(size_t n)
{
	char host[32];
	for (size_t i = 0; i < n; i++) {
		snprintf(host, sizeof host, "silent%zu", i);
		ask(&many[i], host);
	}
}

static void release_all(void)
{
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		resolver_release(&many[i].query);
}

/* More silent names than threads: those that were quick before are not held up. */
static void silent_names_hold_up_no_quick_one(void **state)
{
	struct ask quick = {0};
	answer_to(&quick, "quick");
	later(RESOLVER_FRESH + RESOLVER_STALE);
	set_silent(true);
	ask_silent(ARRAY_LEN(many));
	wait_until_stuck(RESOLVER_THREADS - 8);
	unsigned before = asked;
	assert_string_equal(answer_to(&quick, "quick"), "4a");
	assert_int_equal(asked, before + 1);

	/* Those are known to be slow now: half of the threads are for others, new ones too. */
	skipped += 2 * CLOCK_S;
	answered = 0;
	set_silent(false);
	turn_until(ARRAY_LEN(many));
	release_all();
	later(RESOLVER_FRESH + RESOLVER_STALE);
	set_silent(true);
	ask_silent(RESOLVER_THREADS - 8);
	wait_until_stuck(RESOLVER_THREADS / 2);
	assert_string_equal(answer_to(&quick, "new"), "4a");
	answered = 0;
	set_silent(false);
	turn_until(RESOLVER_THREADS - 8);
	release_all();
}

static void one_name_holds_one_thread(void **state)
{
	struct ask other = {0};
	set_silent(true);
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		ask(&many[i], "silent");
	wait_until_stuck(1);
	assert_string_equal(answer_to(&other, "name"), "4a");
	assert_int_equal(asked, 2);
	release_all();
	/* Nobody waits for it any more; who asks then waits for the same. */
	ask(&many[0], "silent");
	answered = 0;
	set_silent(false);
	turn_until(1);
	assert_int_equal(asked, 2);
	resolver_release(&many[0].query);
}

/* A look-up that nobody waits for any more is not begun. */
static void a_released_query_frees_its_place(void **state)
{
	set_silent(true);
	ask_silent(RESOLVER_THREADS);
	wait_until_stuck(RESOLVER_THREADS - 8);
	struct ask gone = {0}, stays = {0};
	ask(&gone, "gone");
	ask(&stays, "stays");
	resolver_release(&gone.query);
	resolver_release(&gone.query);
	for (size_t i = RESOLVER_THREADS - 8; i < RESOLVER_THREADS; i++)
		resolver_release(&many[i].query);
	answered = 0;
	set_silent(false);
	turn_until(RESOLVER_THREADS - 8 + 1);
	assert_int_equal(asked, RESOLVER_THREADS - 8 + 1);
	assert_int_equal(stays.answers, 1);
	assert_int_equal(gone.answers, 0);
	release_all();
	resolver_release(&stays.query);
}

static struct ask victim, killer;

static void release_the_other(struct resolver_query *query, const struct address *list, size_t n,
	const char *why)
{
	done(query, list, n, why);
	resolver_release(&victim.query);
	resolver_release(query);
}

static void who_is_called_may_release_others(void **state)
{
	answered = 0;
	ask(&killer, "name");
	ask(&victim, "name");
	killer.query.done = release_the_other;
	turn_until(1);
	turn_once();
	assert_int_equal(victim.answers, 0);

	/* And with an answer that was known. */
	ask(&killer, "name");
	ask(&victim, "name");
	killer.query.done = release_the_other;
	answered = 0;
	turn_until(1);
	turn_once();
	assert_int_equal(victim.answers, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(silent_names_hold_up_no_quick_one),
		TEST(one_name_holds_one_thread),
		TEST(a_released_query_frees_its_place),
		TEST(who_is_called_may_release_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
