/* SPDX-License-Identifier: MIT */
/* Requests and responses from end to end: what came, in whatever pieces, and what went back. */
#include <stdlib.h>

#include "both_ends.h"

#define WINDOW 65535

static void test_request(void **state)
{
	struct ends e;
	ends_init(&e, WINDOW);
	ends_ask(&e, "GET", "/a");
	ends_talk(&e);
	assert_string_equal(ends_heard(&e),
		"1 end 0 [GET /a HTTP/1.1\r\nHost: a.example\r\nCookie: a=1; b=2\r\n\r\n]\n");
	ends_answer(e.served[0], "HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\n", false);
	ends_answer(e.served[0],
		"HTTP/1.1 200 OK\r\nX-Name: Value \r\nConnection: close\r\n"
		"Transfer-Encoding: chunked\r\n\r\n",
		false);
	assert_int_equal(h2_data(&e.served[0]->stream, (const uint8_t *)"hello", 5, false), 5);
	assert_int_equal(h2_end(&e.served[0]->stream, STR("Grpc-Status: 0\r\n")), 0);
	ends_talk(&e);
	assert_string_equal(ends_got(&e),
		"1 :status: 103\n1 link: </s>\n1 :status: 200\n1 x-name: Value\n1 data 5 hello\n"
		"1 grpc-status: 0\n1 closed 0\n");
	assert_true(e.served[0]->closed);
	ends_deinit(&e);
}

