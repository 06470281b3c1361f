/* SPDX-License-Identifier: MIT */
/* Which proxy is taken, whom no_proxy exempts, what is said to it and believed of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/session/no_proxy.h"
#include "client/session/proxy.h"
#include "crypto/crypto.h"

static struct url remote(const char *text)
{
	struct url u;
	struct error err;
	if (url_parse_remote(str_from(text), &u, &err))
		fail_msg("%s: %s", text, err.text);
	return u;
}

static void test_no_proxy(void **state)
{
	static const struct {
		const char *list, *remote;
		bool exempt;
	} rows[] = {
		{"", "node.example:80", false},
		{"*", "node.example:80", true},
		{"*", "10.0.0.1:80", true},
		{"*,x", "node.example:80", false},
		{"node.example", "node.example:80", true},
		{"NODE.example", "node.EXAMPLE:80", true},
		{"example", "node.example:80", true},
		{".example", "node.example:80", true},
		{".example", "example:80", true},
		{"example.", "node.example:80", true},
		{"example", "node.example.:80", true},
		{"ode.example", "node.example:80", false},
		{"node.example.org", "node.example:80", false},
		{"node", "node.example:80", false},
		{"a, b node.example\tc", "node.example:80", true},
		{",,,", "node.example:80", false},
		{".", "node.example:80", false},
		{"node.example:80", "node.example:80", true},
		{"node.example:81", "node.example:80", false},
		{"10.0.0.1", "10.0.0.1:80", true},
		{"10.0.0.1:90", "10.0.0.1:80", false},
		{"10.0.0.1:80", "10.0.0.1:80", true},
		{"0.0.1", "10.0.0.1:80", false},
		{"10.0.0.0/8", "10.1.2.3:80", true},
		{"10.0.0.0/16", "10.1.2.3:80", false},
		{"10.0.0.0/8", "node.example:80", false},
		{"2001:db8::/32", "[2001:db8::1]:80", true},
		{"2001:db8::1", "[2001:db8::1]:80", true},
		{"2001:db8::2", "[2001:db8::1]:80", false},
		{"[2001:db8::1]", "[2001:db8::1]:80", true},
		{"[2001:db8::1]:80", "[2001:db8::1]:80", true},
		{"[2001:db8::1]:81", "[2001:db8::1]:80", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct url u = remote(rows[i].remote);
		if (no_proxy_matches(str_from(rows[i].list), &u) != rows[i].exempt)
			fail_msg("no_proxy \"%s\", %s", rows[i].list, rows[i].remote);
	}
}

static void test_local(void **state)
{
	static const struct {
		const char *remote;
		bool local;
	} rows[] = {
		{"127.0.0.1:80", true},
		{"127.9.9.9:80", true},
		{"[::1]:80", true},
		{"localhost:80", true},
		{"a.localhost:80", true},
		{"alocalhost:80", false},
		{"128.0.0.1:80", false},
		{"localhost.example:80", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct url u = remote(rows[i].remote);
		if (no_proxy_is_local(&u) != rows[i].local)
			fail_msg("%s", rows[i].remote);
	}
}

static void clear_environment(void)
{
	static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
		"no_proxy", "NO_PROXY", "http_proxy", "HTTP_PROXY"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
}

static void test_choose(void **state)
{
	static const struct {
		const char *option, *remote;
		const char *environment[4]; /* name, value, name, value */
		const char *expected;       /* NULL: none */
	} rows[] = {
		{NULL, "node.example:80", {NULL}, NULL},
		{"http://p:3128", "node.example:80", {NULL}, "p:3128"},
		{"p", "node.example:80", {NULL}, "p:80"},
		{"[::1]:8080", "node.example:80", {NULL}, "[::1]:8080"},
		/* What is asked for is done, whatever the environment and the remote. */
		{"p:1", "127.0.0.1:80", {"no_proxy", "*"}, "p:1"},
		{"none", "node.example:80", {"https_proxy", "http://p:1"}, NULL},
		{NULL, "node.example:80", {"https_proxy", "http://p:1"}, "p:1"},
		{NULL, "node.example:80", {"HTTPS_PROXY", "http://p:1"}, "p:1"},
		{NULL, "node.example:80", {"all_proxy", "http://p:1"}, "p:1"},
		{NULL, "node.example:80", {"ALL_PROXY", "http://p:1"}, "p:1"},
		{NULL, "node.example:80", {"http_proxy", "http://p:1"}, NULL},
		{NULL, "node.example:80", {"https_proxy", "p:1", "HTTPS_PROXY", "q:2"}, "p:1"},
		{NULL, "node.example:80", {"https_proxy", "", "HTTPS_PROXY", "q:2"}, "q:2"},
		{NULL, "node.example:80", {"HTTPS_PROXY", "p:1", "all_proxy", "q:2"}, "p:1"},
		{NULL, "127.0.0.1:80", {"https_proxy", "p:1"}, NULL},
		{"socks5://p", "node.example:80", {NULL}, "p:1080"},
		{NULL, "node.example:80", {"ALL_PROXY", "socks5h://p:1"}, "p:1"},
		{NULL, "node.example:80", {"https_proxy", "socks://p:1/"}, "p:1"},
		{NULL, "node.example:80", {"http_proxy", "SOCKS5://p:1"}, "p:1"},
		{NULL, "node.example:80", {"HTTP_PROXY", "socks5h://p:1"}, "p:1"},
		{NULL, "node.example:80", {"http_proxy", "socks5://p:1", "all_proxy", "q:2"},
			"q:2"},
		{NULL, "node.example:80", {"all_proxy", "socks5://p:1", "no_proxy", ".example"},
			NULL},
		{NULL, "localhost:80", {"all_proxy", "socks5h://p:1"}, NULL},
		{NULL, "localhost:80", {"https_proxy", "p:1"}, NULL},
		{NULL, "node.example:80", {"https_proxy", "p:1", "no_proxy", ".example"}, NULL},
		{NULL, "node.example:80", {"https_proxy", "p:1", "NO_PROXY", ".example"}, NULL},
		{NULL, "node.example:80", {"https_proxy", "p:1", "no_proxy", "x"}, "p:1"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		clear_environment();
		for (int e = 0; e < 4 && rows[i].environment[e]; e += 2)
			setenv(rows[i].environment[e], rows[i].environment[e + 1], 1);
		struct url u = remote(rows[i].remote);
		struct proxy p;
		struct error err = {""};
		if (proxy_choose(&p, rows[i].option, &u, &err))
			fail_msg("row %zu: %s", i, err.text);
		if (p.used != (rows[i].expected != NULL))
			fail_msg("row %zu: used %d", i, p.used);
		if (p.used)
			assert_string_equal(p.name, rows[i].expected);
		proxy_deinit(&p);
	}
	clear_environment();
}

