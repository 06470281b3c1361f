/* SPDX-License-Identifier: MIT */
/* Where a request goes: to a service here or elsewhere, into the wait queue, or to an error page. */
#include "scene.h"

#include "base/macros.h"
#include "server/http/dispatch.h"
#include "server/http/exchange_events.h"

#define GET "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"

static int setup(void **state)
{
	*state = scene_new();
	return 0;
}

static int teardown(void **state)
{
	scene_free(*state);
	return 0;
}

static void test_here(void **state)
{
	struct fake_client *f = fake_client_new(*state, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(*state);
	fake_conn_ask(c, GET);
	fake_client_read(f);
	assert_begins(&f->got, "GET /x HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 192.0.2.1\r\n");
	assert_int_equal(f->n_opens, 1);
	assert_int_equal(c->n_pages, 0);
	assert_int_equal(c->ex.state, EXCHANGE_ACTIVE);
	assert_string_equal(c->ex.session, "0123456789abcdef");
	assert_int_equal(fake_client_shard(f)->outstanding, 1);
	assert_true(timeout_running(&c->ex.timeout));
	assert_int_equal(c->n_watches, 1);
	fake_conn_free(c);
	assert_int_equal(fake_client_shard(f)->outstanding, 0);
	fake_client_read(f);
	assert_int_equal(f->n_resets, 1);
	fake_client_free(f);
}

/* What is said instead, and that nothing goes to the client then. */
static void test_refused(void **state)
{
	struct scene *s = *state;
	static const struct {
		const char *in, *why;
		bool elsewhere, draining, redirects, lost_name;
		unsigned status;
	} rows[] = {
		{.in = GET, .status = 404, .why = "not-here", .elsewhere = true},
		{.in = GET, .status = 503, .why = "draining", .draining = true},
		{.in = GET, .status = 308, .why = "https", .redirects = true},
		{.in = "GET / HTTP/1.1\r\nHost: b.test\r\n\r\n", .status = 503, .why = "no-route"},
		{.in = "OPTIONS * HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0\r\n\r\n",
			.status = 200,
			.why = "max-forwards"},
		{.in = "TRACE / HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0\r\n\r\n",
			.status = 405,
			.why = "max-forwards"},
		{.in = "GET / HTTP/1.1\r\nHost: a.test\r\nCDN-Loop: tunnel-0123456789abcdef, "
		       "tunnel-0123456789abcdef\r\n\r\n",
			.status = 508,
			.why = "loop"},
	};
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_conn *c = fake_conn_new(s);
		c->downstream.listener.visits = !rows[i].elsewhere;
		s->worker.draining = rows[i].draining;
		s->options.redirects = rows[i].redirects;
		s->options.https_port = 8443;
		fake_conn_ask(c, rows[i].in);
		assert_int_equal(c->n_pages, 1);
		assert_int_equal(c->n_ends, 1);
		assert_int_equal(c->status, rows[i].status);
		assert_int_equal(c->logged_status, rows[i].status);
		assert_string_equal(c->logged_why, rows[i].why);
		assert_string_equal(c->place, rows[i].redirects ? "https://a.test:8443/x" : "");
		assert_int_equal(c->ex.state, EXCHANGE_NONE);
		fake_conn_free(c);
		s->worker.draining = s->options.redirects = false;
	}
	fake_client_read(f);
	assert_int_equal(f->n_opens, 0);
	fake_client_free(f);
}

/* A service that only a TLS name leads to does not answer to Host, nor does one of TCP. */
static void test_another_kind(void **state)
{
	struct control publish = {.type = CONTROL_PUBLISH};
	publish.publish.kind = CONTROL_TCP;
	publish.publish.tls = CONTROL_TLS_PASS;
	struct fake_client *f = fake_client_new(*state, "a.test", &publish);
	struct fake_conn *c = fake_conn_new(*state);
	fake_conn_ask(c, GET);
	assert_int_equal(c->status, 503);
	assert_string_equal(c->logged_why, "no-route");
	fake_conn_free(c);
	fake_client_free(f);
}

static void test_dot_segments(void **state)
{
	char path[] = "/app";
	struct control publish = {.type = CONTROL_PUBLISH};
	publish.publish.kind = CONTROL_HTTP;
	publish.publish.path = path;
	struct fake_client *f = fake_client_new(*state, "a.test", &publish);
	struct fake_conn *c = fake_conn_new(*state);
	fake_conn_ask(c, "GET /../x HTTP/1.1\r\nHost: a.test\r\n\r\n");
	assert_int_equal(c->status, 400);
	assert_string_equal(c->logged_why, "dot-segments");
	fake_conn_ask(c, GET);
	fake_client_read(f);
	assert_begins(&f->got, "GET /app/x HTTP/1.1\r\n");
	fake_conn_free(c);
	fake_client_free(f);
}

/* The session's only link is another worker's; a request that has moved often enough stays, and is told. */
static void test_elsewhere(void **state)
{
	struct fake_client *f = fake_client_new(*state, "a.test", NULL);
	fake_client_unlink(f);
	atomic_store(&f->session.shards[1].usable, 1);
	struct fake_conn *c = fake_conn_new(*state);
	fake_conn_ask(c, GET);
	assert_int_equal(c->n_moves, 1);
	assert_int_equal(c->moved_to, 1);
	for (unsigned i = 0; i < 3; i++)
		dispatch_send(&c->ex, NULL);
	assert_int_equal(c->n_moves, 4);
	assert_int_equal(c->n_pages, 0);
	dispatch_send(&c->ex, NULL);
	assert_int_equal(c->n_moves, 4);
	assert_int_equal(c->status, 503);
	assert_string_equal(c->logged_why, "busy");
	atomic_store(&f->session.shards[1].usable, 0);
	fake_conn_free(c);
	fake_client_free(f);
}

