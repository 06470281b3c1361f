/* SPDX-License-Identifier: MIT */
/* When a visitor's connection ends: time, memory, limits, the process's end, or that its visitor has gone. */
#include "visitor.h"

static void test_timeouts(void **state)
{
	struct visitor *v = *state;
	enter(v, NULL);
	assert_ptr_equal(v->scene->http.idle.entries.next, &v->conn->timeout.link);
	say(v, "GET /");
	assert_ptr_equal(v->scene->http.head.entries.next, &v->conn->timeout.link);
	h1_conn_head_expired(&v->scene->http.head, &v->conn->timeout);
	assert_memory_equal(hear(v), "HTTP/1.1 408 ", 13);
	assert_true(v->ended);
	close(v->fd);
	enter(v, NULL);
	h1_conn_idle_expired(&v->scene->http.idle, &v->conn->timeout);
	hear(v);
	assert_true(v->ended);
	assert_int_equal(v->n, 0);
}

/* Answered before its end: a short rest is read and dropped, and the next request follows. */
static void test_short_rest(void **state)
{
	struct visitor *v = *state;
	enter(v, NULL);
	say(v, "POST / HTTP/1.1\r\nHost: none.test\r\nContent-Length: 8\r\n\r\nabc");
	assert_memory_equal(hear(v), "HTTP/1.1 503 ", 13);
	assert_null(strstr(v->got, "Connection: close"));
	assert_int_equal(v->conn->state, H1_CONN_REST);
	say(v, "defgh" GET);
	answer(v, "HTTP/1.1 204 No\r\n\r\n");
	assert_string_equal(hear(v), "HTTP/1.1 204 No\r\n\r\n");
	/* In chunks, all of which came along. */
	say(v, "POST / HTTP/1.1\r\nHost: none.test\r\nTransfer-Encoding: chunked\r\n\r\n"
	       "3\r\nabc\r\n0\r\n\r\n");
	assert_memory_equal(hear(v), "HTTP/1.1 503 ", 13);
	assert_int_equal(v->conn->state, H1_CONN_IDLE);
	/* A rest that turns out to be none. */
	say(v, "POST / HTTP/1.1\r\nHost: none.test\r\nContent-Length: 9\r\n\r\n");
	hear(v);
	close(v->fd);
	v->fd = 0;
	turns(v);
	assert_false(is_open(v));
}

/* A long one, or one that need not come, is dropped for as long as it comes, and the connection ends. */
static void test_long_rest(void **state)
{
	static char bytes[100000];
	struct visitor *v = *state;
	enter(v, NULL);
	say(v, "POST / HTTP/1.1\r\nHost: none.test\r\nContent-Length: 9000000\r\n\r\n");
	assert_memory_equal(hear(v), "HTTP/1.1 503 ", 13);
	assert_non_null(strstr(v->got, "\r\nConnection: close\r\n"));
	assert_int_equal(v->conn->state, H1_CONN_LINGER);
	send_bytes(v, bytes, sizeof(bytes));
	assert_int_equal(v->conn->dropped, sizeof(bytes));
	h1_conn_linger_expired(&v->scene->http.linger, &v->conn->timeout);
	for (unsigned i = 0; i < 5; i++) {
		assert_true(is_open(v));
		h1_conn_linger_expired(&v->scene->http.linger, &v->conn->timeout);
	}
	turns(v);
	assert_false(is_open(v));
	close(v->fd);
	enter(v, NULL);
	say(v, "POST / HTTP/1.1\r\nHost: none.test\r\nContent-Length: 9\r\n"
	       "Expect: 100-continue\r\n\r\n");
	assert_non_null(strstr(hear(v), "\r\nConnection: close\r\n"));
}

