/* SPDX-License-Identifier: MIT */
/* What is said to a proxy and to the exit node before a link begins, byte by byte and without a socket. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/session/connect_exchange.h"
#include "crypto/crypto.h"

static struct url exit_node;
static struct remote remote;
static const struct address nowhere;

static void dial(const char *to, const char *proxy)
{
	struct error err;
	remote = (struct remote){.url = &exit_node, .path = "/tunnel"};
	assert_int_equal(url_parse_remote(str_from(to), &exit_node, &err), 0);
	url_authority(&exit_node, remote.authority);
	assert_int_equal(proxy_choose(&remote.proxy, proxy ? proxy : "none", &exit_node, &err), 0);
}

static enum connect_result hears(struct connect_exchange *x, const void *p, size_t n,
	struct error *err)
{
	enum connect_result result = CONNECT_MORE;
	const uint8_t *at = p;
	/* In pieces of one byte: none of them may be taken for the whole. */
	for (; n && result == CONNECT_MORE; n--) {
		assert_int_equal(buf_append(&x->in, at++, 1), 0);
		result = connect_exchange_received(x, err);
	}
	assert_int_equal(buf_append(&x->in, at, n), 0);
	return result;
}

static bool says(const struct connect_exchange *x, const char *text)
{
	return memmem(buf_head(&x->out), buf_len(&x->out), text, strlen(text));
}

/* The 101 for the request that stands in `out`. */
static size_t make_101(const struct connect_exchange *x, char out[UPGRADE_RESPONSE_MAX])
{
	struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
	size_t scanned = 0;
	assert_int_equal(http1_parse_request(&h, buf_head(&x->out), buf_len(&x->out),
				 UPGRADE_REQUEST_MAX, &scanned),
		0);
	assert_int_equal(upgrade_check(&h, "/tunnel", 0), UPGRADE_LINK);
	return upgrade_response(&h, 1700000000, out);
}

static void test_upgrade(void **state)
{
	struct connect_exchange x;
	struct error err;
	char answer[64 + UPGRADE_RESPONSE_MAX], *end = answer;
	dial("node.example:8000", NULL);
	connect_exchange_init(&x, &remote);
	assert_int_equal(connect_exchange_ask_exit_node(&x, &err), 0);
	assert_true(says(&x, "GET /tunnel HTTP/1.1\r\n"));
	assert_true(says(&x, "\r\nHost: node.example:8000\r\n"));
	end += sprintf(end, "HTTP/1.1 103 Early Hints\r\n\r\n");
	end += make_101(&x, end);
	end += sprintf(end, "frame");
	size_t half = buf_len(&x.out) / 2;
	connect_exchange_sent(&x, half);
	assert_true(buf_len(&x.out) > 0);
	connect_exchange_sent(&x, buf_len(&x.out));
	assert_null(x.out.data);
	assert_int_equal(hears(&x, answer, (size_t)(end - answer), &err), CONNECT_DONE);
	assert_int_equal(x.date, 1700000000);
	/* The link's first bytes are left. */
	assert_int_equal(buf_len(&x.in), 5);
	assert_memory_equal(buf_head(&x.in), "frame", 5);
	connect_exchange_deinit(&x);
}

