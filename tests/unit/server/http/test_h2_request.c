/* SPDX-License-Identifier: MIT */
/* Requests by HTTP/2: what their upstream is asked, in HTTP/1.1, and what the visitor gets, on which stream. */
#include "h2_visitor.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/macros.h"

#define WINDOW (64u << 10)

/* What the client got since the last call, as a text. */
static const char *asked(struct h2_visitor *v)
{
	static char text[16384];
	fake_client_read(v->client);
	assert_true(buf_len(&v->client->got) < sizeof(text));
	snprintf(text, sizeof(text), "%.*s", (int)buf_len(&v->client->got),
		buf_len(&v->client->got) ? (const char *)buf_head(&v->client->got) : "");
	return text;
}

static void test_requests(void **state)
{
	struct h2_visitor *v = *state;
	h2_enter(v, WINDOW);
	for (int32_t id = 1; id < 7; id += 2) {
		char wanted[128];
		assert_int_equal(h2_get(v, "a.test", "/x?q", "x-a: 1"), id);
		const char *head = asked(v);
		assert_begins(&v->client->got, "GET /x?q HTTP/1.1\r\nHost: a.test\r\n");
		assert_part(head, "\r\nx-a: 1\r\n");
		fake_client_answer(v->client,
			"HTTP/1.1 200 Yes\r\nX-B: c\r\nConnection: keep-alive\r\n"
			"Content-Length: 5\r\n\r\nhello");
		snprintf(wanted, sizeof(wanted),
			"%d :status: 200\n%d x-b: c\n%d content-length: 5\n%d data hello\n"
			"%d closed 0\n",
			id, id, id, id, id);
		assert_string_equal(h2_hear(v), wanted);
	}
	/* All on one stream of the client, which it keeps. */
	assert_int_equal(v->client->n_opens, 1);
	assert_int_equal(v->scene->http.counts.http2.n, 3);
	assert_int_equal(v->scene->http.counts.http1.n, 0);
	assert_int_equal(v->conn->n_exchanges, 0);
}

/* Several at once, answered in another order. */
static void test_side_by_side(void **state)
{
	struct h2_visitor *v = *state;
	uint32_t streams[3];
	h2_enter(v, WINDOW);
	for (unsigned i = 0; i < 3; i++) {
		h2_get(v, "a.test", "/", NULL);
		asked(v);
		streams[i] = v->client->stream;
	}
	assert_int_equal(v->client->n_opens, 3);
	assert_int_equal(v->conn->n_exchanges, 3);
	for (unsigned i = 3; i-- > 0;) {
		char wanted[64];
		snprintf(wanted, sizeof(wanted), "%u :status: 204\n%u closed 0\n", 2 * i + 1,
			2 * i + 1);
		v->client->stream = streams[i];
		fake_client_answer(v->client, "HTTP/1.1 204 No\r\n\r\n");
		assert_string_equal(h2_hear(v), wanted);
	}
}

/* ---- Bodies of requests ---- */

static void test_body_with_length(void **state)
{
	struct h2_visitor *v = *state;
	h2_enter(v, WINDOW);
	h2_post(v, "/", "a body", true);
	const char *text = asked(v);
	assert_part(text, "\r\ncontent-length: 6\r\n");
	assert_null(strstr(text, "ransfer"));
	assert_part(text, "\r\n\r\na body");
	/* Trailers have no place there. */
	v->trail = "x-t";
	h2_post(v, "/", "a body", true);
	text = asked(v);
	assert_part(text, "\r\n\r\na body");
	assert_null(strstr(text, "x-t"));
}

static void test_body_in_chunks(void **state)
{
	struct h2_visitor *v = *state;
	h2_enter(v, WINDOW);
	h2_post(v, "/", "a body", false);
	const char *text = asked(v);
	assert_part(text, "\r\nTransfer-Encoding: chunked\r\n");
	assert_null(strstr(text, "ontent-"));
	assert_part(text, "\r\n\r\n6\r\na body\r\n0\r\n\r\n");
	h2_post(v, "/", "", false);
	assert_part(asked(v), "\r\n\r\n0\r\n\r\n");
	v->trail = "x-t";
	h2_post(v, "/", "a body", false);
	assert_part(asked(v), "\r\n\r\n6\r\na body\r\n0\r\nx-t: t\r\n\r\n");
}

