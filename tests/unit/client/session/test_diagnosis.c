/* SPDX-License-Identifier: MIT */
/* What people are told when something else than a tunnel server answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/session/diagnosis.h"

static const struct diagnosis place = {"exit.example:9090", "/t", false};

static void test_heads(void **state)
{
	static const struct {
		const char *answer, *says, *also;
	} rows[] = {
		{"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404 Not Found", "/t"},
		{"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "400", "/t"},
		{"HTTP/1.1 400 Bad Request\r\nContent-Length: 60\r\n\r\n"
		 "<h1>The plain HTTP request was sent to HTTPS port</h1>",
			"TLS", "--remote wss://exit.example:9090"},
		{"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403", "proxy"},
		{"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n", "protocol", "/t"},
		{"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "behind it", "502"},
		{"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nServer: nginx/1.22.1\r\n\r\n",
			"502 Bad Gateway (nginx/1.22.1)", "running"},
		{"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "reverse proxy", "503"},
		{"HTTP/1.1 503 No\r\nProxy-Status: tunnel; details=\"no-route\"\r\n\r\n",
			"the exit node answers 503", "--control-port"},
		{"HTTP/1.1 426 No\r\nProxy-Status: tunnel; details=\"no-upgrade\"\r\n\r\n",
			"proxy_set_header Upgrade $http_upgrade", "/t"},
		{"HTTP/1.1 429 No\r\nProxy-Status: tunnel; details=\"locked-out\"\r\n"
		 "Retry-After: 30\r\n\r\n",
			"the exit node answers 429", "no good token"},
		{"HTTP/1.1 429 No\r\nProxy-Status: tunnel; details=\"locked-out\"\r\n"
		 "Retry-After: 30\r\n\r\n",
			"again in 30 s)", "locked out"},
		{"HTTP/1.1 418 No\r\nProxy-Status: a; error=x, tunnel; details=\"new\"\r\n\r\n",
			"the exit node answers 418", "(new)"},
		{"HTTP/1.1 418 No\r\nProxy-Status: tunnel; details=\"new\r\n\r\n", "(new)", "418"},
		{"HTTP/1.1 511 No\r\nContent-Length: 0\r\n\r\n", "511", "login page"},
		{"HTTP/1.1 522 \r\nContent-Length: 0\r\n\r\n", "522", "security group"},
		{"HTTP/1.1 302 Found\r\nLocation: http://login.hotel/?u=1\r\n\r\n",
			"http://login.hotel/?u=1", "login page"},
		{"HTTP/1.1 301 Moved\r\nLocation: https://exit.example/t\r\n\r\n",
			"https://exit.example/t", "wants TLS"},
		{"HTTP/1.1 301 Moved\r\nLocation: /t/\r\n\r\n", "/t/", "--remote"},
		{"HTTP/1.1 302 Found\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n",
			"http://x/", "another host"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 OK", "port"},
		{"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "WHY",
			"WebSocket"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
		struct error err;
		size_t scanned = 0;
		assert_int_equal(http1_parse_response(&h, (const uint8_t *)rows[i].answer,
					 strlen(rows[i].answer), 4096, HTTP1_GET, &scanned),
			0);
		struct str body = {rows[i].answer + h.size, strlen(rows[i].answer) - h.size};
		diagnosis_of_head(&place, &h, body, "WHY", &err);
		if (!strstr(err.text, rows[i].says) || !strstr(err.text, rows[i].also))
			fail_msg("row %zu: %s", i, err.text);
	}
}

static void test_bytes(void **state)
{
#define BYTES(literal) literal, sizeof(literal) - 1
	static const struct {
		const char *p;
		size_t n;
		int code;
		const char *says;
	} rows[] = {
		{BYTES(""), HTTP1_MORE, "without an answer"},
		{BYTES("\x15\x03\x01\0\x02\x02\x46"), HTTP1_E_START_LINE, "TLS"},
		{BYTES("SSH-2.0-OpenSSH_9.2\r\n"), HTTP1_E_START_LINE, "SSH"},
		{BYTES("220 mail ESMTP\r\n"), HTTP1_E_START_LINE, "mail"},
		{BYTES("\0\0\x12\x04\0\0\0\0\0"), HTTP1_E_START_LINE, "HTTP/2"},
		{BYTES("garbage"), HTTP1_E_START_LINE, "no HTTP server"},
		{BYTES("HTTP/1.1 200 OK\n"), HTTP1_E_LINE_END, "CR LF"},
		{BYTES("HTTP/1.1 2"), HTTP1_MORE, "middle"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err;
		diagnosis_of_bytes(&place, (const uint8_t *)rows[i].p, rows[i].n, rows[i].code,
			&err);
		if (!strstr(err.text, rows[i].says))
			fail_msg("row %zu: %s", i, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
