/* SPDX-License-Identifier: MIT */
/* A visitor's TCP connection between its socket and a made-up client, in an exit node on one thread. */
#include "server/tcp/tcp_conn.h"

#include "tests/unit/server/exit_node.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define NAME "a.example"

static const struct address visitor = {.family = ADDRESS_V4, .bytes = {192, 0, 2, 7}, .port = 5000};

/* A visitor whose connection is accepted on that worker; its end of the connection. */
static int visit(struct exit_node *n, unsigned worker, const char *early)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	struct accepted_conn a = {.detached = DETACHED_CONN_OF(fds[0]), .peer = visitor};
	a.local = (struct address){.family = ADDRESS_V4, .bytes = {192, 0, 2, 1}, .port = 443};
	a.listener.port = 443;
	assert_int_equal(buf_append(&a.early, early, strlen(early)), 0);
	tcp_conn_enter(n->node.workers[worker], &a, NAME);
	return fds[1];
}

static struct tcp_conn *conn_at(struct exit_node *n, unsigned worker)
{
	return list_first(&n->node.workers[worker]->tcp->conns, struct tcp_conn, link);
}

static unsigned visitors(struct exit_node *n)
{
	return limits_count(&n->node.limits, LIMITS_VISITOR);
}

static bool is_closed(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* A client that publishes the name, TLS being passed on. */
static struct server_link *serve(struct exit_node *n, const char *instance)
{
	struct server_link *l = dial(n, &alice, instance, NULL);
	struct control m = publish_http(7, NAME);
	m.publish.kind = CONTROL_TCP;
	m.publish.tls = CONTROL_TLS_PASS;
	assert_int_equal(ask(n, l, m)->type, CONTROL_GRANTED);
	return l;
}

static void bytes_go_both_ways(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	unsigned at = l->worker->index;
	int fd = visit(n, at, "early ");
	struct service_shard *shard = service_shard_at(n, at, NAME);
	assert_int_equal(conn_at(n, at)->state, TCP_CONN_OPEN);
	assert_int_equal(shard->outstanding, 1);
	assert_int_equal(l->active, 1);
	assert_string_equal(conn_at(n, at)->session, l->session->base.name);
	assert_int_equal(write(fd, "late", 4), 4);
	settle_until(n, buf_len(&client_of(n, l)->got) == 10);
	struct fake_client *c = client_of(n, l);
	assert_memory_equal(buf_head(&c->got), "early late", 10);
	assert_int_equal(c->open.kind, FRAME_KIND_TCP);
	assert_int_equal(c->open.service, 7);
	assert_int_equal(c->open.visitor.port, 5000);
	assert_int_equal(c->open.visitor.ip[3], 7);
	assert_int_equal(c->open.local.port, 443);
	assert_int_equal(c->open.tls, FRAME_TLS_NONE);
	char answer[16];
	client_data(c, c->stream, "answer");
	settle(n);
	assert_int_equal(recv(fd, answer, sizeof(answer), 0), 6);
	assert_memory_equal(answer, "answer", 6);
	/* Both ends end it in order. */
	shutdown(fd, SHUT_WR);
	client_fin(c, c->stream, 10);
	settle_until(n, client_of(n, l)->n_fins == 1);
	settle(n);
	assert_true(is_closed(fd));
	assert_int_equal(visitors(n), 0);
	assert_int_equal(shard->outstanding, 0);
	assert_int_equal(l->active, 0);
	close(fd);
}

/* The upstream may be one that speaks first: it is opened before the visitor has said anything. */
static void it_is_opened_at_once(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	int fd = visit(n, l->worker->index, "");
	settle(n);
	assert_int_equal(client_of(n, l)->n_opens, 1);
	close(fd);
	settle_until(n, client_of(n, l)->n_fins + client_of(n, l)->n_resets == 1);
}

static void what_nobody_publishes_is_closed(void **state)
{
	struct exit_node *n = *state;
	int fd = visit(n, 0, "hello");
	assert_null(conn_at(n, 0));
	assert_true(is_closed(fd));
	assert_int_equal(visitors(n), 0);
	close(fd);
}

/* A name became another kind of service's while the connection came. */
static void another_kind_is_no_way(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	ask(n, l, publish_http(1, NAME));
	int fd = visit(n, l->worker->index, "");
	assert_true(is_closed(fd));
	close(fd);
}

static void there_are_so_many_visitors(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	unsigned at = l->worker->index;
	n->options.max_visitors_per_address = 1;
	int first = visit(n, at, ""), second = visit(n, at, "x");
	assert_int_equal(visitors(n), 1);
	assert_false(is_closed(first));
	assert_true(is_closed(second));
	close(first);
	close(second);
}

static void it_moves_to_where_the_link_is(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	unsigned there = l->worker->index, here = (there + 1) % WORKERS;
	int fd = visit(n, here, "hello");
	assert_null(conn_at(n, here));
	assert_int_equal(visitors(n), 1);
	settle(n);
	assert_int_equal(conn_at(n, there)->state, TCP_CONN_OPEN);
	assert_int_equal(conn_at(n, there)->moves, 1);
	assert_memory_equal(buf_head(&client_of(n, l)->got), "hello", 5);
	close(fd);
}

/* The link is gone when it arrives: it is asked for again, but not for ever. */
static void it_does_not_move_for_ever(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	unsigned there = l->worker->index, here = (there + 1) % WORKERS;
	struct session_shard *shard = &l->session->base.shards[there];
	/* One that is said to have a link, and has none. */
	l->session->base.shards[here].usable++;
	list_unlink(&l->of_shard);
	int fd = visit(n, here, "hello");
	settle(n);
	assert_true(is_closed(fd));
	assert_int_equal(visitors(n), 0);
	assert_int_equal(client_of(n, l)->n_opens, 0);
	l->session->base.shards[here].usable--;
	list_append(&shard->links, &l->of_shard);
	close(fd);
}

static void it_is_not_served_where_the_process_ends(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	unsigned there = l->worker->index, here = (there + 1) % WORKERS;
	int fd = visit(n, here, "hello");
	l->worker->draining = true;
	settle(n);
	assert_true(is_closed(fd));
	assert_int_equal(client_of(n, l)->n_opens, 0);
	close(fd);
}

/* The process ends while it is on its way. */
static void it_is_discarded_on_the_way(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	close(visit(n, (l->worker->index + 1) % WORKERS, "hello"));
}

static void it_waits_for_a_session_that_was_lost(void **state)
{
	struct exit_node *n = *state;
	hang_up(serve(n, "one"));
	settle(n);
	int fd = visit(n, 1, "hello");
	assert_int_equal(conn_at(n, 1)->state, TCP_CONN_WAITING);
	settle(n);
	assert_false(is_closed(fd));
	struct server_link *l = serve(n, "two");
	settle(n);
	assert_int_equal(client_of(n, l)->n_opens, 1);
	assert_int_equal(limits_count(&n->node.limits, LIMITS_WAITING), 0);
	close(fd);
}

static void it_waits_for_so_long(void **state)
{
	struct exit_node *n = *state;
	hang_up(serve(n, "one"));
	settle(n);
	int fd = visit(n, 1, "hello");
	struct tcp_conn *c = conn_at(n, 1);
	wait_queue_remove(&c->worker->routing->wait_queue, &c->waiter);
	c->waiter.expired(&c->waiter);
	assert_true(is_closed(fd));
	assert_int_equal(visitors(n), 0);
	close(fd);
}

static void so_many_wait(void **state)
{
	struct exit_node *n = *state;
	hang_up(serve(n, "one"));
	settle(n);
	n->options.max_waiting = 1;
	int first = visit(n, 1, ""), second = visit(n, 1, "");
	assert_false(is_closed(first));
	assert_true(is_closed(second));
	close(first);
	close(second);
}

static void who_waits_ends_when_the_process_does(void **state)
{
	struct exit_node *n = *state;
	hang_up(serve(n, "one"));
	settle(n);
	int waiting = visit(n, 1, "");
	struct server_link *l = serve(n, "two");
	settle(n);
	assert_int_equal(client_of(n, l)->n_opens, 1);
	hang_up(l);
	settle(n);
	int again = visit(n, 1, "");
	unsigned before = visitors(n);
	tcp_worker_drain(n->node.workers[1]->tcp);
	assert_true(is_closed(again));
	assert_int_equal(visitors(n), before - 1);
	close(waiting);
	close(again);
}

static void what_is_open_goes_on_when_the_process_ends(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	int fd = visit(n, l->worker->index, "");
	tcp_worker_drain(l->worker->tcp);
	settle(n);
	assert_false(is_closed(fd));
	close(fd);
}

static void the_client_takes_so_many_streams(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	int fds[CLIENT_STREAMS + 1];
	for (int i = 0; i <= CLIENT_STREAMS; i++)
		fds[i] = visit(n, l->worker->index, "");
	for (int i = 0; i < CLIENT_STREAMS; i++)
		assert_false(is_closed(fds[i]));
	assert_true(is_closed(fds[CLIENT_STREAMS]));
	assert_int_equal(visitors(n), CLIENT_STREAMS);
	assert_int_equal(l->active, CLIENT_STREAMS);
	for (int i = 0; i <= CLIENT_STREAMS; i++)
		close(fds[i]);
}

/* Rule 31: others are preferred for a while. */
static void a_dial_that_fails_is_noted(void **state)
{
	static const struct {
		enum frame_reset reason;
		const char *answer; /* that came before */
		bool fails, worked;
	} rows[] = {
		{FRAME_RESET_REFUSED, NULL, true, false},
		{FRAME_RESET_DIAL_TIMEOUT, NULL, true, false},
		{FRAME_RESET_ABORTED, NULL, false, false},
		{FRAME_RESET_ABORTED, "x", false, true},
		{FRAME_RESET_NONE, NULL, false, true},
	};
	struct exit_node *n = *state;
	struct server_link *l = serve(n, "one");
	unsigned at = l->worker->index;
	struct service_shard *shard = service_shard_at(n, at, NAME);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		service_shard_worked(shard);
		shard->penalty = CLOCK_S; /* it has failed before, and may be tried again */
		int fd = visit(n, at, "");
		settle(n);
		struct fake_client *c = client_of(n, l);
		if (rows[i].answer)
			client_data(c, c->stream, rows[i].answer);
		if (rows[i].reason == FRAME_RESET_NONE) {
			shutdown(fd, SHUT_WR);
			client_fin(c, c->stream, 0);
		} else {
			client_reset(c, c->stream, rows[i].reason);
		}
		settle_until(n, visitors(n) == 0);
		if (service_shard_fails(shard, loop_now(l->worker->loop)) != rows[i].fails ||
			(shard->penalty == 0) != rows[i].worked)
			fail_msg("row %zu: penalty %llu", i, (unsigned long long)shard->penalty);
		assert_int_equal(visitors(n), 0);
		close(fd);
	}
}

