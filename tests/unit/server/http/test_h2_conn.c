/* SPDX-License-Identifier: MIT */
/* An HTTP/2 connection: its timeouts, what it may hold, its end, and requests that only another worker can serve. */
#include "h2_visitor.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/macros.h"

#define WINDOW (64u << 10)
#define PIECE  4000

/* As its queue does when the time is over. */
static void expire(struct timeout_queue *queue, struct timeout *entry)
{
	assert_true(timeout_running(entry));
	timeout_cancel(entry);
	queue->expired(queue, entry);
}

static struct h2_exchange *exchange(const struct h2_visitor *v, unsigned n)
{
	struct list *at = v->conn->exchanges.next;
	while (n--)
		at = at->next;
	return list_entry(at, struct h2_exchange, link);
}

/* A response of `pieces` pieces of PIECE bytes, on the client's stream that sent last. */
static void answer_long(struct h2_visitor *v, unsigned pieces)
{
	char piece[PIECE + 1];
	memset(piece, 'x', PIECE);
	piece[PIECE] = '\0';
	snprintf(piece, sizeof(piece), "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n",
		pieces * PIECE);
	h2_answer_text(v, piece);
	memset(piece, 'x', PIECE);
	for (unsigned i = 0; i < pieces; i++) {
		fake_client_answer(v->client, piece);
		scene_turn(v->scene);
	}
}

/* ---- Timeouts ---- */

static void test_idle(void **state)
{
	struct h2_visitor *v = *state;
	struct http_worker *h = &v->scene->http;
	h2_enter(v, WINDOW);
	assert_true(timeout_running(&v->conn->idle));
	h2_get(v, "a.test", "/", NULL);
	assert_false(timeout_running(&v->conn->idle));
	h2_answer_text(v, "HTTP/1.1 204 No\r\n\r\n");
	h2_talk(v);
	expire(&h->h2_idle, &v->conn->idle);
	h2_talk(v);
	assert_int_equal(v->goaway, H2_NO_ERROR);
	assert_true(v->ended);
	assert_int_equal(v->conn->state, H2_CONN_LINGER);
	/* What still comes is read, for a while. */
	h2_say_bytes(v, "late", 4);
	h2_talk(v);
	assert_int_equal(v->conn->state, H2_CONN_LINGER);
	expire(&h->h2_linger, &v->conn->idle);
	h2_talk(v);
	assert_false(h2_is_open(v));
}

/* A frame that does not end: its time runs from its first byte on. */
static void test_unfinished(void **state)
{
	static const uint8_t window[] = {0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1};
	static const uint8_t head[] = {0, 0, 100, 1, 5, 0, 0, 0, 1, 0x82};
	struct h2_visitor *v = *state;
	h2_enter(v, WINDOW);
	assert_false(timeout_running(&v->conn->head));
	h2_say_bytes(v, window, 4);
	h2_talk(v);
	assert_true(timeout_running(&v->conn->head));
	h2_say_bytes(v, window + 4, sizeof(window) - 4);
	h2_talk(v);
	assert_false(timeout_running(&v->conn->head));
	h2_say_bytes(v, head, sizeof(head));
	h2_talk(v);
	expire(&v->scene->http.h2_head, &v->conn->head);
	h2_talk(v);
	assert_int_equal(v->goaway, H2_ENHANCE_YOUR_CALM);
	assert_true(v->ended);
	assert_false(h2_is_open(v));
}

static bool is_asked(void *arg)
{
	struct h2_visitor *v = arg;
	h2_talk(v);
	return v->conn->n_exchanges > 0;
}

/* Its kernel has taken what it takes. */
static bool is_taken(void *arg)
{
	struct h2_visitor *v = arg;
	uint64_t acked = 0;
	h2_talk(v);
	return conn_acknowledged(&v->conn->conn, 4096, &acked) && buf_len(&v->conn->h2.out) > 0;
}

/* Nothing of what was written is read: the connection ends, and its requests with it. */
static void test_unread(void **state)
{
	struct h2_visitor *v = *state;
	struct http_worker *h = &v->scene->http;
	v->tcp = true;
	h2_enter(v, 1 << 20);
	h2_get(v, "a.test", "/", NULL);
	assert_true(scene_until(v->scene, is_asked, v));
	assert_false(timeout_running(&v->conn->unread));
	v->reads_not = true;
	answer_long(v, 14);
	assert_true(scene_until(v->scene, is_taken, v));
	/* Bytes that its kernel took are progress, once. */
	expire(&h->h2_unread, &v->conn->unread);
	assert_true(h2_is_open(v));
	for (unsigned i = 0; i < 8 && h2_is_open(v); i++)
		expire(&h->h2_unread, &v->conn->unread);
	assert_false(h2_is_open(v));
	assert_int_equal(fake_client_shard(v->client)->outstanding, 0);
}