/* A user name alone, or a password alone, is a login. */
static void test_logins(void **state)
{
	static const struct {
		const char *proxy, *authorization; /* NULL: none */
	} rows[] = {
		{"http://p:1", NULL},
		{"http://u@p:1", "Basic dTo="},
		{"http://:s@p:1", "Basic OnM="},
		{"http://u:s@p:1", "Basic dTpz"},
	};
	struct url u = remote("node.example:80");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct proxy p;
		struct error err;
		const char *expected = rows[i].authorization;
		if (proxy_choose(&p, rows[i].proxy, &u, &err))
			fail_msg("row %zu: %s", i, err.text);
		assert_int_equal(p.authorization != NULL, expected != NULL);
		if (expected) {
			assert_int_equal(p.authorization->n, strlen(expected));
			assert_memory_equal(p.authorization->bytes, expected, strlen(expected));
		}
		proxy_deinit(&p);
	}
}

static void test_choose_refuses(void **state)
{
	static const char *const bad[] = {"socks4://u:hunter2@p:1", "https://u:hunter2@p",
		"http://u:hunter2@p:99999", "http://u:hunter2@"};
	struct url u = remote("node.example:80");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct proxy p;
		struct error err;
		assert_int_equal(proxy_choose(&p, bad[i], &u, &err), -EINVAL);
		assert_null(strstr(err.text, "hunter2"));
		assert_non_null(strstr(err.text, "--proxy"));
		proxy_deinit(&p);
	}
}