/* A FIN behind the request is most likely the visitor's end; an RST certainly is. */
static void test_visitor_leaves(void **state)
{
	struct visitor *v = *state;
	enter(v, NULL);
	say(v, GET);
	shutdown(v->fd, SHUT_WR);
	turns(v);
	assert_true(v->conn->leaving);
	assert_ptr_equal(v->scene->http.leaving.entries.next, &v->conn->timeout.link);
	/* It may be answered yet. */
	answer(v, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
	assert_non_null(strstr(hear(v), "hi"));
	close(v->fd);
	v->fd = 0;
	turns(v);
	assert_false(is_open(v));
	enter(v, NULL);
	say(v, GET);
	shutdown(v->fd, SHUT_WR);
	turns(v);
	h1_conn_leaving_expired(&v->scene->http.leaving, &v->conn->timeout);
	turns(v);
	assert_false(is_open(v));
	fake_client_read(v->client);
	assert_int_equal(v->client->n_resets, 1);
}

/* A visitor that reads nothing: it is looked at, and ends with an RST. */
static void test_visitor_stalls(void **state)
{
	static char bytes[4000];
	memset(bytes, 'x', sizeof(bytes) - 1);
	struct visitor *v = *state;
	enter(v, NULL);
	say(v, GET);
	answer(v, "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n");
	for (unsigned i = 0; i < 500 && v->conn->conn.writable; i++) {
		fake_client_read(v->client);
		fake_client_answer(v->client, bytes);
		turns(v);
	}
	assert_false(v->conn->conn.writable);
	assert_ptr_equal(v->scene->http.unread.entries.next, &v->conn->timeout.link);
	/* It reads, and the rest passes. */
	hear(v);
	assert_true(v->conn->conn.writable);
	h1_conn_unread_expired(&v->scene->http.unread, &v->conn->timeout);
	assert_true(is_open(v));
}

/* What waits for a request or for a session ends when the worker does; what is being answered does not. */
static void test_drain(void **state)
{
	struct visitor *v = *state;
	enter(v, NULL);
	http_worker_drain(&v->scene->http);
	hear(v);
	assert_true(v->ended);
	assert_int_equal(v->n, 0);
	close(v->fd);
	enter(v, NULL);
	fake_client_unlink(v->client);
	say(v, GET);
	assert_int_equal(v->conn->ex.state, EXCHANGE_WAITING);
	v->scene->worker.draining = true;
	http_worker_drain(&v->scene->http);
	assert_memory_equal(hear(v), "HTTP/1.1 503 ", 13);
	assert_true(v->ended);
	close(v->fd);
	v->scene->worker.draining = false;
	fake_client_link(v->client);
	enter(v, NULL);
	say(v, GET);
	v->scene->worker.draining = true;
	http_worker_drain(&v->scene->http);
	answer(v, "HTTP/1.1 204 No\r\n\r\n");
	assert_string_equal(hear(v), "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n");
}

/* Its request's session is on another worker: the connection goes there, bytes and all. */
static void test_move(void **state)
{
	struct visitor *v = *state;
	struct scene *there = scene_new();
	there->worker.index = 1;
	there->worker.node = v->scene->worker.node;
	v->scene->node.workers[1] = &there->worker;
	fake_client_unlink(v->client);
	atomic_store(&v->client->session.shards[1].usable, 1);
	enter(v, NULL);
	say(v, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhel");
	assert_true(list_empty(&v->scene->http.conns));
	scene_turn(there);
	assert_false(list_empty(&there->http.conns));
	/* The session is not there, either: nobody has published it on that worker. */
	say(v, "lo");
	for (unsigned i = 0; i < TURNS; i++)
		scene_turn(there);
	assert_memory_equal(hear(v), "HTTP/1.1 503 ", 13);
	assert_ptr_equal(v->conn->worker, &there->worker);
	assert_ptr_equal(v->conn->ex.worker, &there->worker);
	h1_conn_close(v->conn, false);
	atomic_store(&v->client->session.shards[1].usable, 0);
	scene_free(there);
	v->scene->node.workers[1] = NULL;
}

/* A connection too many. */
static void test_max_visitors(void **state)
{
	struct visitor *v = *state;
	v->scene->options.max_visitors = 1;
	enter(v, NULL);
	struct h1_conn *first = v->conn;
	int fd = v->fd;
	enter(v, NULL);
	assert_ptr_equal(v->conn, first);
	hear(v);
	assert_true(v->ended || v->reset);
	close(fd);
	turns(v);
	assert_false(is_open(v));
}

/* Where memory is short, first the body that is held for sending again goes, then the connection. */
static void test_evicted(void **state)
{
	static char body[6000];
	memset(body, 'x', sizeof(body));
	struct visitor *v = *state;
	v->scene->options.retry_body = sizeof(body);
	enter(v, NULL);
	say(v, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 7000\r\n\r\n");
	send_bytes(v, body, sizeof(body));
	fake_client_read(v->client);
	assert_true(v->conn->charge.bytes > sizeof(body));
	v->conn->charge.evict(&v->conn->charge);
	assert_true(is_open(v));
	assert_true(v->conn->charge.bytes < sizeof(body));
	assert_false(v->conn->ex.holding);
	v->conn->charge.evict(&v->conn->charge);
	turns(v);
	assert_false(is_open(v));
}

/* A link does not answer: in the next turn its requests look for another. */
static void test_silent_link(void **state)
{
	struct visitor *v = *state;
	enter(v, NULL);
	say(v, GET);
	struct fake_client *other = fake_client_new(v->scene, "a.test", NULL);
	v->client->link->io.link.silent = true;
	h1_conns_leave_link(v->client->link);
	turns(v);
	assert_ptr_equal(v->conn->ex.user.pooled->server_link, other->link);
	h1_conn_close(v->conn, true);
	fake_client_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_timeouts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_short_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_visitor_leaves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_visitor_stalls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_move, setup, teardown),
		cmocka_unit_test_setup_teardown(test_max_visitors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_evicted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silent_link, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
