/* SPDX-License-Identifier: MIT */
/* The exit node's own answers: complete, honest about their length, and nothing in them to execute. */
#include "server/http/h1_conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/macros.h"

/* The page as text, its Content-Length checked; freed by the caller. */
static char *written(const struct error_page *p)
{
	struct buf out = BUF_NULL;
	assert_int_equal(h1_page_write(&out, p), 0);
	char *text = malloc(buf_len(&out) + 1);
	assert_non_null(text);
	memcpy(text, buf_head(&out), buf_len(&out));
	text[buf_len(&out)] = '\0';
	buf_deinit(&out);
	const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");
	assert_non_null(end);
	assert_non_null(length);
	if (p->head_only)
		assert_int_equal(strlen(end + 4), 0);
	else
		assert_int_equal(strlen(end + 4), atoi(length + 16));
	return text;
}

static void test_text(void **state)
{
	struct error_page p = error_page_for(ERROR_PAGE_NO_ROUTE);
	p.host = STR("shop.example");
	p.request_id = STR("abc123");
	p.retry_after = 5;
	char *text = written(&p);
	assert_string_equal(text,
		"HTTP/1.1 503 Service Unavailable\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n"
		"Content-Length: 107\r\n"
		"Cache-Control: no-store\r\n"
		"X-Request-Id: abc123\r\n"
		"Retry-After: 5\r\n"
		"\r\n"
		"503 Service Unavailable: no client publishes this host at the moment\n"
		"Host: shop.example\n"
		"Request id: abc123\n");
	free(text);
}

static void test_head_only(void **state)
{
	struct error_page p = error_page_for(ERROR_PAGE_REFUSED);
	char *whole = written(&p);
	p.head_only = true;
	char *head = written(&p);
	assert_int_equal(strncmp(whole, head, strlen(head)), 0);
	assert_true(strlen(whole) > strlen(head));
	free(whole);
	free(head);
}

static void test_escaping(void **state)
{
	struct error_page p = error_page_for_http1(HTTP1_E_BOTH_LENGTHS);
	p.host = STR("a&b<i>\"'\x1b[31m\r\nSet-Cookie: x\0y");
	p.request_id = STR("<b>&\r\nX: 1");
	for (int html = 0; html < 2; html++) {
		p.html = html;
		char *text = written(&p);
		assert_null(strchr(text, '\x1b'));
		assert_null(strstr(text, "\r\nSet-Cookie"));
		assert_null(strstr(text, "\nX: 1"));
		if (html) {
			assert_null(strstr(strstr(text, "\r\n\r\n"), "<i>"));
			assert_null(strstr(strstr(text, "\r\n\r\n"), "<b>"));
			assert_non_null(
				strstr(text, "a&#38;b&#60;i&#62;&#34;&#39;?[31m??Set-Cookie:?x?y"));
		}
		free(text);
	}
}

/* The longest of everything, all of it to be escaped: a sanitizer sees what does not fit. */
static void test_longest(void **state)
{
	char longest[4096];
	memset(longest, '&', sizeof longest);
	for (int code = HTTP1_MORE + 1; code < HTTP1_N_RESULTS; code++) {
		struct error_page p = error_page_for_http1(code);
		assert_true(p.close);
		assert_true(p.status >= 400 && p.status < 600);
		assert_non_null(p.why);
		p.host = p.request_id = (struct str){longest, sizeof longest};
		p.html = true;
		p.retry_after = 4000000000u;
		char *text = written(&p);
		assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
		assert_null(strstr(text, " Error\r\n")); /* every status has its phrase */
		free(text);
	}
}

/* What an answer broke is for the log; the visitor reads the same whatever it was. */
static void test_answers(void **state)
{
	struct error_page garbled = error_page_for(ERROR_PAGE_GARBLED);
	for (int code = HTTP1_MORE + 1; code < HTTP1_N_RESULTS; code++) {
		struct error_page p = error_page_for_answer(code);
		assert_int_equal(p.status, 502);
		assert_string_equal(p.sentence, garbled.sentence);
		assert_memory_equal(p.why, "upstream-", 9);
		for (const char *c = p.why; *c; c++)
			assert_non_null(strchr("abcdefghijklmnopqrstuvwxyz0123456789.-", *c));
	}
	assert_string_equal(error_page_for_answer(HTTP1_E_CHUNK_SIZE).why, "upstream-chunk-size");
}

static void test_every_cause(void **state)
{
	for (enum error_page_cause c = 0; c <= ERROR_PAGE_LOOP; c++) {
		struct error_page p = error_page_for(c);
		char *text = written(&p);
		assert_null(strstr(text, " Error\r\n"));
		assert_non_null(strstr(text, p.sentence));
		assert_null(strstr(text, "Connection: close"));
		free(text);
	}
}

static void test_fields_of_a_status(void **state)
{
	struct error_page p = error_page_for(ERROR_PAGE_UPGRADE);
	p.close = true;
	char *text = written(&p);
	assert_non_null(strstr(text, "\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
				     "Connection: Upgrade, close\r\n"));
	assert_null(strstr(text, "Proxy-Status"));
	free(text);
	p = error_page_for(ERROR_PAGE_LINK_STRIPPED);
	p.for_link = true;
	text = written(&p);
	assert_non_null(strstr(text, "\r\nProxy-Status: tunnel; details=\"no-upgrade\"\r\n"));
	free(text);
	p = error_page_for_http1(HTTP1_E_METHOD);
	text = written(&p);
	assert_non_null(strstr(text, "HTTP/1.1 405 Method Not Allowed\r\n"));
	assert_non_null(
		strstr(text, "\r\nAllow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, TRACE\r\n"));
	free(text);
}

