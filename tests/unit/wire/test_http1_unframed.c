/* SPDX-License-Identifier: MIT */
/* Answers that have no body, whatever they say of one; and one that has, though it looks like those. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"
#include "wire/http1.h"

#define LENGTH  "Content-Length: 5\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"

static const struct {
	enum http1_method asked;
	const char *head; /* without the empty line */
	enum http1_body body;
	bool keep_alive; /* not, if the upstream may send a body all the same */
	bool passed;     /* its framing fields may be passed on */
} rows[] = {
	{HTTP1_HEAD, "HTTP/1.1 200 x\r\n", HTTP1_BODY_NONE, true, true},
	{HTTP1_HEAD, "HTTP/1.1 200 x\r\n" LENGTH, HTTP1_BODY_NONE, true, true},
	{HTTP1_HEAD, "HTTP/1.1 200 x\r\n" CHUNKED, HTTP1_BODY_NONE, true, true},
	{HTTP1_HEAD, "HTTP/1.1 200 x\r\n" LENGTH CHUNKED, HTTP1_BODY_NONE, false, false},
	{HTTP1_HEAD, "HTTP/1.1 200 x\r\n" LENGTH LENGTH, HTTP1_BODY_NONE, false, false},
	{HTTP1_HEAD, "HTTP/1.1 200 x\r\n" CHUNKED CHUNKED, HTTP1_BODY_NONE, false, false},
	{HTTP1_HEAD, "HTTP/1.1 200 x\r\nContent-Length: many\r\n", HTTP1_BODY_NONE, false, false},
	{HTTP1_HEAD, "HTTP/1.1 200 x\r\nTransfer-Encoding: gzip\r\n", HTTP1_BODY_NONE, false,
		false},
	{HTTP1_HEAD, "HTTP/1.1 200 x\r\nConnection: Content-Length\r\n" LENGTH, HTTP1_BODY_NONE,
		true, false},
	/* GET would bring no body there either. */
	{HTTP1_HEAD, "HTTP/1.1 103 x\r\n" LENGTH, HTTP1_BODY_NONE, false, false},
	{HTTP1_HEAD, "HTTP/1.1 100 x\r\n" CHUNKED, HTTP1_BODY_NONE, false, false},
	{HTTP1_HEAD, "HTTP/1.1 204 x\r\n" LENGTH, HTTP1_BODY_NONE, false, false},
	{HTTP1_HEAD, "HTTP/1.1 304 x\r\n" LENGTH, HTTP1_BODY_NONE, true, true},
	{HTTP1_GET, "HTTP/1.1 304 x\r\n" LENGTH, HTTP1_BODY_NONE, true, true},
	{HTTP1_GET, "HTTP/1.1 304 x\r\n" CHUNKED, HTTP1_BODY_NONE, false, true},
	{HTTP1_GET, "HTTP/1.1 304 x\r\n" LENGTH CHUNKED, HTTP1_BODY_NONE, false, false},
	{HTTP1_GET, "HTTP/1.0 304 x\r\n" CHUNKED, HTTP1_BODY_NONE, false, false},
	{HTTP1_GET, "HTTP/1.1 204 x\r\nContent-Length: 0\r\n", HTTP1_BODY_NONE, true, false},
	{HTTP1_GET, "HTTP/1.1 204 x\r\n" LENGTH, HTTP1_BODY_NONE, false, false},
	{HTTP1_GET, "HTTP/1.1 204 x\r\n" CHUNKED, HTTP1_BODY_NONE, false, false},
	{HTTP1_POST, "HTTP/1.1 100 x\r\n" LENGTH CHUNKED, HTTP1_BODY_NONE, false, false},
	{HTTP1_GET, "HTTP/1.1 101 x\r\nContent-Length: 0, 0\r\n", HTTP1_BODY_NONE, false, false},
	{HTTP1_CONNECT, "HTTP/1.1 200 x\r\n" LENGTH CHUNKED, HTTP1_BODY_NONE, false, false},
	{HTTP1_CONNECT, "HTTP/1.0 299 x\r\n" CHUNKED, HTTP1_BODY_NONE, false, false},
	{HTTP1_CONNECT, "HTTP/1.1 407 x\r\n" LENGTH, HTTP1_BODY_LENGTH, true, true},
	{HTTP1_GET, "HTTP/1.1 205 x\r\n" CHUNKED, HTTP1_BODY_CHUNKED, true, true},
	/* Nor does Host mean anything in an answer. */
	{HTTP1_GET, "HTTP/1.1 200 x\r\nHost: a\r\nHost: b\r\n" LENGTH, HTTP1_BODY_LENGTH, true,
		true},
};

static void test_unframed(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[256];
		struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
		size_t scanned = 0, n = (size_t)snprintf(text, sizeof text, "%s\r\n", rows[i].head);
		int r = http1_parse_response(&h, (const uint8_t *)text, n, HTTP1_RESPONSE_MAX,
			rows[i].asked, &scanned);
		if (r)
			fail_msg("%s: %d", rows[i].head, r);
		if (h.body != rows[i].body || h.keep_alive != rows[i].keep_alive || h.size != n)
			fail_msg("%s: body %d, kept %d", rows[i].head, h.body, h.keep_alive);
		for (size_t j = 0; j < h.n_fields; j++) {
			enum http1_id id = h.fields[j].id;
			if ((id == HTTP1_CONTENT_LENGTH || id == HTTP1_TRANSFER_ENCODING) &&
				h.fields[j].hop == rows[i].passed)
				fail_msg("%s: what is passed on is another", rows[i].head);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unframed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
