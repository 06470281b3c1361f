/* SPDX-License-Identifier: MIT */
/* How a visitor came, and where it is sent: what the next hop believes, and what it must not. */
#include "server/http/scheme.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"

static void parse(struct http1_head *h, const char *text)
{
	size_t scanned = 0;
	assert_int_equal(http1_parse_request(h, (const uint8_t *)text, strlen(text),
				 HTTP1_REQUEST_MAX, &scanned),
		HTTP1_OK);
}

static const struct {
	const char *fields;
	bool trusted, secure, want;
} schemes[] = {
	{"", false, false, false},
	{"", false, true, true},
	{"", true, false, false},
	{"", true, true, true},
	{"X-Forwarded-Proto: https\r\n", false, false, false},
	{"X-Forwarded-Proto: http\r\n", false, true, true},
	{"X-Forwarded-Proto: https\r\n", true, false, true},
	{"X-Forwarded-Proto: http\r\n", true, true, false},
	{"x-forwarded-proto: HTTPS\r\n", true, false, true},
	{"X-Forwarded-Proto: wss\r\n", true, false, true},
	{"X-Forwarded-Proto: ws\r\n", true, true, false},
	{"X-Forwarded-Proto: gopher\r\n", true, true, true},
	{"X-Forwarded-Proto: \r\n", true, false, false},
	{"X-Forwarded-Proto: https, http\r\n", true, false, false},
	{"X-Forwarded-Proto: http\r\nX-Forwarded-Proto: https\r\n", true, false, true},
	{"X-Forwarded-Proto: http\r\nX_Forwarded_Proto: https\r\n", true, false, false},
	{"Connection: X-Forwarded-Proto\r\nX-Forwarded-Proto: https\r\n", true, false, true},
};

static void test_schemes(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		char text[256];
		struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
		snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n",
			schemes[i].fields);
		parse(&h, text);
		if (scheme_secure(&h, schemes[i].trusted, schemes[i].secure) != schemes[i].want)
			fail_msg("row %zu: %s", i, schemes[i].fields);
	}
}

static const struct {
	const char *host, *sni;
	bool covered, want;
} misdirections[] = {
	{"a.test", "a.test", false, false},
	{"A.test.:8443", "a.TEST", false, false},
	{"b.test", "a.test", true, false},
	{"b.test", "a.test", false, true},
	{"b.test", "", true, false},
	{"b.test", "", false, true},
	{"b.test", "b..test", false, true},
	{"b.test", "b.test\x01", false, true},
	{"192.0.2.1", "", false, false},
	{"[2001:db8::1]:8443", "", false, false},
	{"192.0.2.1", "a.test", false, true},
};

static void test_misdirections(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(misdirections); i++) {
		char text[256];
		struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
		snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n",
			misdirections[i].host);
		parse(&h, text);
		if (scheme_misdirected(&h, str_from(misdirections[i].sni),
			    misdirections[i].covered) != misdirections[i].want)
			fail_msg("row %zu: %s", i, misdirections[i].host);
	}
	struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
	parse(&h, "GET / HTTP/1.0\r\n\r\n");
	assert_false(scheme_misdirected(&h, STR("a.test"), false));
}

static void test_ports(void **state)
{
	static const struct {
		uint16_t ports[2], came_by, asked, want;
	} rows[] = {
		{{80, 443}, 80, 80, 443},
		{{8080, 443}, 8080, 8080, 443},
		{{80, 8080}, 80, 80, 80}, /* it takes TLS as well */
		{{80, 8080}, 8080, 8080, 8080},
		/* Mapped outside. */
		{{8080, 8443}, 8080, 80, 443},
		{{8080, 8443}, 8080, 9000, 9000},
		{{80, 443}, 80, 9000, 9000},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint16_t v[] = {rows[i].ports[0], rows[i].ports[1]};
		struct option_ports ports = {v, 2};
		uint16_t port = scheme_https_port(&ports, rows[i].came_by, rows[i].asked);
		if (port != rows[i].want)
			fail_msg("row %zu: %u", i, port);
	}
}

/* The address that requests come to here. */
static struct address here(const char *text)
{
	struct address a;
	assert_true(address_parse(str_from(text), &a));
	return a;
}

