/* SPDX-License-Identifier: MIT */
/* What the next hop gets to see of a head: byte for byte, for each rule that takes out or adds. */
#include "server/http/forward.h"
#include "server/http/forwarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/macros.h"

#define TUNNEL "tunnel-0123456789abcdef"
#define LAST   "CDN-Loop: " TUNNEL "\r\n\r\n"
/* How an untrusted visitor's head ends. */
#define OURS                                                          \
	"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: http\r\n" \
	"X-Forwarded-Host: a\r\nX-Request-Id: id1\r\n" LAST
#define OURS_WITHOUT_HOST                                             \
	"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: http\r\n" \
	"X-Request-Id: id1\r\n" LAST
#define GET     "GET / HTTP/1.1\r\nHost: a\r\n"
#define TRUSTED 1
#define UPGRADE 2
#define SECURE  4

static const struct {
	const char *name, *in, *out;
	int how;
	const char *authority;
} requests[] = {
	{"usual", GET "User-Agent: x\r\naccept:  */* \r\nX-One: 1\r\nx-ONE: 2\r\n\r\n",
		GET "User-Agent: x\r\naccept:  */* \r\nX-One: 1\r\nx-ONE: 2\r\n" OURS, 0, ""},
	{"host as it came", "GET / HTTP/1.1\r\nX: 1\r\nhOST: \tA.:80\r\n\r\n",
		"GET / HTTP/1.1\r\nX: 1\r\nhOST: \tA.:80\r\nX-Forwarded-For: 203.0.113.9\r\n"
		"X-Forwarded-Proto: http\r\nX-Forwarded-Host: A.:80\r\nX-Request-Id: id1\r\n" LAST,
		0, ""},
	{"host without its zone", "GET / HTTP/1.1\r\nX: 1\r\nhOST: [fe80::1%25e]:8\r\nY: 2\r\n\r\n",
		"GET / HTTP/1.1\r\nX: 1\r\nHost: [fe80::1]:8\r\nY: 2\r\nX-Forwarded-For: "
		"203.0.113.9\r\n"
		"X-Forwarded-Proto: http\r\nX-Forwarded-Host: [fe80::1]:8\r\nX-Request-Id: "
		"id1\r\n" LAST,
		0, "[fe80::1]:8"},
	{"claims of a visitor",
		GET
		"X-Forwarded-For: 6.6.6.6\r\nA: 1\r\nX_Forwarded_For: 6.6.6.6\r\n"
		"x-forwarded-proto: https\r\nX-Forwarded-Host: evil\r\nForwarded: for=6.6.6.6\r\n"
		"X-Forwarded-Prefix: /x\r\nX-REAL-IP: 6.6.6.6\r\nX-Real_IP: 6.6.6.6\r\nB: 2\r\n"
		"X-Request-Id: mine\r\nx_request-id: mine\r\nX_Forwarded_Port: 1\r\n\r\n",
		GET "A: 1\r\nB: 2\r\n" OURS, 0, ""},
	{"hop by hop",
		GET "Connection: keep-alive, X-Secret , cookie\r\nX-Secret: 1\r\nKeep-Alive: 5\r\n"
		    "Proxy-Connection: x\r\nProxy-Authorization: x\r\nCookie: x\r\nUpgrade: h2c\r\n"
		    "X-Stays: 1\r\nx-secret: 2\r\n\r\n",
		GET "X-Stays: 1\r\n" OURS, 0, ""},
	{"trailers", GET "TE: gzip;q=1, trailers\r\nTrailer: X\r\nConnection: TE\r\n\r\n",
		GET "Trailer: X\r\nConnection: TE\r\nTE: trailers\r\n" OURS, 0, ""},
	{"no trailers", GET "TE: deflate\r\n\r\n", GET OURS, 0, ""},
	{"websocket",
		GET
		"Upgrade: h2c, WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: k\r\n\r\n",
		GET "Sec-WebSocket-Key: k\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n" OURS,
		UPGRADE, ""},
	{"any protocol but HTTP",
		GET
		"Upgrade: SPDY/3.1,h2, HTTP/2.0\r\nConnection: Upgrade, HTTP2-Settings\r\n"
		"HTTP2-Settings: AAMAAABk\r\nupgrade: tcp , H2C-14,a/b/c,\"x\", TLS/1.0\r\n\r\n",
		GET "Connection: Upgrade\r\nUpgrade: SPDY/3.1,tcp,TLS/1.0\r\n" OURS, UPGRADE, ""},
	{"its settings alone", GET "HTTP2-Settings: AAMAAABk\r\n\r\n", GET OURS, UPGRADE, ""},
	{"Upgrade that Connection does not name", GET "Upgrade: tcp\r\n\r\n", GET OURS, UPGRADE,
		""},
	{"Upgrade in 1.0",
		"GET / HTTP/1.0\r\nHost: a\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n",
		GET OURS, UPGRADE, ""},
	{"websocket that is not wanted", GET "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		GET OURS, 0, ""},
	{"other upgrade", GET "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n", GET OURS, UPGRADE, ""},
	{"length and expectation", GET "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n",
		GET "Expect: 100-continue\r\nContent-Length: 3\r\n" OURS, 0, ""},
	{"chunks", GET "Transfer-Encoding: Chunked\r\n\r\n",
		GET "Transfer-Encoding: chunked\r\n" OURS, 0, ""},
	{"a length in another form", GET "Content-Length: 0010\r\nA: 1\r\n\r\n",
		GET "A: 1\r\nContent-Length: 10\r\n" OURS, 0, ""},
	{"no length, written long", GET "Content-Length: 00\r\n\r\n",
		GET "Content-Length: 0\r\n" OURS, 0, ""},
	{"white space around a length", GET "content-length:\t5 \r\n\r\n",
		GET "Content-Length: 5\r\n" OURS, 0, ""},
	{"a name in another case", GET "content-length: 5\r\nA: 1\r\n\r\n",
		GET "content-length: 5\r\nA: 1\r\n" OURS, 0, ""},
	{"absolute form", "GET HTTP://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /x?y HTTP/1.1\r\nHost: a\r\n" OURS, 0, ""},
	{"absolute form, no path", "GET http://a?y HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /?y HTTP/1.1\r\nHost: a\r\n" OURS, 0, ""},
	{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n" OURS, 0, ""},
	{"1.0", "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nExpect: x\r\n\r\n",
		GET OURS, 0, ""},
	{"1.0 without Host", "GET / HTTP/1.0\r\nA: 1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: \r\nA: 1\r\n" OURS_WITHOUT_HOST, 0, ""},
	{"1.0 without Host, reached as", "GET / HTTP/1.0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: 192.0.2.1:80\r\n" OURS_WITHOUT_HOST, 0, "192.0.2.1:80"},
	{"1.0, absolute, without Host", "GET http://a/ HTTP/1.0\r\n\r\n", GET OURS, 0, "other"},

	{"seen before, here and elsewhere",
		GET "CDN-Loop: cloudflare; loops=1, " TUNNEL "\r\nVia: 1.1 x\r\n"
		    "Connection: cdn-loop, Via, Max-Forwards\r\nMax-Forwards: 0\r\n\r\n",
		GET "CDN-Loop: cloudflare; loops=1, " TUNNEL
		    "\r\nVia: 1.1 x\r\nMax-Forwards: 0\r\n" OURS,
		0, ""},
	{"Max-Forwards",
		"OPTIONS / HTTP/1.1\r\nHost: a\r\nmax-forwards:\t0010\r\nConnection: "
		"Max-Forwards\r\n\r\n",
		"OPTIONS / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: "
		"203.0.113.9\r\nX-Forwarded-Proto: http\r\n"
		"X-Forwarded-Host: a\r\nX-Request-Id: id1\r\nCDN-Loop: " TUNNEL "\r\nMax-Forwards: "
		"9\r\n\r\n",
		0, ""},
	{"Max-Forwards that is longer than any way",
		"TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 99999999999999999999999\r\n\r\n",
		"TRACE / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: "
		"http\r\n"
		"X-Forwarded-Host: a\r\nX-Request-Id: id1\r\nCDN-Loop: " TUNNEL "\r\nMax-Forwards: "
		"999998\r\n\r\n",
		0, ""},

	{"trusted, nothing said", GET "\r\n", GET OURS, TRUSTED, ""},
	{"trusted",
		GET
		"X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: https\r\nX-Request-Id: z\r\n"
		"X-Forwarded-Host: public\r\nForwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\n"
		"X-Forwarded-Port: 443\r\nx-forwarded-for: 198.51.100.2, 198.51.100.3\r\n\r\n",
		GET "Forwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nX-Forwarded-Port: 443\r\n"
		    "X-Forwarded-For: 198.51.100.1, 198.51.100.2, 198.51.100.3, 203.0.113.9\r\n"
		    "X-Forwarded-Proto: https\r\nX-Forwarded-Host: public\r\nX-Request-Id: "
		    "id1\r\n" LAST,
		TRUSTED | SECURE, ""},
	{"a visitor's claims through a trusted proxy",
		GET
		"X_Forwarded_For: 6.6.6.6\r\nX_Real_IP: 6.6.6.6\r\nX_Forwarded_Port: 1\r\n"
		"X-Forwarded-Proto: evil\r\nX-Forwarded-Proto: https\r\nX_Forwarded_Proto: evil\r\n"
		"Connection: x-forwarded-for, x-forwarded-proto\r\nX-Forwarded-For: "
		"1.2.3.4\r\n\r\n",
		GET "X-Forwarded-For: 1.2.3.4, 203.0.113.9\r\nX-Forwarded-Proto: http\r\n"
		    "X-Forwarded-Host: a\r\nX-Request-Id: id1\r\n" LAST,
		TRUSTED, ""},
	{"https", GET "X-Forwarded-Proto: http\r\n\r\n",
		GET "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
		    "X-Forwarded-Host: a\r\nX-Request-Id: id1\r\n" LAST,
		SECURE, ""},
	{"Host between what goes and what stays",
		"GET http://a/x HTTP/1.1\r\nX-Real-IP: 6.6.6.6\r\nA: 1\r\nKeep-Alive: 5\r\n"
		"host:a \r\nForwarded: x\r\nB: 2\r\n\r\n",
		"GET /x HTTP/1.1\r\nA: 1\r\nhost:a \r\nB: 2\r\n" OURS, 0, ""},
	{"hop by hop, trusted",
		GET
		"Connection: close, X-Secret\r\nX-Secret: 1\r\nX-Stays: 1\r\nForwarded: x\r\n\r\n",
		GET "X-Stays: 1\r\nForwarded: x\r\n" OURS, TRUSTED, ""},
};

static void parse(struct http1_head *h, const char *text)
{
	size_t scanned = 0;
	assert_int_equal(http1_parse_request(h, (const uint8_t *)text, strlen(text),
				 HTTP1_REQUEST_MAX, &scanned),
		HTTP1_OK);
}

static void assert_out(const char *name, struct buf *out, const char *want)
{
	if (buf_len(out) != strlen(want) || memcmp(buf_head(out), want, strlen(want)) != 0)
		fail_msg("%s:\n%.*s\ninstead of\n%s", name, (int)buf_len(out),
			(char *)buf_head(out), want);
}

static void test_requests(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
		struct buf out = BUF_NULL;
		parse(&h, requests[i].in);
		struct forward f = {
			.peer = STR("203.0.113.9"),
			.request_id = STR("id1"),
			.pseudonym = TUNNEL,
			.authority = str_from(requests[i].authority),
			.secure = requests[i].how & SECURE,
			.trusted = requests[i].how & TRUSTED,
			.upgrade = requests[i].how & UPGRADE,
		};
		size_t host_at = 0;
		assert_int_equal(forward_request(&out, &h, &f, &host_at), 0);
		assert_out(requests[i].name, &out, requests[i].out);
		struct str host = forward_host(&h, &f);
		struct str at = {(const char *)buf_head(&out) + host_at, host.n};
		if (!str_eq(at, host) || (at.p[-1] != ' ' && at.p[-1] != ':' && at.p[-1] != '\t'))
			fail_msg("%s: Host is not at %zu", requests[i].name, host_at);
		buf_deinit(&out);
	}
}

static void test_passed(void **state)
{
	static const struct {
		const char *fields;
		unsigned passed;
	} rows[] = {
		{"", 0},
		{"CDN-Loop: " TUNNEL "\r\n", 1},
		{"cdn-loop: " TUNNEL "," TUNNEL "\r\n", 2},
		{"CDN-Loop: " TUNNEL "\r\nX: " TUNNEL "\r\nCDN-Loop: a, " TUNNEL "; loops=4 "
		 ",tunnel-2\r\n",
			2},
		{"CDN-Loop: tunnel-2, x" TUNNEL ", tunnel-\r\n", 0},
		{"CDN-Loop: " TUNNEL "\r\nConnection: CDN-Loop\r\n", 1},
		{"CDN_Loop: " TUNNEL "\r\nVia: 1.1 " TUNNEL "\r\n", 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[256];
		struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
		snprintf(text, sizeof(text), GET "%s\r\n", rows[i].fields);
		parse(&h, text);
		if (forwarded_passes(&h, TUNNEL) != rows[i].passed)
			fail_msg("%s", rows[i].fields);
	}
}

/* The largest head with the longest of everything: a sanitizer sees a byte too many. */
static void test_largest(void **state)
{
	struct buf in = BUF_NULL, out = BUF_NULL;
	buf_append(&in, "GET / HTTP/1.0\r\n", 16);
	for (int i = 0; i < HTTP1_FIELDS_DEFAULT; i++)
		buf_append(&in, "X-Forwarded-For:1\r\n", 19);
	buf_append(&in, "\r\n", 2);
	struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
	size_t scanned = 0;
	assert_int_equal(http1_parse_request(&h, buf_head(&in), buf_len(&in), HTTP1_REQUEST_MAX,
				 &scanned),
		HTTP1_OK);
	char authority[500];
	memset(authority, 'a', sizeof authority);
	struct forward f = {.authority = {authority, sizeof authority},
		.pseudonym = TUNNEL,
		.trusted = true};
	/* Room of exactly what is there makes any growth show. */
	size_t host_at;
	assert_int_equal(forward_request(&out, &h, &f, &host_at), 0);
	assert_true(buf_len(&out) > 300 + sizeof authority);
	buf_deinit(&in);
	buf_deinit(&out);
}

static const struct {
	const char *fields, *peer, *want;
	bool trusted;
} visitors[] = {
	{"", "192.0.2.1:5", "192.0.2.1:5", false},
	{"X-Forwarded-For: 1.2.3.4\r\n", "192.0.2.1:5", "192.0.2.1:5", false},
	{"", "10.0.0.1:5", "10.0.0.1:5", true},
	{"X-Forwarded-For: 1.2.3.4\r\n", "10.0.0.1:5", "1.2.3.4:0", true},
	{"X-Forwarded-For: 6.6.6.6, 1.2.3.4\r\n", "10.0.0.1:5", "1.2.3.4:0", true},
	{"X-Forwarded-For: 6.6.6.6 , 1.2.3.4 ,10.1.1.1\t, 10.0.0.2\r\n", "10.0.0.1:5", "1.2.3.4:0",
		true},
	{"X-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 1.2.3.4\r\nX-Forwarded-For: 10.0.0.2\r\n",
		"10.0.0.1:5", "1.2.3.4:0", true},
	{"X-Forwarded-For: 1.2.3.4\r\nX_Forwarded_For: 6.6.6.6\r\n", "10.0.0.1:5", "1.2.3.4:0",
		true},
	{"X-Forwarded-For: 1.2.3.4\r\nConnection: X-Forwarded-For\r\n", "10.0.0.1:5", "1.2.3.4:0",
		true},
	{"X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n", "10.0.0.1:5", "10.0.0.3:0", true},
	{"X-Forwarded-For: 1.2.3.4, unknown, 10.0.0.2\r\n", "10.0.0.1:5", "10.0.0.2:0", true},
	{"X-Forwarded-For: 1.2.3.4, , 10.0.0.2\r\n", "10.0.0.1:5", "10.0.0.2:0", true},
	{"X-Forwarded-For: garbage\r\n", "10.0.0.1:5", "10.0.0.1:5", true},
	{"X-Forwarded-For:\r\n", "10.0.0.1:5", "10.0.0.1:5", true},
	{"X-Forwarded-For: 1.2.3.4:5678\r\n", "10.0.0.1:5", "1.2.3.4:0", true},
	{"X-Forwarded-For: 2001:db8::7\r\n", "10.0.0.1:5", "[2001:db8::7]:0", true},
	{"X-Forwarded-For: [2001:db8::7]:99\r\n", "10.0.0.1:5", "[2001:db8::7]:0", true},
	{"X-Forwarded-For: fe80::7%eth3\r\n", "10.0.0.1:5", "[fe80::7]:0", true},
	{"X-Forwarded-For: [fe80::7%25eth3]:99\r\n", "10.0.0.1:5", "[fe80::7]:0", true},
	{"X-Forwarded-For: 2001:db8::7%eth3\r\n", "10.0.0.1:5", "10.0.0.1:5", true},
	{"X-Forwarded-For: ::ffff:1.2.3.4\r\n", "10.0.0.1:5", "1.2.3.4:0", true},
};

static void test_visitors(void **state)
{
	struct cidr_list trusted = CIDR_LIST_NULL;
	struct error err;
	assert_int_equal(cidr_list_add(&trusted, STR("10.0.0.0/8"), &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(visitors); i++) {
		char text[1024], got[ADDRESS_TEXT_SIZE];
		snprintf(text, sizeof text, GET "%s\r\n", visitors[i].fields);
		struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
		struct address peer, visitor;
		parse(&h, text);
		assert_true(address_parse(str_from(visitors[i].peer), &peer));
		assert_int_equal(forwarded_visitor(&h, &peer, &trusted, &visitor),
			visitors[i].trusted);
		address_format(&visitor, got);
		assert_string_equal(got, visitors[i].want);
	}
	cidr_list_deinit(&trusted);
}

/* Whoever may write to a trusted proxy must not choose how long we look. */
static void test_endless_chain(void **state)
{
	struct cidr_list trusted = CIDR_LIST_NULL;
	struct error err;
	assert_int_equal(cidr_list_add(&trusted, STR("10.0.0.0/8"), &err), 0);
	char text[4096] = GET "X-Forwarded-For: 1.2.3.4";
	for (int i = 0; i < FORWARDED_HOPS_MAX; i++)
		strcat(text, ",10.9.9.9");
	strcat(text, "\r\n\r\n");
	struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
	struct address peer, visitor, want;
	parse(&h, text);
	assert_true(address_parse(STR("10.0.0.1:1"), &peer));
	assert_true(address_parse_ip(STR("10.9.9.9"), &want));
	forwarded_visitor(&h, &peer, &trusted, &visitor);
	assert_true(address_same_ip(&visitor, &want));
	cidr_list_deinit(&trusted);
}

#define OK     "HTTP/1.1 200 OK\r\n"
#define HTTP10 1
#define CLOSE  2

static const struct {
	const char *name, *in, *out;
	int how;
	enum http1_method asked;
} responses[] = {
	{"usual",
		OK "Server: nginx\r\nContent-Length: 3\r\nConnection: keep-alive\r\nETag: "
		   "\"x\"\r\n\r\n",
		OK "Server: nginx\r\nContent-Length: 3\r\nETag: \"x\"\r\n\r\n", 0, HTTP1_GET},
	{"closing", OK "Content-Length: 3\r\nKeep-Alive: timeout=5\r\n\r\n",
		OK "Content-Length: 3\r\nConnection: close\r\n\r\n", CLOSE, HTTP1_GET},
	{"upstream of 1.0", "HTTP/1.0 404 nope, sorry\r\nContent-Length: 3\r\n\r\n",
		"HTTP/1.1 404 nope, sorry\r\nContent-Length: 3\r\n\r\n", 0, HTTP1_GET},
	{"no reason", "HTTP/1.1 299\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n", 0, HTTP1_GET},
	{"hop by hop",
		OK "Connection: X-Back, close\r\nX-Back: 1\r\nSet-Cookie: a\r\nUpgrade: h2c\r\n"
		   "Proxy-Authenticate: x\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n",
		OK "Set-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n", 0, HTTP1_GET},
	{"chunks", OK "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n",
		OK "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n", 0, HTTP1_GET},
	{"chunks in another form", OK "Transfer-Encoding:chunked\r\nA: 1\r\n\r\n",
		OK "A: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 0, HTTP1_GET},
	{"the same for 1.0", OK "Transfer-Encoding:chunked\r\nA: 1\r\n\r\n",
		OK "A: 1\r\nConnection: close\r\n\r\n", HTTP10, HTTP1_GET},
	{"a length in another form", OK "Content-Length: 010\r\nA: 1\r\n\r\n",
		OK "A: 1\r\nContent-Length: 10\r\n\r\n", 0, HTTP1_GET},
	{"the same to HEAD", OK "Content-Length: 010\r\nA: 1\r\n\r\n",
		OK "A: 1\r\nContent-Length: 10\r\n\r\n", 0, HTTP1_HEAD},
	{"the same in a 204", "HTTP/1.1 204 x\r\nContent-Length: 010\r\n\r\n",
		"HTTP/1.1 204 x\r\n\r\n", 0, HTTP1_GET},
	{"chunks for 1.0", OK "Transfer-Encoding: chunked\r\nTrailer: X\r\nA: 1\r\n\r\n",
		OK "A: 1\r\nConnection: close\r\n\r\n", HTTP10, HTTP1_GET},
	{"kept for 1.0", OK "Content-Length: 3\r\n\r\n",
		OK "Content-Length: 3\r\nConnection: keep-alive\r\n\r\n", HTTP10, HTTP1_GET},
	{"closed for 1.0", OK "Content-Length: 3\r\n\r\n",
		OK "Content-Length: 3\r\nConnection: close\r\n\r\n", HTTP10 | CLOSE, HTTP1_GET},
	{"until close", OK "A: 1\r\n\r\n", OK "A: 1\r\nConnection: close\r\n\r\n", 0, HTTP1_GET},
	{"HEAD", OK "Content-Length: 9\r\n\r\n", OK "Content-Length: 9\r\n\r\n", 0, HTTP1_HEAD},
	{"HEAD of chunks for 1.0", OK "Transfer-Encoding: chunked\r\n\r\n",
		OK "Connection: keep-alive\r\n\r\n", HTTP10, HTTP1_HEAD},
	{"204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nA: 1\r\n\r\n",
		"HTTP/1.1 204 No Content\r\nA: 1\r\n\r\n", 0, HTTP1_GET},
	{"304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 0, HTTP1_GET},
	{"304 with two lengths",
		"HTTP/1.1 304 x\r\nContent-Length: 5\r\nA: 1\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 304 x\r\nA: 1\r\n\r\n", 0, HTTP1_GET},
	{"HEAD of chunks", OK "Transfer-Encoding: chunked\r\n\r\n",
		OK "Transfer-Encoding: chunked\r\n\r\n", 0, HTTP1_HEAD},
	{"HEAD with both lengths", OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		OK "\r\n", 0, HTTP1_HEAD},
	{"HEAD with a coding nobody knows",
		OK "Transfer-Encoding: gzip\r\nConnection: Transfer-Encoding\r\n\r\n", OK "\r\n", 0,
		HTTP1_HEAD},
	{"HEAD with a length that is none", OK "Content-Length: -5\r\nA: 1\r\n\r\n",
		OK "A: 1\r\n\r\n", 0, HTTP1_HEAD},
	{"interim with both lengths",
		"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n", 0, HTTP1_POST},
	{"interim", "HTTP/1.1 103 Early Hints\r\nLink: x\r\nConnection: close\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", CLOSE, HTTP1_GET},
	{"101",
		"HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: upgrade, "
		"X\r\n"
		"Sec-WebSocket-Accept: x\r\nX: 1\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n"
		"Connection: Upgrade\r\nupgrade: WebSocket\r\n\r\n",
		0, HTTP1_GET},
	{"101 to a layer on another",
		"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0, "
		"HTTP/1.1\r\n\r\n",
		"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0, "
		"HTTP/1.1\r\n\r\n",
		0, HTTP1_GET},
	{"426",
		"HTTP/1.1 426 U\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: "
		"0\r\n\r\n",
		"HTTP/1.1 426 U\r\nContent-Length: 0\r\nConnection: Upgrade\r\nUpgrade: "
		"tcp\r\n\r\n",
		0, HTTP1_GET},
	{"other protocols on offer",
		OK "Connection: Upgrade\r\nUpgrade: tcp, h2c\r\nContent-Length: 0\r\n\r\n",
		OK "Content-Length: 0\r\n\r\n", 0, HTTP1_GET},
	{"an upstream may say X-Request-Id", OK "X-Request-Id: u\r\nContent-Length: 0\r\n\r\n",
		OK "X-Request-Id: u\r\nContent-Length: 0\r\n\r\n", 0, HTTP1_GET},
};

static void test_responses(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(responses); i++) {
		struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
		struct buf out = BUF_NULL;
		size_t scanned = 0;
		const char *in = responses[i].in;
		assert_int_equal(http1_parse_response(&h, (const uint8_t *)in, strlen(in),
					 HTTP1_RESPONSE_MAX, responses[i].asked, &scanned),
			HTTP1_OK);
		struct forward_response f = {
			.http10 = responses[i].how & HTTP10,
			.close = responses[i].how & CLOSE,
		};
		assert_int_equal(forward_response(&out, &h, &f), 0);
		assert_out(responses[i].name, &out, responses[i].out);
		buf_deinit(&out);
	}
}

/* What stands in the buffer stays, and what is appended stands behind it. */
static void test_appends(void **state)
{
	struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
	struct buf out = BUF_NULL;
	parse(&h, GET "\r\n");
	struct forward f = {.peer = STR("203.0.113.9"),
		.request_id = STR("id1"),
		.pseudonym = TUNNEL};
	size_t host_at;
	assert_int_equal(buf_append(&out, "a", 1), 0);
	assert_int_equal(forward_request(&out, &h, &f, &host_at), 0);
	assert_out("appended", &out, "a" GET OURS);
	assert_int_equal(host_at, sizeof(GET) - 1 - 3);
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_passed),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_visitors),
		cmocka_unit_test(test_endless_chain),
		cmocka_unit_test(test_responses),
		cmocka_unit_test(test_appends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
