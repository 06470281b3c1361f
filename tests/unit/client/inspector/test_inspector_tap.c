/* SPDX-License-Identifier: MIT */
/* Reading along: messages are paired and their bodies found, however the bytes are cut. */
#include "captures.h"

#define GET  "GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n"
#define OK   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define POST "POST /p HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\n\r\nhello"

static const struct {
	const char *request, *answer;
	enum capture_state state;
	uint16_t status;
	const char *body, *answered;
} rows[] = {
	{GET, OK, CAPTURE_DONE, 200, "", "ok"},
	{POST, OK, CAPTURE_DONE, 200, "hello", "ok"},
	{POST, "HTTP/1.1 204 No Content\r\n\r\n", CAPTURE_DONE, 204, "hello", ""},
	{"HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\n",
		CAPTURE_DONE, 200, "", ""},
	{"POST /c HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
	 "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"5;x=y\r\nworld\r\n0\r\nX-Sum: 7\r\n\r\n",
		CAPTURE_DONE, 200, "abcde", "world"},
	{POST, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" OK,
		CAPTURE_DONE, 200, "hello", "ok"},
	{GET, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", CAPTURE_CUT, 200, "", "half"},
	{GET, "HTTP/1.1 200 O", CAPTURE_CUT, 0, "", ""},
	{GET, "", CAPTURE_CUT, 0, "", ""},
	{GET, "SSH-2.0-OpenSSH_9.2\r\n", CAPTURE_RAW, 0, "", "SSH-2.0-OpenSSH_9.2\r\n"},
	{GET, "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", CAPTURE_RAW, 0, "", NULL},
	{GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX", CAPTURE_RAW, 200,
		"", NULL},
};

static void test_messages(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t step = 1; step < 200; step += 1 + step / 2) {
			struct captures s;
			captures_begin(&s, (struct inspector_options){0});
			struct inspector_tap *t = tap_begin(&s);
			tap_asks(t, rows[i].request, step);
			tap_answers(t, rows[i].answer, step);
			inspector_tap_free(t);
			assert_int_equal(s.in.n, 1);
			const struct capture *c = newest(&s, 0);
			assert_int_equal(c->state, rows[i].state);
			assert_int_equal(c->status, rows[i].status);
			assert_body(&s, &c->request, rows[i].body);
			/* Of what cannot be read it has the first piece. */
			if (rows[i].answered && (c->state != CAPTURE_RAW || step > 100))
				assert_body(&s, &c->answer, rows[i].answered);
			assert_int_equal(c->request.body, strlen(rows[i].body));
			captures_end(&s);
		}
	}
}

/* Several on one connection; the first alone waited for it. */
static void test_kept_connection(void **state)
{
	struct captures s;
	captures_begin(&s, (struct inspector_options){0});
	struct inspector_tap *t = tap_begin(&s);
	for (size_t i = 0; i < 3; i++) {
		tap_asks(t, i == 1 ? POST : GET, 7);
		assert_int_equal(newest(&s, 0)->state, CAPTURE_OPEN);
		assert_true(inspector_tap_waits(t));
		tap_answers(t, OK, 5);
		assert_int_equal(newest(&s, 0)->state, CAPTURE_DONE);
		assert_false(inspector_tap_waits(t));
	}
	assert_int_equal(s.in.n, 3);
	assert_string_equal(newest(&s, 1)->method, "POST");
	assert_string_equal(newest(&s, 0)->target, "/a");
	assert_string_equal(newest(&s, 0)->host, "app.test");
	assert_int_equal(newest(&s, 2)->dialled, 2000);
	assert_int_equal(newest(&s, 1)->dialled, 0);
	inspector_tap_free(t);
	captures_end(&s);
}