/* A request here, though another worker has far less to do: it came from there. */
static void test_moved_stays(void **state)
{
	struct fake_client *f = fake_client_new(*state, "a.test", NULL);
	atomic_store(&f->session.shards[1].usable, 1);
	fake_client_shard(f)->outstanding = 5;
	struct fake_conn *c = fake_conn_new(*state);
	fake_conn_ask(c, GET);
	assert_int_equal(c->n_moves, 1);
	dispatch_send(&c->ex, NULL);
	assert_int_equal(c->n_moves, 1);
	assert_non_null(c->ex.user.pooled);
	fake_conn_free(c);
	fake_client_shard(f)->outstanding = 0;
	atomic_store(&f->session.shards[1].usable, 0);
	fake_client_free(f);
}

/* Waits for a session that was lost, and goes on when it is back. */
static void test_wait(void **state)
{
	struct fake_client *f = fake_client_new(*state, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(*state);
	fake_client_unlink(f);
	fake_conn_ask(c, GET);
	assert_int_equal(c->ex.state, EXCHANGE_WAITING);
	assert_int_equal(c->n_watches, 1);
	assert_int_equal(c->n_pages, 0);
	fake_client_link(f);
	scene_turn(*state);
	assert_int_equal(c->ex.state, EXCHANGE_ACTIVE);
	fake_client_read(f);
	assert_begins(&f->got, "GET /x HTTP/1.1\r\n");
	fake_conn_free(c);
	fake_client_free(f);
}

/* A session comes to another worker: the request waits no more, and no end of waiting is its own. */
static void test_wait_moves(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(s);
	fake_client_unlink(f);
	fake_conn_ask(c, GET);
	assert_int_equal(c->ex.state, EXCHANGE_WAITING);
	atomic_store(&f->session.shards[1].usable, 1);
	wait_queue_wake(&s->routing.wait_queue);
	scene_turn(s);
	assert_int_equal(c->n_moves, 1);
	assert_int_equal(c->ex.state, EXCHANGE_ACTIVE);
	atomic_store(&f->session.shards[1].usable, 0);
	fake_conn_free(c);
	fake_client_free(f);
}

static void test_wait_ends(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	struct fake_conn *c[3];
	fake_client_unlink(f);
	for (unsigned i = 0; i < 3; i++) {
		c[i] = fake_conn_new(s);
		fake_conn_ask(c[i], GET);
	}
	/* --max-waiting is 2. */
	assert_int_equal(c[1]->ex.state, EXCHANGE_WAITING);
	assert_int_equal(c[2]->status, 503);
	assert_string_equal(c[2]->logged_why, "crowded");
	wait_queue_remove(&s->routing.wait_queue, &c[0]->ex.waiter);
	c[0]->ex.waiter.expired(&c[0]->ex.waiter);
	assert_string_equal(c[0]->logged_why, "waited");
	/* The visitor leaves. */
	exchange_close(&c[1]->ex, false);
	assert_int_equal(s->routing.wait_queue.n, 0);
	for (unsigned i = 0; i < 3; i++)
		fake_conn_free(c[i]);
	fake_client_free(f);
}

/* A session that takes no more streams is passed over for another of the route, else it is said. */
static void test_busy(void **state)
{
	struct fake_client *f = fake_client_new(*state, "a.test", NULL);
	struct fake_conn *c[6];
	for (unsigned i = 0; i < 5; i++) {
		c[i] = fake_conn_new(*state);
		fake_conn_ask(c[i], GET);
		assert_int_equal(c[i]->n_pages, i == 4); /* the peer takes 4 */
	}
	assert_string_equal(c[4]->logged_why, "busy");
	struct fake_client *other = fake_client_new(*state, "a.test", NULL);
	fake_client_shard(other)->outstanding = 9; /* so that the other is asked first */
	c[5] = fake_conn_new(*state);
	fake_conn_ask(c[5], GET);
	assert_int_equal(c[5]->n_pages, 0);
	assert_ptr_equal(c[5]->ex.user.pooled->shard, fake_client_shard(other));
	fake_client_shard(other)->outstanding = 1;
	for (unsigned i = 0; i < 6; i++)
		fake_conn_free(c[i]);
	fake_client_free(other);
	fake_client_free(f);
}

/* No head within --response-head-timeout; a body that stops; one that the upstream does not take. */
static void test_timeouts(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(s);
	fake_conn_ask(c, GET);
	assert_ptr_equal(s->http.answer.entries.next, &c->ex.timeout.link);
	exchange_answer_expired(&s->http.answer, &c->ex.timeout);
	assert_int_equal(c->status, 504);
	assert_string_equal(c->logged_why, "answer-timeout");
	for (int sent = 0; sent < 2; sent++) {
		fake_conn_ask(c, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\n");
		assert_ptr_equal(s->http.body.entries.next, &c->ex.timeout.link);
		if (sent)
			fake_conn_send(c, "1234");
		exchange_body_expired(&s->http.body, &c->ex.timeout);
		assert_int_equal(c->status, sent ? 504 : 408);
	}
	fake_conn_free(c);
	fake_client_free(f);
}

/* Half a head is answered, too. */
static void test_broken(void **state)
{
	struct fake_conn *c = fake_conn_new(*state);
	exchange_begin_broken(&c->ex, 12);
	assert_int_equal(c->ex.bytes_in, 12);
	assert_int_equal(strlen(c->ex.id), REQUEST_ID_LEN);
	exchange_fail_request(&c->ex, HTTP1_E_BOTH_LENGTHS);
	assert_int_equal(c->status, 400);
	assert_true(c->page_closes);
	fake_conn_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_here, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dot_segments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moved_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait_moves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_busy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timeouts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