/* What it has while nothing moves is held against its address, which loses it when memory is short. */
static void it_goes_when_memory_is_short(void **state)
{
	struct exit_node *n = *state;
	hang_up(serve(n, "one"));
	settle(n);
	int fd = visit(n, 1, "hello");
	struct tcp_conn *c = conn_at(n, 1);
	assert_true(c->charge.bytes >= 5);
	c->charge.evict(&c->charge);
	assert_true(is_closed(fd));
	tcp_conn_close(c, "twice"); /* without effect */
	assert_int_equal(visitors(n), 0);
	close(fd);
}

/* Of equals the one used longest ago comes first. */
static void sessions_take_turns(void **state)
{
	struct exit_node *n = *state;
	struct server_link *a = serve(n, "one"), *b;
	do
		b = serve(n, "two");
	while (b->worker != a->worker);
	client_shows_life(client_of(n, a));
	int first = visit(n, a->worker->index, ""), second = visit(n, a->worker->index, "");
	settle(n);
	assert_int_equal(client_of(n, a)->n_opens, 1);
	/* Of two that are equal again it is the turn of the one that was first. */
	int third = visit(n, a->worker->index, "");
	settle(n);
	assert_int_equal(client_of(n, a)->n_opens, 2);
	close(third);
	close(first);
	close(second);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, exit_node_open, exit_node_close)
	const struct CMUnitTest tests[] = {
		TEST(bytes_go_both_ways),
		TEST(it_is_opened_at_once),
		TEST(what_nobody_publishes_is_closed),
		TEST(another_kind_is_no_way),
		TEST(there_are_so_many_visitors),
		TEST(it_moves_to_where_the_link_is),
		TEST(it_does_not_move_for_ever),
		TEST(it_is_not_served_where_the_process_ends),
		TEST(it_is_discarded_on_the_way),
		TEST(it_waits_for_a_session_that_was_lost),
		TEST(it_waits_for_so_long),
		TEST(so_many_wait),
		TEST(who_waits_ends_when_the_process_does),
		TEST(what_is_open_goes_on_when_the_process_ends),
		TEST(the_client_takes_so_many_streams),
		TEST(a_dial_that_fails_is_noted),
		TEST(it_goes_when_memory_is_short),
		TEST(sessions_take_turns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