/* A visitor that reads late gets all, however little its socket takes. */
static void test_read_late(void **state)
{
	struct h2_visitor *v = *state;
	h2_enter(v, 1 << 20);
	v->reads_not = true;
	/* As much as a link's window takes. */
	for (unsigned i = 0; i < 3; i++) {
		h2_get(v, "a.test", "/", NULL);
		answer_long(v, 5);
	}
	h2_talk(v);
	assert_true(timeout_running(&v->conn->unread));
	assert_in_range(buf_len(&v->conn->h2.out), 1, 2 * H2_OUT_MAX);
	v->reads_not = false;
	h2_talk(v);
	assert_int_equal(v->n_data, 3 * 5 * PIECE);
	assert_false(timeout_running(&v->conn->unread));
	assert_int_equal(v->conn->n_exchanges, 0);
	assert_int_equal(v->conn->held, 0);
}

/* ---- A visitor that gives no window ---- */

static void test_stalled(void **state)
{
	struct h2_visitor *v = *state;
	struct http_worker *h = &v->scene->http;
	v->gives_not = true;
	h2_enter(v, 2000);
	h2_get(v, "a.test", "/", NULL);
	answer_long(v, 2);
	h2_talk(v);
	assert_int_equal(v->n_data, 2000);
	/* Another stream has its own window. */
	h2_get(v, "a.test", "/", NULL);
	h2_answer_text(v, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother");
	assert_part(h2_hear(v), "3 data other\n");
	struct h2_exchange *x = exchange(v, 0);
	assert_int_equal(v->conn->n_exchanges, 1);
	/* 1,024 bytes are progress, and fewer are none. */
	nghttp2_submit_window_update(v->session, NGHTTP2_FLAG_NONE, 1, 1024);
	h2_talk(v);
	assert_int_equal(v->n_data, 2000 + 5 + 1024);
	expire(&h->h2_stalled, &x->stalled);
	assert_true(timeout_running(&x->stalled));
	nghttp2_submit_window_update(v->session, NGHTTP2_FLAG_NONE, 1, 1023);
	h2_hear(v);
	expire(&h->h2_stalled, &x->stalled);
	assert_string_equal(h2_hear(v), "1 closed 8\n"); /* CANCEL */
	assert_true(h2_is_open(v));
	assert_int_equal(v->conn->n_exchanges, 0);
	assert_int_equal(fake_client_shard(v->client)->outstanding, 0);
}

/* A response that is whole on this side, and waits in its stream. */
static void test_stalled_at_its_end(void **state)
{
	struct h2_visitor *v = *state;
	v->gives_not = true;
	h2_enter(v, 10);
	h2_get(v, "none.test", "/", NULL);
	assert_int_equal(v->n_data, 10);
	assert_int_equal(v->conn->n_exchanges, 1);
	struct h2_exchange *x = exchange(v, 0);
	assert_int_equal(x->ex.state, EXCHANGE_NONE);
	assert_part(h2_hear(v), "1 :status: 503\n");
	expire(&v->scene->http.h2_stalled, &x->stalled);
	assert_string_equal(h2_hear(v), "1 closed 8\n");
	assert_int_equal(v->conn->n_exchanges, 0);
}

/* ---- Its end ---- */

static void test_broken(void **state)
{
	static const uint8_t data_of_no_stream[] = {0, 0, 0, 0, 0, 0, 0, 0, 0};
	struct h2_visitor *v = *state;
	h2_enter(v, WINDOW);
	h2_get(v, "a.test", "/", NULL);
	fake_client_read(v->client);
	h2_say_bytes(v, data_of_no_stream, sizeof(data_of_no_stream));
	h2_talk(v);
	assert_int_equal(v->goaway, H2_PROTOCOL_ERROR);
	assert_true(v->ended);
	h2_leave(v);
	assert_false(h2_is_open(v));
	fake_client_read(v->client);
	assert_int_equal(v->client->n_resets, 1);
}

/* Those under way end as ever; those that wait for a session are refused, and nothing new is served. */
static void test_drain(void **state)
{
	struct h2_visitor *v = *state;
	struct scene *s = v->scene;
	struct fake_client *lost = fake_client_new(s, "lost.test", NULL);
	fake_client_unlink(lost);
	h2_enter(v, WINDOW);
	h2_get(v, "a.test", "/", NULL);
	h2_get(v, "lost.test", "/", NULL);
	assert_int_equal(exchange(v, 1)->ex.state, EXCHANGE_WAITING);
	s->worker.draining = true;
	http_worker_drain(&s->http);
	assert_part(h2_hear(v), "3 :status: 503\n");
	assert_int_equal(v->goaway, H2_NO_ERROR);
	assert_false(v->ended);
	h2_answer_text(v, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
	assert_part(h2_hear(v), "1 data hi\n1 closed 0\n");
	assert_true(v->ended);
	assert_int_equal(v->conn->state, H2_CONN_LINGER);
	h2_leave(v);
	assert_false(h2_is_open(v));
	s->worker.draining = false;
	fake_client_free(lost);
}

static void test_waits(void **state)
{
	struct h2_visitor *v = *state;
	h2_enter(v, WINDOW);
	fake_client_unlink(v->client);
	h2_get(v, "a.test", "/", NULL);
	assert_int_equal(exchange(v, 0)->ex.state, EXCHANGE_WAITING);
	fake_client_link(v->client);
	h2_talk(v);
	h2_answer_text(v, "HTTP/1.1 204 No\r\n\r\n");
	assert_string_equal(h2_hear(v), "1 :status: 204\n1 closed 0\n");
}

/* ---- Links ---- */

/* Its link is silent: another session's takes the request over. */
static void test_link_is_silent(void **state)
{
	struct h2_visitor *v = *state;
	h2_enter(v, WINDOW);
	h2_get(v, "a.test", "/", NULL);
	fake_client_read(v->client);
	struct fake_client *other = fake_client_new(v->scene, "a.test", NULL);
	v->client->link->io.link.silent = true;
	atomic_store(&v->client->session.shards[0].silent, 1);
	http_worker_leave_link(v->client->link);
	h2_talk(v);
	fake_client_read(v->client);
	assert_int_equal(v->client->n_resets, 1);
	fake_client_read(other);
	assert_begins(&other->got, "GET / HTTP/1.1\r\nHost: a.test\r\n");
	fake_client_answer(other, "HTTP/1.1 204 No\r\n\r\n");
	assert_string_equal(h2_hear(v), "1 :status: 204\n1 closed 0\n");
	fake_client_free(other);
}

/* Only another worker can serve it, and the connection cannot go there: the client is to open another one. */
static void test_another_host_is_elsewhere(void **state)
{
	struct h2_visitor *v = *state;
	struct fake_client *other = fake_client_new(v->scene, "b.test", NULL);
	fake_client_unlink(other);
	atomic_store(&other->session.shards[1].usable, 1);
	h2_enter(v, WINDOW);
	h2_get(v, "a.test", "/", NULL);
	h2_hear(v);
	h2_get(v, "b.test", "/", NULL);
	assert_part(h2_hear(v), "3 :status: 421\n");
	assert_int_equal(v->goaway, UINT32_MAX);
	assert_int_equal(v->conn->state, H2_CONN_OPEN);
	h2_answer_text(v, "HTTP/1.1 204 No\r\n\r\n");
	assert_string_equal(h2_hear(v), "1 :status: 204\n1 closed 0\n");
	atomic_store(&other->session.shards[1].usable, 0);
	fake_client_free(other);
}

static void test_the_same_host_is_elsewhere(void **state)
{
	struct h2_visitor *v = *state;
	struct session_base *session = &v->client->session;
	h2_enter(v, WINDOW);
	h2_get(v, "a.test", "/", NULL);
	fake_client_read(v->client);
	v->client->link->state = SERVER_LINK_DRAINING;
	atomic_store(&session->shards[1].usable, 1);
	h2_hear(v);
	h2_get(v, "a.test", "/", NULL);
	assert_string_equal(h2_hear(v), "3 closed 7\n"); /* REFUSED_STREAM */
	assert_int_equal(v->goaway, H2_NO_ERROR);
	/* The first is served to its end. */
	fake_client_answer(v->client, "HTTP/1.1 204 No\r\n\r\n");
	assert_string_equal(h2_hear(v), "1 :status: 204\n1 closed 0\n");
	assert_true(v->ended);
	v->client->link->state = SERVER_LINK_ESTABLISHED;
	atomic_store(&session->shards[1].usable, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_idle, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_unfinished, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_unread, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_read_late, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_stalled, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_stalled_at_its_end, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_broken, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_drain, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_waits, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_link_is_silent, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_another_host_is_elsewhere, h2_setup,
			h2_teardown),
		cmocka_unit_test_setup_teardown(test_the_same_host_is_elsewhere, h2_setup,
			h2_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
