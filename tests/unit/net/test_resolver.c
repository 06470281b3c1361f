/*
 * The cache of names, and who waits for whom. The look-up is the test's own, and so is the clock:
 * nothing here waits for time to pass.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "net/dial.h"
#include "net/listener.h"
#include "net/resolver.h"

static atomic_uint_fast64_t skipped; /* µs */

uint64_t clock_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * CLOCK_S + (uint64_t)t.tv_nsec / 1000 + skipped;
}

static struct loop *loop;
static struct resolver *resolver;

/* What the name servers know; behind the lock, as helper threads ask. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static char
	known[128]; /* the answer for every name: "6a+4b", families and last bytes; "": no name */
static bool outage;
static bool silent; /* names that begin with "silent" have no answer yet */
static unsigned asked, stuck;

static struct address address_of(const char *text)
{
	if (text[1] <= '9') /* of loopback */
		return (struct address){.family = ADDRESS_V4,
			.bytes = {127, 0, 0, (uint8_t)(text[1] - '0')}};
	return (struct address){.family = (uint8_t)(text[0] - '0'), .bytes = {(uint8_t)text[1]}};
}

static void fake(const char *host, struct resolve_answer *out)
{
	pthread_mutex_lock(&lock);
	asked++;
	if (strncmp(host, "silent", 6) == 0) {
		stuck++;
		pthread_cond_broadcast(&changed);
		while (silent)
			pthread_cond_wait(&changed, &lock);
		stuck--;
	}
	*out = (struct resolve_answer){.temporary = outage, .why = "no such name"};
	for (const char *p = known; *p && !outage; p += p[2] ? 3 : 2)
		out->list[out->n++] = address_of(p);
	pthread_mutex_unlock(&lock);
}

static void know(const char *answer)
{
	pthread_mutex_lock(&lock);
	snprintf(known, sizeof known, "%s", answer);
	pthread_mutex_unlock(&lock);
}

static void set_silent(bool to)
{
	pthread_mutex_lock(&lock);
	silent = to;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void wait_until_stuck(unsigned n)
{
	pthread_mutex_lock(&lock);
	while (stuck < n)
		pthread_cond_wait(&changed, &lock);
	unsigned found = stuck;
	pthread_mutex_unlock(&lock);
	assert_int_equal(found, n);
}

static int setup(void **state)
{
	know("4a");
	outage = false;
	asked = 0;
	loop = loop_new();
	resolver = resolver_new(loop, fake);
	return loop && resolver ? 0 : -1;
}

static int teardown(void **state)
{
	set_silent(false);
	resolver = resolver_free(resolver);
	loop = loop_free(loop);
	return 0;
}

/* ---- Asking ---- */

struct ask {
	struct resolver_query query;
	unsigned answers;
	char list[64]; /* as `known` */
	uint16_t port;
};

static unsigned answered;

static void done(struct resolver_query *query, const struct address *list, size_t n,
	const char *why)
{
	struct ask *a = container_of(query, struct ask, query);
	char *p = a->list;
	assert_true((n == 0) == (why != NULL));
	for (size_t i = 0; i < n; i++)
		p += sprintf(p, "%s%d%c", i ? "+" : "", list[i].family, list[i].bytes[0]);
	*p = '\0';
	a->port = n ? list[0].port : 0;
	a->answers++;
	answered++;
}

static void ask(struct ask *a, const char *host)
{
	enum resolver_order order = a->query.order;
	memset(a, 0, sizeof *a);
	a->query.order = order;
	a->query.done = done;
	a->query.port = 80;
	assert_int_equal(resolver_ask(resolver, &a->query, host), 0);
	assert_int_equal(a->answers, 0);
}

static void turn_until(unsigned n)
{
	while (answered < n)
		loop_turn(loop);
}

/* Asks, waits for the answer and returns it. */
static const char *answer_to(struct ask *a, const char *host)
{
	answered = 0;
	ask(a, host);
	turn_until(1);
	resolver_release(&a->query);
	return a->list;
}

/* A turn that does not wait. */
static void tick(struct loop_timer *timer)
{
}

static void turn_once(void)
{
	struct loop_timer timer;
	loop_timer_init(&timer, loop, tick);
	loop_timer_set(&timer, 1);
	loop_turn(loop);
	loop_timer_cancel(&timer);
}

static void later(uint64_t us)
{
	skipped += us;
	turn_once();
	turn_once();
}

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
		TEST(silent_names_hold_up_no_quick_one),
		TEST(one_name_holds_one_thread),
		TEST(a_released_query_frees_its_place),
		TEST(who_is_called_may_release_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