static void test_asked(void **state)
{
	struct address local = here("192.0.2.9:81");
	static const struct {
		const char *fields;
		bool trusted;
		const char *host;
		uint16_t port;
	} rows[] = {
		{"Host: A.test\r\n", false, "a.test", 80},
		{"Host: a.test.:8080\r\n", false, "a.test", 8080},
		{"Host: [2001:DB8:0::1]:8080\r\n", false, "[2001:db8::1]", 8080},
		{"Host: a\r\nX-Forwarded-Host: b\r\nX-Forwarded-Port: 81\r\n", false, "a", 80},
		{"Host: a:1\r\nX-Forwarded-Host: B.test\r\n", true, "b.test", 80},
		{"Host: a:1\r\nX-Forwarded-Host: [::1]:82\r\n", true, "[::1]", 82},
		{"Host: a\r\nX-Forwarded-Host: b:82\r\nx-forwarded-port: 81\r\n", true, "b", 81},
		{"Host: a:1\r\nX-Forwarded-Port: 80\r\n", true, "a", 80},
		{"Host: a:1\r\nX-Forwarded-Port: x\r\nX_Forwarded_Port: 5\r\n", true, "a", 1},
		{"Host: a\r\nX-Forwarded-Host: evil@b/\r\n", true, "a", 80},
		{"Host: a\r\nX-Forwarded-Host: b, c\r\n", true, "a", 80},
		{"Host:\r\nX-Forwarded-Host: b\r\n", true, "b", 80},
		{"Host:\r\n", true, "192.0.2.9", 81},
		{"Host:\r\n", false, "192.0.2.9", 81},
		{"Host:\r\nX-Forwarded-Port: 82\r\n", true, "192.0.2.9", 82},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[256];
		struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
		struct scheme_place to;
		snprintf(text, sizeof text, "GET / HTTP/1.1\r\n%s\r\n", rows[i].fields);
		parse(&h, text);
		scheme_asked(&h, rows[i].trusted, &local, &to);
		if (!str_eq((struct str){to.host, to.host_n}, str_from(rows[i].host)) ||
			to.port != rows[i].port)
			fail_msg("row %zu: %.*s, %u", i, (int)to.host_n, to.host, to.port);
	}
}

static void test_authority(void **state)
{
	static const struct {
		const char *local, *plain, *secure;
	} rows[] = {
		{"192.0.2.1:80", "192.0.2.1", "192.0.2.1:80"},
		{"192.0.2.1:443", "192.0.2.1:443", "192.0.2.1"},
		{"[2001:db8::80]:80", "[2001:db8::80]", "[2001:db8::80]:80"},
		{"[2001:db8::1]:8080", "[2001:db8::1]:8080", "[2001:db8::1]:8080"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct address a;
		char text[ADDRESS_TEXT_SIZE];
		assert_true(address_parse(str_from(rows[i].local), &a));
		size_t n = scheme_authority(&a, false, text);
		assert_true(str_eq((struct str){text, n}, str_from(rows[i].plain)));
		n = scheme_authority(&a, true, text);
		assert_true(str_eq((struct str){text, n}, str_from(rows[i].secure)));
	}
}

static const struct {
	const char *in, *want;
	uint16_t port;
} locations[] = {
	{"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "https://a.test/", 443},
	{"POST /x/../y?a=b&c HTTP/1.1\r\nHost: a.test:80\r\n\r\n", "https://a.test/x/../y?a=b&c",
		443},
	{"GET /? HTTP/1.1\r\nHost: A.Test.:80\r\n\r\n", "https://a.test:8443/?", 8443},
	{"GET //evil.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", "https://a.test//evil.test/", 443},
	{"GET http://a.test?q HTTP/1.1\r\nHost: a.test\r\n\r\n", "https://a.test/?q", 443},
	{"GET http://a.test:81/x HTTP/1.0\r\n\r\n", "https://a.test:444/x", 444},
	{"GET /x HTTP/1.1\r\nHost: [2001:DB8:0::1]:80\r\n\r\n", "https://[2001:db8::1]:65535/x",
		65535},
	{"GET /x HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n", "https://192.0.2.1/x", 443},
	{"OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", "https://a.test", 443},
	{"GET /x HTTP/1.0\r\n\r\n", "https://[2001:db8::9]/x", 443},
	{"GET /x HTTP/1.1\r\nHost:\r\n\r\n", "https://[2001:db8::9]:444/x", 444},
};

static void test_locations(void **state)
{
	struct address local = here("[2001:db8::9]:80");
	for (size_t i = 0; i < ARRAY_LEN(locations); i++) {
		struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
		struct buf out = BUF_NULL;
		parse(&h, locations[i].in);
		struct scheme_place to;
		scheme_asked(&h, false, &local, &to);
		to.port = locations[i].port;
		assert_int_equal(scheme_location(&out, &h, &to), 0);
		struct str want = str_from(locations[i].want);
		if (!str_eq((struct str){(const char *)buf_head(&out), buf_len(&out)}, want))
			fail_msg("%.*s", (int)buf_len(&out), (const char *)buf_head(&out));
		buf_deinit(&out);
	}
}

/* A host that is none never gets as far as a Location. */
static void test_odd_hosts(void **state)
{
	static const char *const odd[] = {"a.test@evil.test", "a.test/evil", "a.test\\evil", "a b",
		"evil.test#", "a.test:80:81", ":80", "a.test%2fevil", "[::1", "a,b"};
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		char text[256];
		struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
		size_t scanned = 0;
		int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", odd[i]);
		assert_int_not_equal(http1_parse_request(&h, (const uint8_t *)text, (size_t)n,
					     HTTP1_REQUEST_MAX, &scanned),
			HTTP1_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schemes),
		cmocka_unit_test(test_misdirections),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_asked),
		cmocka_unit_test(test_authority),
		cmocka_unit_test(test_locations),
		cmocka_unit_test(test_odd_hosts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