/* However long the place is, nothing of it is lost, and nothing else changes. */
static void test_location(void **state)
{
	char place[32 * 1024];
	memset(place, 'x', sizeof place);
	memcpy(place, "https://a/", 10);
	struct error_page p = error_page_for(ERROR_PAGE_HTTPS);
	p.close = true;
	p.location = (struct str){place, sizeof place};
	char *text = written(&p);
	assert_non_null(strstr(text, "HTTP/1.1 308 Permanent Redirect\r\n"));
	const char *at = strstr(text, "\r\nLocation: https://a/xx");
	assert_non_null(at);
	at += strlen("\r\nLocation: ");
	assert_memory_equal(at, place, sizeof place);
	at += sizeof place;
	assert_memory_equal(at, "\r\nConnection: close\r\n\r\n308 ", 27);
	free(text);
}

static const struct {
	const char *fields;
	bool html;
} accepts[] = {
	{"", false},
	{"Accept: */*\r\n", false},
	{"Accept: text/html\r\n", true},
	{"Accept: application/json, text/HTML;level=1 ;q=0.4\r\n", true},
	{"Accept: application/json\r\naccept: text/html ; q=1\r\n", true},
	{"Accept: text/html;q=0\r\n", false},
	{"Accept: text/html;q=0.000, text/plain\r\n", false},
	{"Accept: text/html;q=0.001\r\n", true},
	{"Accept: text/htmlx, text/ht\r\n", false},
	{"Accept-Language: text/html\r\n", false},
};

static void test_accept(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(accepts); i++) {
		char text[256];
		struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
		size_t scanned = 0;
		int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n",
			accepts[i].fields);
		assert_int_equal(http1_parse_request(&h, (const uint8_t *)text, (size_t)n,
					 HTTP1_REQUEST_MAX, &scanned),
			HTTP1_OK);
		if (error_page_wants_html(&h) != accepts[i].html)
			fail_msg("%s", accepts[i].fields);
	}
}

static void test_resets(void **state)
{
	static const struct {
		enum frame_reset reason;
		unsigned status;
	} want[] = {
		{FRAME_RESET_NONE, 502},
		{FRAME_RESET_REFUSED, 502},
		{FRAME_RESET_DIAL_TIMEOUT, 504},
		{FRAME_RESET_UNREACHABLE, 502},
		{FRAME_RESET_DNS, 502},
		{FRAME_RESET_BUSY, 503},
		{FRAME_RESET_NO_MEMORY, 503},
		{FRAME_RESET_LINK_LOST, 502},
		{FRAME_RESET_ABORTED, 502},
		{FRAME_RESET_TIMEOUT, 504},
		{FRAME_RESET_UNKNOWN_SERVICE, 503},
		{99, 502},
	};
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_int_equal(error_page_for(error_page_cause_of_reset(want[i].reason)).status,
			want[i].status);
}

/* A call of gRPC reads no page: its status stands in the head, and nothing follows. */
static void test_grpc(void **state)
{
	static const struct {
		enum error_page_cause cause;
		const char *line;
	} rows[] = {
		{ERROR_PAGE_NO_ROUTE, "Grpc-Status: 14\r\n"},
		{ERROR_PAGE_DIED, "Grpc-Status: 14\r\n"}, {ERROR_PAGE_RATE, "Grpc-Status: 14\r\n"},
		{ERROR_PAGE_ANSWER_TIMEOUT, "Grpc-Status: 14\r\n"},
		{ERROR_PAGE_DENIED, "Grpc-Status: 7\r\n"},
		{ERROR_PAGE_UNAUTHORIZED, "Grpc-Status: 16\r\n"},
		{ERROR_PAGE_NOT_HERE, "Grpc-Status: 12\r\n"},
		{ERROR_PAGE_DOT_SEGMENTS, "Grpc-Status: 13\r\n"},
		{ERROR_PAGE_LOOP, "Grpc-Status: 2\r\n"},
		{ERROR_PAGE_HTTPS, "HTTP/1.1 308 "}, /* what is no error is a page */
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error_page p = error_page_for(rows[i].cause);
		struct buf out = BUF_NULL;
		p.grpc = true;
		p.request_id = STR("abc");
		assert_int_equal(h1_page_write(&out, &p), 0);
		assert_non_null(
			memmem(buf_head(&out), buf_len(&out), rows[i].line, strlen(rows[i].line)));
		if (p.status >= 400) {
			assert_memory_equal(buf_head(&out),
				"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n", 49);
			assert_memory_equal(buf_tail(&out) - 23, "\r\nX-Request-Id: abc\r\n\r\n",
				23);
		}
		buf_deinit(&out);
	}
}

static struct http1_head head = HTTP1_HEAD_OF(8);

static void test_grpc_calls(void **state)
{
	static const struct {
		const char *type;
		bool grpc;
	} rows[] = {
		{"application/grpc", true},
		{"Application/GRPC+proto", true},
		{"application/grpc; x=y", true},
		{"application/grpc-web", false},
		{"application/grpc-web+proto", false},
		{"application/json", false},
		{"", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[128];
		size_t scanned = 0;
		int n = snprintf(text, sizeof(text),
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\n\r\n", rows[i].type);
		assert_int_equal(http1_parse_request(&head, (uint8_t *)text, (size_t)n, 1000,
					 &scanned),
			HTTP1_OK);
		assert_int_equal(error_page_wants_grpc(&head), rows[i].grpc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_head_only),
		cmocka_unit_test(test_escaping),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_every_cause),
		cmocka_unit_test(test_fields_of_a_status),
		cmocka_unit_test(test_location),
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_resets),
		cmocka_unit_test(test_grpc),
		cmocka_unit_test(test_grpc_calls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