static void test_no_upgrade(void **state)
{
#define MANY(text) text text text text text text text text text text text text text text text text
	static const struct {
		const char *answer, *why;
	} rows[] = {
		{"HTTP/1.1 404 Not Found\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n\r\n",
			"it answers 404 Not Found"},
		{"HTTP/1.1 200 OK\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n\r\n",
			"it answers 200 OK"},
		{"SSH-2.0-OpenSSH_9.2\r\n", "an SSH server answers"},
		{MANY("HTTP/1.1 100 Continue\r\n\r\n") "HTTP/1.1 100 Continue\r\n\r\n",
			"it sends interim answers (1xx) without an end"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct connect_exchange x;
		struct error err = {""};
		dial("node.example:8000", NULL);
		connect_exchange_init(&x, &remote);
		assert_int_equal(connect_exchange_ask_exit_node(&x, &err), 0);
		const char *answer = rows[i].answer;
		assert_int_equal(buf_append(&x.in, answer, strlen(answer)), 0);
		assert_int_equal(connect_exchange_received(&x, &err), CONNECT_FAILED);
		if (strncmp(err.text, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("row %zu: %s", i, err.text);
		assert_int_equal(x.date, strstr(answer, "Date") ? 1700000000 : 0);
		connect_exchange_deinit(&x);
	}
	/* As many interim answers as there may be. */
	struct connect_exchange x;
	struct error err = {""};
	dial("node.example:8000", NULL);
	connect_exchange_init(&x, &remote);
	assert_int_equal(connect_exchange_ask_exit_node(&x, &err), 0);
	static const char most[] = MANY("HTTP/1.1 100 Continue\r\n\r\n");
	assert_int_equal(hears(&x, most, strlen(most), &err), CONNECT_MORE);
	connect_exchange_deinit(&x);
}

static void test_long_head(void **state)
{
	static char head[CONNECT_HEAD_MAX + 64];
	static const char begins[] = "HTTP/1.1 200 OK\r\nX: ";
	for (size_t size = CONNECT_HEAD_MAX - 1; size <= CONNECT_HEAD_MAX; size++) {
		struct connect_exchange x;
		struct error err;
		memset(head, 'a', sizeof(head));
		memcpy(head, begins, strlen(begins));
		dial("node.example:8000", NULL);
		connect_exchange_init(&x, &remote);
		assert_int_equal(connect_exchange_ask_exit_node(&x, &err), 0);
		assert_int_equal(buf_append(&x.in, head, size), 0);
		enum connect_result result = connect_exchange_received(&x, &err);
		if (result != (size == CONNECT_HEAD_MAX ? CONNECT_FAILED : CONNECT_MORE))
			fail_msg("%zu bytes: %d %s", size, result, err.text);
		connect_exchange_deinit(&x);
	}
}

static void test_long_path(void **state)
{
	static char path[UPGRADE_REQUEST_MAX + 1];
	struct connect_exchange x;
	struct error err;
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	dial("node.example:8000", NULL);
	remote.path = path;
	connect_exchange_init(&x, &remote);
	assert_int_equal(connect_exchange_ask_exit_node(&x, &err), -1);
	assert_string_equal(err.text, "the control path is too long for a request");
	connect_exchange_deinit(&x);
}

static void test_connect(void **state)
{
	static const struct {
		const char *answer;
		enum connect_result result;
		const char *why;
	} rows[] = {
		{"HTTP/1.1 200 Connection established\r\n\r\n", CONNECT_DONE, ""},
		{"HTTP/1.1 204 No Content\r\n\r\n", CONNECT_DONE, ""},
		{"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", CONNECT_FAILED,
			"the proxy p.example:3128 answers 407"},
		{"garbage\r\n", CONNECT_FAILED,
			"the proxy p.example:3128: what answers is no HTTP"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct connect_exchange x;
		struct error err = {""};
		dial("node.example:8000", "http://user:secret@p.example:3128");
		connect_exchange_init(&x, &remote);
		assert_int_equal(connect_exchange_ask_proxy(&x, &nowhere, &err), 0);
		assert_true(says(&x, "CONNECT node.example:8000 HTTP/1.1\r\n"));
		assert_true(says(&x, "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ="));
		connect_exchange_sent(&x, buf_len(&x.out));
		assert_null(x.out.data);
		assert_int_equal(hears(&x, rows[i].answer, strlen(rows[i].answer), &err),
			rows[i].result);
		if (strncmp(err.text, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("row %zu: %s", i, err.text);
		assert_int_equal(buf_len(&x.in) == 0, rows[i].result == CONNECT_DONE);
		connect_exchange_deinit(&x);
		proxy_deinit(&remote.proxy);
	}
}

/* Bytes behind the proxy's answer are no exit node's: it speaks when it is asked. */
static void test_bytes_behind(void **state)
{
	static const char http[] = "HTTP/1.1 200 OK\r\n\r\nx";
	static const uint8_t socks[] = {5, 0, 5, 0, 0, 1, 1, 2, 3, 4, 0, 80, 'x'};
	struct connect_exchange x;
	struct error err;
	dial("node.example:8000", "p.example:3128");
	connect_exchange_init(&x, &remote);
	assert_int_equal(connect_exchange_ask_proxy(&x, &nowhere, &err), 0);
	assert_int_equal(buf_append(&x.in, http, strlen(http)), 0);
	assert_int_equal(connect_exchange_received(&x, &err), CONNECT_FAILED);
	assert_non_null(strstr(err.text, "sends bytes of its own"));
	connect_exchange_deinit(&x);

	dial("node.example:8000", "socks5h://p.example:1080");
	connect_exchange_init(&x, &remote);
	assert_int_equal(connect_exchange_ask_proxy(&x, &nowhere, &err), 0);
	assert_int_equal(hears(&x, socks, 2, &err), CONNECT_MORE);
	connect_exchange_sent(&x, buf_len(&x.out));
	assert_int_equal(buf_append(&x.in, socks + 2, sizeof(socks) - 2), 0);
	assert_int_equal(connect_exchange_received(&x, &err), CONNECT_FAILED);
	assert_non_null(strstr(err.text, "not SOCKS 5"));
	connect_exchange_deinit(&x);

	/* And its reply to the greeting has the answer to nothing that was not asked yet. */
	connect_exchange_init(&x, &remote);
	assert_int_equal(connect_exchange_ask_proxy(&x, &nowhere, &err), 0);
	assert_int_equal(buf_append(&x.in, socks, 3), 0);
	assert_int_equal(connect_exchange_received(&x, &err), CONNECT_FAILED);
	connect_exchange_deinit(&x);
}

static void test_socks(void **state)
{
	static const struct {
		const char *proxy, *remote;
		uint8_t resolved; /* last byte of 10.0.0.x; 0: none */
		uint8_t reply;
		const char *asks; /* kind of address and address */
		size_t n_asks;
	} rows[] = {
		{"socks5h://p:1080", "node.example:8000", 0, 0, "\x03\x0cnode.example\x1f\x40", 16},
		{"socks5://p:1080", "node.example:8000", 9, 0, "\x01\x0a\0\0\x09\x1f\x40", 7},
		{"socks5h://p:1080", "10.0.0.7:80", 0, 0, "\x01\x0a\0\0\x07\0\x50", 7},
		{"socks5://p:1080", "node.example:8000", 9, 5, "\x01\x0a\0\0\x09\x1f\x40", 7},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct connect_exchange x;
		struct error err = {""};
		struct address to = {0};
		uint8_t reply[] = {5, rows[i].reply, 0, 1, 1, 2, 3, 4, 0, 80};
		if (rows[i].resolved)
			to = (struct address){.family = ADDRESS_V4,
				.bytes = {10, 0, 0, rows[i].resolved}};
		dial(rows[i].remote, rows[i].proxy);
		connect_exchange_init(&x, &remote);
		assert_int_equal(connect_exchange_ask_proxy(&x, &to, &err), 0);
		assert_memory_equal(buf_head(&x.out), "\x05\x01\x00", 3);
		connect_exchange_sent(&x, buf_len(&x.out));
		assert_int_equal(hears(&x, "\x05\x00", 2, &err), CONNECT_MORE);
		assert_int_equal(buf_len(&x.out), 3 + rows[i].n_asks);
		assert_memory_equal(buf_head(&x.out) + 3, rows[i].asks, rows[i].n_asks);
		connect_exchange_sent(&x, buf_len(&x.out));
		assert_int_equal(hears(&x, reply, sizeof(reply), &err),
			rows[i].reply ? CONNECT_FAILED : CONNECT_DONE);
		assert_int_equal(x.refused, rows[i].reply != 0);
		connect_exchange_deinit(&x);
	}
}

static void test_lost(void **state)
{
	static const struct {
		const char *proxy, *had;
		int error;
		const char *why;
	} rows[] = {
		{NULL, "", 0, "it ended the connection without an answer: is a tunnel server"},
		{NULL, "", ECONNRESET, "it ended the connection without an answer: is a tunnel"},
		{NULL, "HTTP/1.1 1", 0, "it ended the connection in the middle of its answer"},
		{NULL, "", ETIMEDOUT, "Connection timed out"},
		{"socks5h://p:1080", "", 0,
			"the proxy p:1080: it ended the connection without an answer"},
		{"http://p:3128", "", 0,
			"the proxy p:3128: it ended the connection without an answer"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct connect_exchange x;
		struct error err;
		dial("node.example:8000", rows[i].proxy);
		connect_exchange_init(&x, &remote);
		int r = rows[i].proxy ? connect_exchange_ask_proxy(&x, &nowhere, &err)
				      : connect_exchange_ask_exit_node(&x, &err);
		assert_int_equal(r, 0);
		assert_int_equal(buf_append(&x.in, rows[i].had, strlen(rows[i].had)), 0);
		connect_exchange_lost(&x, rows[i].error, &err);
		if (strncmp(err.text, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("row %zu: %s", i, err.text);
		connect_exchange_deinit(&x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_upgrade),
		cmocka_unit_test(test_no_upgrade),
		cmocka_unit_test(test_long_head),
		cmocka_unit_test(test_long_path),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_bytes_behind),
		cmocka_unit_test(test_socks),
		cmocka_unit_test(test_lost),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