/* A variable that cannot be used is not a wrong option. */
static void test_environment_that_cannot_be_used(void **state)
{
	static const char *const bad[] = {"https://p:1", "socks4://u:hunter2@p:1", "ftp://p"};
	struct url u = remote("node.example:80");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct proxy p;
		struct error err;
		clear_environment();
		setenv("all_proxy", bad[i], 1);
		assert_int_equal(proxy_choose(&p, NULL, &u, &err), -ENOTSUP);
		assert_null(strstr(err.text, "hunter2"));
		assert_non_null(strstr(err.text, "all_proxy"));
		assert_non_null(strstr(err.text, "socks5h"));
		assert_int_equal(proxy_choose(&p, "none", &u, &err), 0);
		assert_false(p.used);
		proxy_deinit(&p);
	}
	clear_environment();
}

static void test_request(void **state)
{
	struct url u = remote("node.example:80");
	struct proxy p;
	struct error err;
	struct buf out = BUF_NULL;
	assert_int_equal(proxy_choose(&p, "p:1", &u, &err), 0);
	assert_int_equal(proxy_request(&p, "node.example:80", &out), 0);
	static const char plain[] =
		"CONNECT node.example:80 HTTP/1.1\r\nHost: node.example:80\r\n\r\n";
	assert_int_equal(buf_len(&out), strlen(plain));
	assert_memory_equal(buf_head(&out), plain, strlen(plain));
	buf_deinit(&out);
	proxy_deinit(&p);

	/* RFC 7617's own example, its space as %20. */
	assert_int_equal(proxy_choose(&p, "http://Aladdin:open%20sesame@p:1", &u, &err), 0);
	assert_int_equal(proxy_request(&p, "a:1", &out), 0);
	assert_non_null(memmem(buf_head(&out), buf_len(&out),
		"\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n", 61));
	buf_deinit(&out);
	proxy_deinit(&p);
}

static void test_check(void **state)
{
	static const struct {
		const char *answer;
		size_t behind;
		const char *says; /* NULL: connected */
	} rows[] = {
		{"HTTP/1.1 200 Connection established\r\n\r\n", 0, NULL},
		{"HTTP/1.0 200 OK\r\n\r\n", 0, NULL},
		{"HTTP/1.1 204 \r\n\r\n", 0, NULL},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: x\r\n\r\n", 0, NULL},
		{"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0, NULL},
		{"HTTP/1.1 200 OK\r\n\r\n", 1, "bytes of its own"},
		{"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\n", 2, "user name"},
		{"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n", 2, "does not allow"},
		{"HTTP/1.1 502 Bad\r\nContent-Length: 2\r\n\r\n", 2, "cannot reach"},
		{"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n", 0, "301 Moved"},
	};
	struct url u = remote("node.example:80");
	struct proxy p;
	struct error err;
	assert_int_equal(proxy_choose(&p, "squid:1", &u, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
		size_t scanned = 0;
		assert_int_equal(http1_parse_response(&h, (const uint8_t *)rows[i].answer,
					 strlen(rows[i].answer), 4096, HTTP1_CONNECT, &scanned),
			0);
		int r = proxy_check(&p, &h, rows[i].behind, &err);
		assert_int_equal(r, rows[i].says ? -EPROTO : 0);
		if (rows[i].says && !(strstr(err.text, rows[i].says) && strstr(err.text, "squid")))
			fail_msg("row %zu: %s", i, err.text);
	}
	proxy_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_proxy),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_logins),
		cmocka_unit_test(test_choose_refuses),
		cmocka_unit_test(test_environment_that_cannot_be_used),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_check),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