/* The length was known: the last byte takes END_STREAM along. */
static void test_last_byte(void **state)
{
	struct ends e;
	ends_init(&e, WINDOW);
	ends_ask(&e, "GET", "/");
	ends_ask(&e, "HEAD", "/");
	ends_talk(&e);
	ends_answer(e.served[0], "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false);
	assert_int_equal(h2_data(&e.served[0]->stream, (const uint8_t *)"abc", 3, true), 3);
	assert_true(e.served[0]->closed);
	ends_answer(e.served[1], "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true);
	assert_true(e.served[1]->closed);
	ends_talk(&e);
	assert_string_equal(ends_got(&e),
		"1 :status: 200\n1 content-length: 3\n1 data 3 abc\n1 closed 0\n"
		"3 :status: 200\n3 content-length: 3\n3 closed 0\n");
	ends_deinit(&e);
}

/* The owner may answer from within a request; the rest of what it would send is not wanted. */
static void test_page(void **state)
{
	struct ends e;
	ends_init(&e, WINDOW);
	e.pages = true;
	e.body = "body";
	e.body_n = 4;
	ends_ask(&e, "POST", "/");
	ends_talk(&e);
	assert_non_null(strstr(ends_got(&e), "1 :status: 404\n1 content-length: 2\n1 data 2 no\n"));
	assert_true(e.served[0]->closed);
	ends_deinit(&e);
}

/* The body waits for the peer's window, others do not. */
static void test_windows(void **state)
{
	static uint8_t much[3 * 1024];
	memset(much, 'x', sizeof(much));
	struct ends e;
	ends_init(&e, 1024);
	ends_ask(&e, "GET", "/");
	ends_ask(&e, "GET", "/");
	ends_talk(&e);
	struct h2_stream *a = &e.served[0]->stream, *b = &e.served[1]->stream;
	ends_answer(e.served[0], "HTTP/1.1 200 OK\r\n\r\n", false);
	ends_answer(e.served[1], "HTTP/1.1 200 OK\r\n\r\n", false);
	assert_int_equal(h2_data(a, much, sizeof(much), true), 1024);
	assert_true(a->blocked);
	assert_int_equal(h2_data(b, much, 10, false), 10);
	assert_false(b->blocked);
	assert_null(h2_ready(&e.server));
	size_t sent = 1024;
	for (unsigned i = 0; i < 20 && sent < sizeof(much); i++) {
		ends_talk(&e); /* the client reads, and gives its windows back */
		struct h2_stream *ready = h2_ready(&e.server);
		assert_ptr_equal(ready, a);
		assert_false(a->blocked);
		ssize_t n = h2_data(a, much + sent, sizeof(much) - sent, true);
		assert_true(n > 0);
		sent += (size_t)n;
	}
	assert_int_equal(sent, sizeof(much));
	assert_true(a->closed);
	ends_deinit(&e);
}

/* What is passed on is written as the window allows, and then the stream is ready. */
static void test_pass(void **state)
{
	static uint8_t much[3000];
	struct ends e;
	ends_init(&e, 1024);
	ends_ask(&e, "GET", "/");
	ends_talk(&e);
	struct h2_stream *s = &e.served[0]->stream;
	ends_answer(e.served[0], "HTTP/1.1 200 OK\r\n\r\n", false);
	assert_int_equal(h2_pass(s, much, sizeof(much)), 0);
	assert_true(s->blocked);
	ends_talk(&e);
	assert_int_equal(s->sent, sizeof(much));
	assert_ptr_equal(h2_ready(&e.server), s);
	assert_int_equal(h2_end(s, STR_NULL), 0);
	ends_talk(&e);
	assert_true(s->closed);
	ends_deinit(&e);
}

/* A body that nobody takes stops itself at its window; what is taken comes again. */
static void test_upload(void **state)
{
	static char much[3 * H2_STREAM_WINDOW];
	memset(much, 'y', sizeof(much));
	struct ends e;
	ends_init(&e, WINDOW);
	e.taking = false;
	e.body = much;
	e.body_n = sizeof(much);
	ends_ask(&e, "POST", "/");
	ends_talk(&e);
	assert_int_equal(sizeof(much) - e.body_n, H2_STREAM_WINDOW);
	h2_consume(&e.served[0]->stream, H2_STREAM_WINDOW);
	ends_talk(&e);
	assert_int_equal(sizeof(much) - e.body_n, 2 * H2_STREAM_WINDOW);
	assert_false(e.served[0]->whole);
	ends_deinit(&e);
}

static void test_reset(void **state)
{
	struct ends e;
	ends_init(&e, WINDOW);
	ends_ask(&e, "GET", "/");
	ends_ask(&e, "GET", "/");
	ends_talk(&e);
	ends_answer(e.served[0], "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", false);
	h2_reset(&e.served[0]->stream, H2_INTERNAL_ERROR);
	assert_int_equal(h2_data(&e.served[0]->stream, (const uint8_t *)"x", 1, false), 1);
	nghttp2_submit_rst_stream(e.client, NGHTTP2_FLAG_NONE, 3, NGHTTP2_CANCEL);
	ends_talk(&e);
	assert_true(e.served[0]->closed && e.served[1]->closed);
	assert_non_null(strstr(ends_got(&e), "1 closed 2\n"));
	/* Whatever the owner does then goes nowhere. */
	ends_answer(e.served[1], "HTTP/1.1 200 OK\r\n\r\n", false);
	assert_int_equal(h2_pass(&e.served[1]->stream, (const uint8_t *)"x", 1), 0);
	assert_int_equal(h2_end(&e.served[1]->stream, STR_NULL), 0);
	h2_reset(&e.served[1]->stream, H2_CANCEL);
	h2_consume(&e.served[1]->stream, 1);
	ends_talk(&e);
	ends_deinit(&e);
}

static void test_goaway(void **state)
{
	struct ends e;
	ends_init(&e, WINDOW);
	ends_ask(&e, "GET", "/");
	ends_talk(&e);
	h2_goaway(&e.server, H2_NO_ERROR);
	ends_talk(&e);
	assert_int_equal(e.goaway, H2_NO_ERROR);
	assert_true(h2_alive(&e.server));
	ends_answer(e.served[0], "HTTP/1.1 204 No Content\r\n\r\n", true);
	ends_talk(&e);
	assert_non_null(strstr(ends_got(&e), "1 closed 0\n"));
	assert_false(h2_alive(&e.server));
	ends_deinit(&e);
}

/* Both ends' bytes in two pieces, cut at each place: the owner hears the same. */
static void test_cuts(void **state)
{
	struct buf says = BUF_NULL;
	char *whole = NULL;
	for (size_t cut = 0; cut == 0 || cut <= buf_len(&says); cut++) {
		struct ends e;
		ends_init(&e, WINDOW);
		e.body = "hello";
		e.body_n = 5;
		e.trailer = "x-sum";
		buf_consume(&says, buf_len(&says));
		ends_ask(&e, "POST", "/p");
		ends_client_says(&e, &says);
		ends_ask(&e, "GET", "/g");
		ends_client_says(&e, &says);
		assert_int_equal(h2_input(&e.server, buf_head(&says), cut, 0), 0);
		assert_int_equal(h2_output(&e.server), 0);
		assert_int_equal(h2_input(&e.server, buf_head(&says) + cut, buf_len(&says) - cut,
					 0),
			0);
		if (!whole) {
			whole = strdup(ends_heard(&e));
			assert_non_null(strstr(whole, "Transfer-Encoding: chunked\r\n\r\n]\n"
						      "1 data hello\n1 whole [x-sum: t\r\n]\n"
						      "3 end 0 [GET /g"));
		}
		assert_string_equal(ends_heard(&e), whole);
		ends_deinit(&e);
	}
	assert_true(buf_len(&says) > 100);
	buf_deinit(&says);
	free(whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_last_byte),
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_pass),
		cmocka_unit_test(test_upload),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_goaway),
		cmocka_unit_test(test_cuts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
