/* SPDX-License-Identifier: MIT */
/* Which requests are links, and which answers open one: rules 1 to 3 of docs/protocol.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "link/upgrade.h"

#define HOST  "Host: exit.example\r\n"
#define UP    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" /* RFC 6455, section 1.3 */
#define V13   "Sec-WebSocket-Version: 13\r\n"
#define PROTO "Sec-WebSocket-Protocol: tunnel.v1\r\n"

static struct http1_head head = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);

static void parse_request(const char *text)
{
	size_t scanned = 0;
	assert_int_equal(http1_parse_request(&head, (const uint8_t *)text, strlen(text),
				 HTTP1_REQUEST_MAX, &scanned),
		0);
}

static void requests(void **state)
{
	static const struct {
		const char *line, *fields;
		size_t behind;
		enum upgrade_verdict verdict;
	} rows[] = {
		{"GET /tunnel HTTP/1.1", HOST UP KEY V13 PROTO, 0, UPGRADE_LINK},
		{"GET http://exit.example/tunnel HTTP/1.1", HOST UP KEY V13 PROTO, 0, UPGRADE_LINK},
		{"GET /tunnel HTTP/1.1",
			HOST PROTO V13 KEY "connection: keep-alive\r\nCONNECTION: x, upGRADE\r\n"
					   "upgrade: h2c\r\nuPgrade: WebSocket\r\n",
			0, UPGRADE_LINK},
		{"GET /tunnel HTTP/1.1",
			HOST UP KEY V13 "Sec-WebSocket-Protocol: chat\r\n"
					"sec-websocket-protocol: a, tunnel.v1\r\n",
			0, UPGRADE_LINK},

		{"GET /tunnel HTTP/1.1", HOST, 0, UPGRADE_NONE},
		{"GET /tunnels HTTP/1.1", HOST UP KEY V13 PROTO, 0, UPGRADE_NONE},
		{"GET / HTTP/1.1", HOST UP KEY V13 PROTO, 0, UPGRADE_NONE},
		{"POST /tunnel HTTP/1.1", HOST UP KEY V13 PROTO, 0, UPGRADE_NONE},
		/* As nginx passes it on: by default, without the version, without one of the fields. */
		{"GET /tunnel HTTP/1.0", HOST "Connection: close\r\n" KEY V13 PROTO, 0,
			UPGRADE_STRIPPED},
		{"GET /tunnel HTTP/1.0", HOST UP KEY V13 PROTO, 0, UPGRADE_STRIPPED},
		{"GET /tunnel HTTP/1.1", HOST "Upgrade: websocket\r\n" KEY V13 PROTO, 0,
			UPGRADE_STRIPPED},
		{"GET /tunnel HTTP/1.1", HOST "Connection: Upgrade\r\n" KEY V13 PROTO, 3,
			UPGRADE_STRIPPED},
		{"GET /other HTTP/1.1", HOST KEY V13 PROTO, 0, UPGRADE_NONE},
		{"POST /tunnel HTTP/1.1", HOST KEY V13 PROTO, 0, UPGRADE_NONE},
		{"GET /tunnel HTTP/1.1", HOST KEY V13, 0, UPGRADE_NONE},
		{"GET /tunnel HTTP/1.1", HOST UP KEY V13 "Sec-WebSocket-Protocol: tunnel.v2\r\n", 0,
			UPGRADE_NONE},
		/* A visitor's own WebSocket at that path is a visitor's. */
		{"GET /tunnel HTTP/1.1", HOST UP KEY V13, 0, UPGRADE_NONE},

		{"GET /tunnel HTTP/1.1", HOST UP KEY V13 PROTO "Origin: http://evil\r\n", 0,
			UPGRADE_ORIGIN},
		{"GET /tunnel HTTP/1.1", HOST UP KEY V13 PROTO "origin: null\r\n", 5,
			UPGRADE_ORIGIN},
		{"GET /tunnel HTTP/1.1", HOST UP KEY PROTO, 0, UPGRADE_VERSION},
		{"GET /tunnel HTTP/1.1", HOST UP KEY "Sec-WebSocket-Version: 8\r\n" PROTO, 0,
			UPGRADE_VERSION},
		{"GET /tunnel HTTP/1.1", HOST UP V13 PROTO, 0, UPGRADE_MALFORMED},
		{"GET /tunnel HTTP/1.1", HOST UP V13 PROTO "Sec-WebSocket-Key: c2hvcnQ=\r\n", 0,
			UPGRADE_MALFORMED},
		{"GET /tunnel HTTP/1.1", HOST UP KEY V13 PROTO, 1, UPGRADE_MALFORMED},
		{"GET /tunnel HTTP/1.1", HOST UP KEY V13 PROTO "Content-Length: 1\r\n", 0,
			UPGRADE_MALFORMED},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[1024];
		snprintf(text, sizeof(text), "%s\r\n%s\r\n", rows[i].line, rows[i].fields);
		parse_request(text);
		int verdict = upgrade_check(&head, UPGRADE_PATH, rows[i].behind);
		if (verdict != (int)rows[i].verdict)
			fail_msg("row %zu: %d", i, verdict);
	}
	parse_request("GET /other HTTP/1.1\r\n" HOST UP KEY V13 PROTO "\r\n");
	assert_int_equal(upgrade_check(&head, "/other", 0), UPGRADE_LINK);
}

