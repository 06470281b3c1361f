/* SPDX-License-Identifier: MIT */
/* The end of a session that somebody else wants. */
#include "tests/unit/server/exit_node.h"

#include "server/control/session_close.h"

#define LONG  (60 * CLOCK_S)
#define SHORT (200 * CLOCK_MS)

struct told_end {
	unsigned n, cut;
	struct session_shard *loaded; /* whose stream ends when it is cut; NULL: none */
};

static void closed(void *arg, unsigned cut)
{
	struct told_end *t = arg;
	t->n++;
	t->cut = cut;
	if (t->loaded)
		session_shard_count(t->loaded, -1u);
}

static struct server_link *one_link(struct exit_node *n)
{
	struct server_link *l = dial(n, &alice, "one", NULL);
	ask(n, l, publish_http(1, "a.example"));
	return l;
}

/* So many streams more are under way, on the link's worker. */
static void load(const struct server_link *l, unsigned change)
{
	session_shard_count(l->session_shard, change);
}

static void ends_at_once(void **state)
{
	struct exit_node *n = *state;
	struct told_end t = {0};
	struct server_link *l = one_link(n);
	struct session *s = only_session(n);
	load(l, 2);
	assert_int_equal(session_streams(s), 2);
	assert_true(session_close(s, 0, "somebody wants it", closed, &t));
	assert_int_equal(t.n, 1);
	assert_int_equal(t.cut, 2);
	load(l, -2u);
	settle(n);
	assert_int_equal(client_of(n, l)->n_goaways, 1);
	assert_int_equal(client_of(n, l)->goaway, FRAME_GOAWAY_DENIED);
	assert_true(client_of(n, l)->ended);
	assert_true(list_empty(&n->registrar.sessions));
	assert_int_equal(t.n, 1);
}

static void ends_when_it_is_idle(void **state)
{
	struct exit_node *n = *state;
	struct told_end t = {0};
	struct server_link *l = one_link(n);
	struct session *s = only_session(n);
	load(l, 1);
	assert_true(session_close(s, LONG, "somebody wants it", closed, &t));
	settle(n);
	/* Its client knows nothing yet, and gets nothing new. */
	assert_int_equal(usable(s), 0);
	assert_int_equal(client_of(n, l)->n_goaways, 0);
	assert_int_equal(t.n, 0);
	load(l, -1u);
	settle_until(n, t.n == 1);
	assert_int_equal(t.cut, 0);
	settle(n);
	assert_true(client_of(n, l)->ended);
	assert_true(list_empty(&n->registrar.sessions));
}

static void ends_when_it_was_waited_for(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = one_link(n);
	struct told_end t = {.loaded = l->session_shard};
	load(l, 1);
	assert_true(session_close(only_session(n), SHORT, "somebody wants it", closed, &t));
	settle_until(n, t.n == 1);
	assert_int_equal(t.cut, 1);
	settle(n);
	assert_true(list_empty(&n->registrar.sessions));
}

static void a_further_link_gets_nothing_either(void **state)
{
	struct exit_node *n = *state;
	struct told_end t = {0};
	struct server_link *l = one_link(n);
	struct session *s = only_session(n);
	load(l, 1);
	assert_true(session_close(s, LONG, "somebody wants it", closed, &t));
	struct server_link *two = dial(n, &alice, "one", NULL);
	join(two, s, s->resume);
	settle(n);
	assert_int_equal(s->n_links, 2);
	assert_int_equal(usable(s), 0);
	load(l, -1u);
	settle_until(n, t.n == 1);
	settle(n);
	assert_true(client_of(n, l)->ended);
	assert_true(client_of(n, two)->ended);
}

static void one_drain_at_a_time(void **state)
{
	struct exit_node *n = *state;
	struct told_end first = {0}, second = {0};
	struct server_link *l = one_link(n);
	struct session *s = only_session(n);
	load(l, 1);
	assert_true(session_close(s, LONG, "the first", closed, &first));
	assert_false(session_close(s, LONG, "the second", closed, &second));
	assert_int_equal(second.n, 0);
	/* Who cannot wait ends it for both. */
	assert_true(session_close(s, 0, "the second", closed, &second));
	assert_int_equal(first.n, 1);
	assert_int_equal(second.n, 1);
	assert_int_equal(second.cut, 1);
	load(l, -1u);
	settle(n);
	assert_true(list_empty(&n->registrar.sessions));
	assert_int_equal(first.n + second.n, 2);
}

static void it_ends_by_itself_meanwhile(void **state)
{
	struct exit_node *n = *state;
	struct told_end t = {0};
	struct server_link *l = one_link(n);
	load(l, 1);
	assert_true(session_close(only_session(n), LONG, "somebody wants it", closed, &t));
	settle(n);
	load(l, -1u);
	hang_up(l);
	settle_until(n, list_empty(&n->registrar.sessions));
	assert_int_equal(t.n, 1);
	assert_int_equal(t.cut, 0);
}

/* The process ends while somebody waits: nobody is told, and nothing is left. */
static void nobody_waits_any_more(void **state)
{
	struct exit_node *n = *state;
	struct told_end t = {0}, other = {0};
	struct server_link *l = one_link(n);
	struct session *s = only_session(n);
	load(l, 1);
	assert_true(session_close(s, LONG, "somebody wants it", closed, &t));
	session_close_forget(s, &other);
	session_close_forget(s, &t);
	settle(n);
	load(l, -1u);
	settle_until(n, list_empty(&n->registrar.sessions));
	assert_int_equal(t.n, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, exit_node_open, exit_node_close)
	const struct CMUnitTest tests[] = {
		TEST(ends_at_once),
		TEST(ends_when_it_is_idle),
		TEST(ends_when_it_was_waited_for),
		TEST(a_further_link_gets_nothing_either),
		TEST(one_drain_at_a_time),
		TEST(it_ends_by_itself_meanwhile),
		TEST(nobody_waits_any_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
