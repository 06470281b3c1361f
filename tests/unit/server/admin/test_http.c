/* SPDX-License-Identifier: MIT */
/* Requests to the admin API as bytes, cut anywhere, and the heads of answers. */
#include "server/admin/admin_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

struct outcome {
	enum admin_http_result result;
	enum api_reason reason;
	struct error err;
	struct api_request rq;
	size_t used;
	bool last;
};

/* Takes the text in pieces of `piece` bytes, each in memory of its own, so that a sanitizer sees what reads on. */
static struct outcome take(const char *text, size_t n, size_t piece)
{
	struct admin_http h = {0};
	struct outcome o = {0};
	while (o.result == ADMIN_HTTP_MORE && o.used < n) {
		size_t some = MIN(piece, n - o.used), used;
		uint8_t *copy = malloc(some);
		memcpy(copy, text + o.used, some);
		o.result = admin_http_take(&h, copy, some, &o.rq, &used, &o.reason, &o.err);
		free(copy);
		assert_true(used <= some);
		assert_true(used == some || o.result != ADMIN_HTTP_MORE);
		o.used += used;
	}
	o.last = h.last;
	admin_http_deinit(&h);
	return o;
}

static void whole_requests(void **state)
{
	static const struct {
		const char *text;
		enum api_method method;
		const char *target, *body, *if_match;
		bool last;
	} rows[] = {
		{"GET /api/v1/status?a=b HTTP/1.1\r\nHost: x\r\n\r\n", API_GET,
			"/api/v1/status?a=b", "", NULL, false},
		{"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", API_GET, "/", "", NULL,
			true},
		{"GET / HTTP/1.0\r\n\r\n", API_GET, "/", "", NULL, true},
		{"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", API_POST, "/a",
			"hello", NULL, false},
		{"PATCH /a HTTP/1.1\r\nHost: x\r\nif-match: \"7\"\r\nContent-Length: 2\r\n\r\n{}",
			API_PATCH, "/a", "{}", "\"7\"", false},
		{"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "5\r\nhello\r\n01;x=y\r\n!\r\n0\r\nx: y\r\n\r\n",
			API_POST, "/a", "hello!", NULL, false},
		{"DELETE /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", API_DELETE, "/a", "",
			NULL, false},
		{"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n", API_GET, "/a", "", NULL, false},
		{"BREW /a HTTP/1.1\r\nHost: x\r\n\r\n", API_OTHER_METHOD, "/a", "", NULL, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[512];
		size_t n = strlen(rows[i].text);
		/* What comes behind it is the next request's. */
		snprintf(text, sizeof(text), "%sGET", rows[i].text);
		for (size_t piece = 1; piece <= n + 3; piece++) {
			struct outcome o = take(text, n + 3, piece);
			if (o.result != ADMIN_HTTP_READY)
				fail_msg("row %zu in pieces of %zu: %d", i, piece, o.result);
			assert_int_equal(o.used, n);
			assert_int_equal(o.rq.method, rows[i].method);
			assert_string_equal(o.rq.target, rows[i].target);
			assert_int_equal(o.rq.body_size, strlen(rows[i].body));
			if (o.rq.body_size)
				assert_memory_equal(o.rq.body, rows[i].body, o.rq.body_size);
			assert_int_equal(o.rq.if_match != NULL, rows[i].if_match != NULL);
			if (o.rq.if_match)
				assert_string_equal(o.rq.if_match, rows[i].if_match);
			assert_int_equal(o.last, rows[i].last);
			api_request_deinit(&o.rq);
		}
		for (size_t k = 0; k < n; k++) {
			struct outcome o = take(text, k, n);
			assert_int_equal(o.result, ADMIN_HTTP_MORE);
			api_request_deinit(&o.rq);
		}
	}
}

static void refused_requests(void **state)
{
	static const struct {
		const char *text;
		enum api_reason reason;
		const char *why;
	} rows[] = {
		{"GET / HTTP/3.0\r\n\r\n", API_INVALID, "the HTTP version is neither"},
		{"GET / HTTP/1.1\r\n\r\n", API_INVALID, "the Host field is missing"},
		{"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", API_INVALID,
			"the request target is not a path"},
		{"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", API_INVALID,
			"the request target is not a path"},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n", API_TOO_LARGE,
			"the body is too large"},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", API_TOO_LARGE,
			"the body is too large"},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n",
			API_INVALID, "both Content-Length and Transfer-Encoding"},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
			API_INVALID, "a chunk size is malformed"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t piece = 1; piece <= strlen(rows[i].text); piece++) {
			struct outcome o = take(rows[i].text, strlen(rows[i].text), piece);
			if (o.result != ADMIN_HTTP_REFUSED)
				fail_msg("row %zu in pieces of %zu: %d", i, piece, o.result);
			assert_int_equal(o.reason, rows[i].reason);
			assert_non_null(strstr(o.err.text, rows[i].why));
			api_request_deinit(&o.rq);
		}
}