/* Answers belong to requests in their order; each has the framing that its method says. */
static void test_pipelining(void **state)
{
	for (size_t step = 1; step < 400; step *= 3) {
		struct captures s;
		captures_begin(&s, (struct inspector_options){0});
		struct inspector_tap *t = tap_begin(&s);
		tap_asks(t, "HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\n" POST GET, step);
		tap_answers(t, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" OK, step);
		assert_int_equal(newest(&s, 2)->state, CAPTURE_DONE);
		assert_int_equal(newest(&s, 1)->state, CAPTURE_DONE);
		assert_int_equal(newest(&s, 0)->state, CAPTURE_OPEN);
		tap_answers(t, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", step);
		assert_int_equal(newest(&s, 0)->status, 404);
		assert_int_equal(newest(&s, 0)->state, CAPTURE_DONE);
		inspector_tap_free(t);
		captures_end(&s);
	}
}

static void test_too_far_ahead(void **state)
{
	struct captures s;
	captures_begin(&s, (struct inspector_options){0});
	struct inspector_tap *t = tap_begin(&s);
	for (size_t i = 0; i <= INSPECTOR_TAP_AHEAD_MAX; i++)
		tap_asks(t, GET, SIZE_MAX);
	assert_int_equal(t->state, INSPECTOR_TAP_GONE);
	tap_answers(t, OK OK, SIZE_MAX);
	assert_int_equal(newest(&s, 0)->state, CAPTURE_RAW);
	assert_int_equal(newest(&s, 1)->state, CAPTURE_CUT);
	inspector_tap_free(t);
	captures_end(&s);
}

/* The answer is whole before the request is. */
static void test_early_answer(void **state)
{
	struct captures s;
	captures_begin(&s, (struct inspector_options){0});
	struct inspector_tap *t = tap_begin(&s);
	tap_asks(t, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc", SIZE_MAX);
	tap_answers(t, OK, SIZE_MAX);
	assert_int_equal(newest(&s, 0)->state, CAPTURE_OPEN);
	tap_asks(t, "def", SIZE_MAX);
	assert_int_equal(newest(&s, 0)->state, CAPTURE_DONE);
	assert_body(&s, &newest(&s, 0)->request, "abcdef");
	tap_asks(t, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc", SIZE_MAX);
	tap_answers(t, OK, SIZE_MAX);
	inspector_tap_free(t);
	assert_int_equal(newest(&s, 0)->state, CAPTURE_DONE);
	assert_false(newest(&s, 0)->request.whole);
	captures_end(&s);
}

static void test_until_close(void **state)
{
	struct captures s;
	captures_begin(&s, (struct inspector_options){0});
	for (size_t ended = 0; ended < 2; ended++) {
		struct inspector_tap *t = tap_begin(&s);
		tap_asks(t, GET, SIZE_MAX);
		tap_answers(t, "HTTP/1.0 200 OK\r\n\r\nall", 3);
		if (ended)
			t->tap.read(&t->tap, NULL, 0);
		inspector_tap_free(t);
		assert_int_equal(newest(&s, 0)->state, ended ? CAPTURE_DONE : CAPTURE_CUT);
		assert_body(&s, &newest(&s, 0)->answer, "all");
	}
	captures_end(&s);
}

static void test_websocket(void **state)
{
	struct captures s;
	captures_begin(&s, (struct inspector_options){0});
	struct inspector_tap *t = tap_begin(&s);
	tap_asks(t,
		"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		9);
	tap_answers(t,
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
		"Upgrade: websocket\r\n\r\n12345",
		SIZE_MAX);
	tap_asks(t, "GET / HTTP/1.1\r\n\r\n", 4);
	struct capture *c = newest(&s, 0);
	assert_true(c->websocket);
	assert_int_equal(c->state, CAPTURE_OPEN);
	assert_int_equal(c->request.body, 18);
	assert_int_equal(c->answer.body, 5);
	assert_int_equal(capture_kept(&c->answer), 0);
	/* The upstream's end is its end, and what comes behind is of nobody. */
	t->tap.read(&t->tap, NULL, 0);
	assert_int_equal(c->state, CAPTURE_DONE);
	tap_asks(t, "more", SIZE_MAX);
	assert_int_equal(c->request.body, 18);
	inspector_tap_free(t);
	assert_int_equal(s.in.n, 1);
	captures_end(&s);
}

/* Bytes that nobody asked for are shown as they came. */
static void test_surplus(void **state)
{
	struct captures s;
	captures_begin(&s, (struct inspector_options){0});
	struct inspector_tap *t = tap_begin(&s);
	tap_asks(t, GET, SIZE_MAX);
	tap_answers(t, OK "surplus", SIZE_MAX);
	inspector_tap_free(t);
	assert_int_equal(s.in.n, 2);
	assert_int_equal(newest(&s, 1)->state, CAPTURE_DONE);
	assert_int_equal(newest(&s, 0)->state, CAPTURE_RAW);
	assert_body(&s, &newest(&s, 0)->answer, "surplus");
	captures_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_kept_connection),
		cmocka_unit_test(test_pipelining),
		cmocka_unit_test(test_too_far_ahead),
		cmocka_unit_test(test_early_answer),
		cmocka_unit_test(test_until_close),
		cmocka_unit_test(test_websocket),
		cmocka_unit_test(test_surplus),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