/* What one side writes, the other takes; with the accept value of RFC 6455's example. */
static void both_sides(void **state)
{
	static char request[UPGRADE_REQUEST_MAX + 1], response[UPGRADE_RESPONSE_MAX + 1];
	char key[WS_KEY_SIZE + 1], second[WS_KEY_SIZE + 1];
	size_t n = upgrade_request("exit.example:9090", "/tunnel", key, request), scanned = 0;
	assert_in_range(n, 1, UPGRADE_REQUEST_MAX);
	parse_request(request);
	assert_int_equal(head.size, n);
	assert_int_equal(upgrade_check(&head, "/tunnel", 0), UPGRADE_LINK);
	response[upgrade_response(&head, 1795892580, response)] = '\0';
	assert_int_equal(http1_parse_response(&head, (const uint8_t *)response, strlen(response),
				 HTTP1_RESPONSE_MAX, HTTP1_GET, &scanned),
		0);
	assert_null(upgrade_accepted(&head, key));
	assert_int_equal(upgrade_date(&head), 1795892580);
	assert_non_null(strstr(response, "\r\nDate: Sat, 28 Nov 2026 19:03:00 GMT\r\n"));
	upgrade_request("exit.example", "/tunnel", second, request);
	assert_string_not_equal(key, second);
	assert_non_null(upgrade_accepted(&head, second));

	parse_request("GET /tunnel HTTP/1.1\r\n" HOST UP KEY V13 PROTO "\r\n");
	response[upgrade_response(&head, 1795892580, response)] = '\0';
	assert_non_null(strstr(response, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));

	static char long_name[UPGRADE_REQUEST_MAX];
	memset(long_name, 'x', sizeof(long_name) - 1);
	assert_int_equal(upgrade_request(long_name, "/", key, request), 0);
}

static void responses(void **state)
{
	static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{"101 Go\r\n" UP ACCEPT PROTO, true},
		{"101 Go\r\nUPGRADE: WEBSOCKET\r\nconnection: UPGRADE\r\n" ACCEPT PROTO, true},
		{"200 OK\r\n" UP ACCEPT PROTO, false},
		{"403 No\r\n", false},
		{"101 Go\r\n" ACCEPT PROTO, false},
		{"101 Go\r\n" UP PROTO, false},
		{"101 Go\r\n" UP "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n" PROTO,
			false},
		{"101 Go\r\n" UP ACCEPT, false},
		{"101 Go\r\n" UP ACCEPT "Sec-WebSocket-Protocol: chat\r\n", false},
		{"101 Go\r\n" UP ACCEPT PROTO "Sec-WebSocket-Extensions: permessage-deflate\r\n",
			false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[1024];
		size_t scanned = 0;
		snprintf(text, sizeof(text), "HTTP/1.1 %s\r\n", rows[i].text);
		assert_int_equal(http1_parse_response(&head, (const uint8_t *)text, strlen(text),
					 HTTP1_RESPONSE_MAX, HTTP1_GET, &scanned),
			0);
		const char *why = upgrade_accepted(&head, key);
		if ((why == NULL) != rows[i].good)
			fail_msg("row %zu: %s", i, why);
	}
}

static int start(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(both_sides),
		cmocka_unit_test(responses),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