/* `n` bytes of a head that never ends, or of chunks. */
static struct outcome flood(const char *begin, char filler, size_t n)
{
	size_t head = strlen(begin);
	char *text = malloc(head + n);
	memcpy(text, begin, head);
	memset(text + head, filler, n);
	struct outcome o = take(text, head + n, 60000);
	free(text);
	return o;
}

static void bounds(void **state)
{
	/* A body of just the size that is allowed, and one byte more. */
	static const char head[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n";
	struct outcome o = flood(head, 'x', API_BODY_MAX);
	assert_int_equal(o.result, ADMIN_HTTP_READY);
	assert_int_equal(o.rq.body_size, API_BODY_MAX);
	api_request_deinit(&o.rq);
	static const char chunks[] =
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		"100001\r\n";
	o = flood(chunks, 'x', API_BODY_MAX + 1);
	assert_int_equal(o.result, ADMIN_HTTP_REFUSED);
	assert_int_equal(o.reason, API_TOO_LARGE);
	api_request_deinit(&o.rq);
	/* A head. */
	o = flood("GET / HTTP/1.1\r\nHost: x\r\nA: ", 'a', ADMIN_HTTP_HEAD_MAX);
	assert_int_equal(o.result, ADMIN_HTTP_REFUSED);
	assert_int_equal(o.reason, API_TOO_LARGE);
	assert_true(o.used <= ADMIN_HTTP_HEAD_MAX + 1);
	api_request_deinit(&o.rq);
}

static void answers(void **state)
{
	static char text[] = "{}", tag[] = "\"8\"", place[] = "/a/b", methods[] = "GET";
	static const struct {
		struct api_request rq;
		struct admin_http asked;
		const char *text;
	} rows[] = {
		{{.status = 200,
			 .answer = text,
			 .answer_size = 2,
			 .content_type = "application/json"},
			{.last = false},
			"HTTP/1.1 200 \r\nContent-Length: 2\r\nContent-Type: application/json\r\n"
			"Cache-Control: no-store\r\n\r\n{}"},
		{{.status = 200,
			 .answer = text,
			 .answer_size = 2,
			 .content_type = "application/json"},
			{.head_only = true},
			"HTTP/1.1 200 \r\nContent-Length: 2\r\nContent-Type: application/json\r\n"
			"Cache-Control: no-store\r\n\r\n"},
		{{.status = 201, .etag = tag, .location = place}, {.last = true},
			"HTTP/1.1 201 \r\nContent-Length: 0\r\nCache-Control: no-store\r\n"
			"ETag: \"8\"\r\nLocation: /a/b\r\nConnection: close\r\n\r\n"},
		{{.status = 503, .retry_after = 1, .allow = methods}, {.last = false},
			"HTTP/1.1 503 \r\nContent-Length: 0\r\nCache-Control: no-store\r\n"
			"Allow: GET\r\nRetry-After: 1\r\n\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out = BUF_NULL;
		assert_int_equal(admin_http_answer(&rows[i].asked, &rows[i].rq, &out), 0);
		assert_int_equal(buf_append(&out, "", 1), 0);
		assert_string_equal(buf_head(&out), rows[i].text);
		buf_deinit(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_requests),
		cmocka_unit_test(refused_requests),
		cmocka_unit_test(bounds),
		cmocka_unit_test(answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
