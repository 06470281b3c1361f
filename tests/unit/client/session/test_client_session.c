/* SPDX-License-Identifier: MIT */
/*
 * A session of several links against an exit node of a few lines in the same loop: who says hello, who
 * joins and with what proof, and what the loss of one link or of all means (rules 28 and 29).
 */
#include "session_scene.h"

/* The first link opens the session and offers; the others prove that they belong to it. */
static void test_joins(void **state)
{
	struct scene s;
	begin(&s, 3);
	UNTIL(&s, count_up(&s) == 3 && count_joined(&s) == 2);
	assert_int_equal(s.node.n, 3);
	assert_false(s.node.links[0].joined);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(s.session.uplinks[i].number, i + 1);
		assert_int_equal(s.session.uplinks[i].of, 3);
	}
	for (size_t i = 0; i < 3; i++)
		assert_false(s.node.links[i].resumed);
	assert_int_equal(count_published(&s), 1);
	assert_int_equal(publications_count(&s.publications, PUBLICATION_GRANTED), 1);
	end(&s);
}

/* There is nothing to join before the exit node has named the session. */
static void test_waits_for_the_session(void **state)
{
	struct scene s;
	begin(&s, 3);
	s.node.no_session = true;
	UNTIL(&s, publications_count(&s.publications, PUBLICATION_GRANTED) == 1);
	assert_false(HOLDS(&s, s.node.n > 1, 100 * CLOCK_MS));
	end(&s);
}

/* A link of several that is lost comes back by joining, whichever it is; nothing is published anew. */
static void test_one_lost(void **state)
{
	for (size_t lost = 0; lost < 2; lost++) {
		struct scene s;
		begin(&s, 2);
		UNTIL(&s, count_joined(&s) == 1);
		link_close(&s.node.links[lost].io.link, LINK_END_LOCAL, "test");
		UNTIL(&s, count_joined(&s) == 2);
		assert_int_equal(s.node.n, 3);
		assert_true(s.node.links[2].joined);
		assert_false(s.node.links[2].resumed);
		assert_int_equal(count_published(&s), 1);
		assert_int_equal(publications_count(&s.publications, PUBLICATION_GRANTED), 1);
		end(&s);
	}
}

/* With the last link the session is lost: one goes on with it, and then the others join again. */
static void test_all_lost(void **state)
{
	struct scene s;
	begin(&s, 3);
	UNTIL(&s, count_joined(&s) == 2);
	for (size_t i = 0; i < 3; i++)
		link_close(&s.node.links[i].io.link, LINK_END_LOCAL, "test");
	UNTIL(&s, count_joined(&s) == 4 && count_up(&s) == 3);
	size_t resumed = 0;
	for (size_t i = 3; i < s.node.n; i++)
		resumed += s.node.links[i].resumed && !s.node.links[i].joined;
	assert_true(resumed >= 1);
	assert_int_equal(publications_count(&s.publications, PUBLICATION_GRANTED), 1);
	end(&s);
}

/* An exit node that is away sees one link dial, not three. */
static void test_one_dials(void **state)
{
	struct scene s;
	begin(&s, 3);
	UNTIL(&s, count_joined(&s) == 2);
	listener_close(&s.node.listener);
	for (size_t i = 0; i < 3; i++)
		link_close(&s.node.links[i].io.link, LINK_END_LOCAL, "test");
	UNTIL(&s, s.session.state == CLIENT_SESSION_DOWN);
	for (uint64_t until = clock_now() + 300 * CLOCK_MS; clock_now() < until;) {
		size_t trying = 0;
		for (size_t i = 0; i < 3; i++)
			trying += s.session.uplinks[i].state != UPLINK_IDLE;
		assert_int_equal(trying, 1);
		HOLDS(&s, false, 5 * CLOCK_MS);
	}
	assert_int_equal(publications_count(&s.publications, PUBLICATION_IDLE), 1);
	end(&s);
}

/* A link that may not join does the session no harm. */
static void test_join_refused(void **state)
{
	struct scene s;
	begin(&s, 2);
	s.node.no_joins = true;
	UNTIL(&s, count_joined(&s) >= 3);
	assert_int_equal(s.session.state, CLIENT_SESSION_OPEN);
	assert_false(s.node.links[0].ended);
	assert_int_equal(count_published(&s), 1);
	s.node.no_joins = false;
	UNTIL(&s, count_up(&s) == 2);
	end(&s);
}

static void test_drain(void **state)
{
	struct scene s;
	begin(&s, 3);
	UNTIL(&s, count_joined(&s) == 2);
	client_session_drain(&s.session, clock_now() + 5 * CLOCK_S);
	UNTIL(&s, s.ended >= 0);
	assert_int_equal(s.ended, CLIENT_SESSION_END_DRAINED);
	assert_int_equal(s.session.state, CLIENT_SESSION_OVER);
	/* Not with the first of them. */
	for (size_t i = 0; i < s.session.n; i++)
		assert_true(list_empty(&s.session.uplinks[i].links));
	end(&s);
}

/* A connection that is lost while the session drains must not begin it anew, nor one that never came up. */
static void test_down_at_other_times(void **state)
{
	struct scene s;
	begin(&s, 1);
	struct uplink *u = &s.session.uplinks[0];
	assert_int_equal(s.session.state, CLIENT_SESSION_DOWN);
	assert_false(u->ops->down(u));
	assert_int_equal(s.session.state, CLIENT_SESSION_DOWN);
	client_session_drain(&s.session, clock_now() + 5 * CLOCK_S);
	assert_false(u->ops->down(u));
	assert_int_equal(s.session.state, CLIENT_SESSION_DRAINING);
	end(&s);
}

/* Rule 11: rejections are believed when there were enough over long enough, and only by who was never accepted. */
static void test_rejected(void **state)
{
	static const struct {
		unsigned times;
		uint64_t lasted;
		bool accepted, gives_up;
	} rows[] = {
		{CLIENT_SESSION_REJECTIONS, CLIENT_SESSION_REJECTED_FOR, false, true},
		{CLIENT_SESSION_REJECTIONS + 1, CLIENT_SESSION_REJECTED_FOR + 1, false, true},
		{CLIENT_SESSION_REJECTIONS - 1, CLIENT_SESSION_REJECTED_FOR, false, false},
		{CLIENT_SESSION_REJECTIONS, CLIENT_SESSION_REJECTED_FOR - 1, false, false},
		{CLIENT_SESSION_REJECTIONS, CLIENT_SESSION_REJECTED_FOR, true, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		begin(&s, 1);
		struct uplink *u = &s.session.uplinks[0];
		s.session.accepted = rows[i].accepted;
		const char *why = u->ops->rejected(u, rows[i].times, rows[i].lasted);
		assert_int_equal(why == NULL, rows[i].gives_up);
		assert_int_equal(s.ended, rows[i].gives_up ? CLIENT_SESSION_END_REJECTED : -1);
		assert_int_equal(s.session.state == CLIENT_SESSION_OVER, rows[i].gives_up);
		end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joins),
		cmocka_unit_test(test_waits_for_the_session),
		cmocka_unit_test(test_one_lost),
		cmocka_unit_test(test_all_lost),
		cmocka_unit_test(test_one_dials),
		cmocka_unit_test(test_join_refused),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_down_at_other_times),
		cmocka_unit_test(test_rejected),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