/* More than the client's stream takes: it stops there, and comes whole. */
static void test_long_body(void **state)
{
	enum { N = 200000 };
	struct h2_visitor *v = *state;
	char *body = malloc(N + 1);
	assert_non_null(body);
	for (unsigned i = 0; i < N; i++)
		body[i] = (char)('a' + i % 26);
	body[N] = '\0';
	h2_enter(v, WINDOW);
	h2_post(v, "/", body, true);
	fake_client_read(v->client);
	assert_in_range(buf_len(&v->client->got), 1000, SCENE_WINDOW);
	assert_true(v->conn->held < 4 * H2_STREAM_WINDOW);
	fake_client_reset(v->client, FRAME_RESET_ABORTED, SCENE_WINDOW);
	assert_part(h2_hear(v), "1 :status: 502\n");
	free(body);
}

/* ---- Responses ---- */

static void test_response_in_chunks(void **state)
{
	struct h2_visitor *v = *state;
	h2_enter(v, WINDOW);
	h2_get(v, "a.test", "/", "te: trailers");
	h2_answer_text(v, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
	assert_string_equal(h2_hear(v), "1 :status: 200\n1 data hel\n");
	fake_client_answer(v->client, "lo\r\n0\r\nX-T: t\r\n\r\n");
	assert_string_equal(h2_hear(v), "1 data lo\n1 x-t: t\n1 closed 0\n");
}

static void test_interim(void **state)
{
	struct h2_visitor *v = *state;
	h2_enter(v, WINDOW);
	h2_get(v, "a.test", "/", NULL);
	h2_answer_text(v, "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n");
	assert_string_equal(h2_hear(v), "1 :status: 103\n1 link: x\n");
	fake_client_answer(v->client, "HTTP/1.1 200 OK\r\n\r\nrest");
	assert_string_equal(h2_hear(v), "1 :status: 200\n1 data rest\n");
	fake_client_fin(v->client, 1000);
	assert_string_equal(h2_hear(v), "1 closed 0\n");
}

/* No more than the window comes at a time; nghttp2 gives it back as bytes are consumed. */
static void test_window(void **state)
{
	struct h2_visitor *v = *state;
	h2_enter(v, 10);
	h2_get(v, "a.test", "/", NULL);
	h2_answer_text(v, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789");
	assert_string_equal(h2_hear(v),
		"1 :status: 200\n1 content-length: 9\n1 data 123456789\n1 closed 0\n");
	h2_get(v, "a.test", "/", NULL);
	h2_answer_text(v, "HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n"
			  "abcdefghijklmnopqrstuvwxyz");
	const char *text = h2_hear(v);
	assert_part(text, "3 data abcdefghij\n");
	assert_part(text, "3 closed 0\n");
	assert_null(strstr(text, "abcdefghijk"));
}

/* A login of the connection is not for one that many requests share. */
static void test_login(void **state)
{
	struct h2_visitor *v = *state;
	h2_enter(v, WINDOW);
	h2_get(v, "a.test", "/", NULL);
	h2_answer_text(v, "HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\n"
			  "Content-Length: 0\r\n\r\n");
	assert_string_equal(h2_hear(v), "1 closed 13\n"); /* HTTP_1_1_REQUIRED */
	h2_get(v, "a.test", "/", NULL);
	h2_answer_text(v, "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=a\r\n"
			  "Content-Length: 0\r\n\r\n");
	assert_part(h2_hear(v), "3 :status: 401\n");
}

/* An upstream that stops halfway: that must not pass for the whole of it. */
static void test_half_a_response(void **state)
{
	struct h2_visitor *v = *state;
	h2_enter(v, WINDOW);
	h2_get(v, "a.test", "/", NULL);
	h2_answer_text(v, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
	fake_client_reset(v->client, FRAME_RESET_ABORTED, 1000);
	assert_string_equal(h2_hear(v),
		"1 :status: 200\n1 content-length: 9\n1 data half\n1 closed 2\n");
	assert_true(h2_is_open(v));
	assert_int_equal(v->conn->n_exchanges, 0);
}

/* ---- Pages ---- */

static void test_pages(void **state)
{
	static const struct {
		const char *host, *path, *more, *status;
	} rows[] = {
		{"none.test", "/", NULL, ":status: 503\n"},
		{"a..test", "/", NULL, ":status: 400\n"},
		{"a.test:x", "/", NULL, ":status: 400\n"},
		{"a.test", "/x\xff", NULL, ":status: 400\n"},
		{"a.test", "/denied", NULL, ":status: 403\n"},
		{"a.test", "/asked", NULL, ":status: 401\n"},
	};
	struct h2_visitor *v = *state;
	scene_set_front(v->scene,
		"routes:\n- host: a.test\n  rules:\n  - {when: {path: /denied}, deny: 403}\n"
		"  - {when: {path: /asked}, basic: {users: "
		"[\"a:$2y$04$X/sAVDtOB0CUd8D62b6Wz.M6vk4BJyDe8P1vCXKt5M8GeaTyYN/VC\"]}}\n");
	h2_enter(v, WINDOW);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char wanted[64];
		h2_hear(v);
		int32_t id = h2_get(v, rows[i].host, rows[i].path, rows[i].more);
		snprintf(wanted, sizeof(wanted), "%d %s", id, rows[i].status);
		const char *text = h2_hear(v);
		assert_part(text, wanted);
		snprintf(wanted, sizeof(wanted), "%d closed ", id);
		assert_part(text, wanted);
		/* The connection is not the page's to end. */
		assert_null(strstr(text, "connection"));
		assert_true(h2_is_open(v));
	}
	assert_int_equal(v->client->n_opens, 0);
	assert_int_equal(v->goaway, UINT32_MAX);
}

/* ---- Who gives up ---- */

static void test_visitor_resets(void **state)
{
	struct h2_visitor *v = *state;
	h2_enter(v, WINDOW);
	int32_t id = h2_get(v, "a.test", "/", NULL);
	asked(v);
	nghttp2_submit_rst_stream(v->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
	h2_talk(v);
	fake_client_read(v->client);
	assert_int_equal(v->client->n_resets, 1);
	assert_int_equal(v->client->reset, FRAME_RESET_CANCELLED);
	assert_int_equal(v->conn->n_exchanges, 0);
	assert_true(h2_is_open(v));
}

static void test_visitor_leaves(void **state)
{
	struct h2_visitor *v = *state;
	h2_enter(v, WINDOW);
	h2_get(v, "a.test", "/", NULL);
	h2_get(v, "a.test", "/", NULL);
	asked(v);
	h2_leave(v);
	assert_false(h2_is_open(v));
	fake_client_read(v->client);
	assert_int_equal(v->client->n_resets, 2);
	assert_int_equal(fake_client_shard(v->client)->outstanding, 0);
}

/* The first has its place by its connection; further ones are counted. */
static void test_limit(void **state)
{
	struct h2_visitor *v = *state;
	v->scene->options.max_exchanges = 8;
	v->scene->options.max_exchanges_per_address = 1;
	h2_enter(v, WINDOW);
	h2_get(v, "a.test", "/", NULL);
	h2_get(v, "a.test", "/", NULL);
	h2_hear(v);
	h2_get(v, "a.test", "/", NULL);
	assert_part(h2_hear(v), "5 :status: 503\n");
	struct limits_use use;
	limits_look(&v->scene->node.limits, LIMITS_EXCHANGE, &use);
	assert_int_equal(use.n, 1);
	assert_int_equal(use.reached, 1);
	h2_leave(v);
	limits_look(&v->scene->node.limits, LIMITS_EXCHANGE, &use);
	assert_int_equal(use.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_requests, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_side_by_side, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_body_with_length, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_body_in_chunks, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_long_body, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_response_in_chunks, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_interim, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_window, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_login, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_half_a_response, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_pages, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_visitor_resets, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_visitor_leaves, h2_setup, h2_teardown),
		cmocka_unit_test_setup_teardown(test_limit, h2_setup, h2_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
