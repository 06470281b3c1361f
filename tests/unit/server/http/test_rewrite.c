/* SPDX-License-Identifier: MIT */
/* Fields that name the place: to the upstream's names, back to the visitor's, and what is none of it. */
#include "server/http/rewrite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"

/* How visitor and upstream know the place. */
struct setting {
	const char *host; /* the visitor's, as Host has it */
	bool https;
	const char *forwarded; /* lines of a trusted proxy */
	const char *upstream, *authority, *path;
};

static const struct setting plain = {"app.test", false, "", "http", "in:8080", ""},
			    tls = {"App.Test", true, "", "http", "in:8080", ""},
			    port = {"app.test:9443", true, "", "https", "in", ""},
			    both = {"app.test", true, "", "https", "in", ""},
			    deep = {"app.test", true, "", "http", "in:8080", "/a/b/"},
			    bare = {"192.0.2.1:90", false, "", "http", "10.0.0.7", ""},
			    v6 = {"[2001:DB8::1]:90", false, "", "http", "[::1]:8080", ""},
			    proxied = {"in:8080", true, "X-Forwarded-Host: pub.test:8443\r\n",
				    "http", "in:8080", ""},
			    ported = {"in", true,
				    "X-Forwarded-Host: pub.test\r\nX-Forwarded-Port: 8443\r\n",
				    "http", "in:8080", ""},
			    balanced = {"in", true,
				    "X-Forwarded-Host: pub.test\r\nX-Forwarded-Port: 80\r\n",
				    "http", "in:8080", ""},
			    listed = {"app.test", true, "X-Forwarded-Host: a.test, b.test\r\n",
				    "http", "in:8080", ""};

static struct rewrite names(const struct setting *s, struct str head)
{
	struct rewrite rw;
	bool https = strcmp(s->upstream, "https") == 0;
	rewrite_visitor(&rw.visitor, head, str_from(s->host), s->https);
	rewrite_upstream(&rw.upstream, https, str_from(s->authority), s->path);
	rw.upstream.either = https != s->https;
	return rw;
}

/* One field of a request; `to` is NULL where it stays. */
static const struct {
	const struct setting *setting;
	const char *field, *to;
} requests[] = {
	{&plain, "Origin: http://app.test", "Origin: http://in:8080"},
	{&plain, "ORIGIN:\thttp://App.Test:80 ", "ORIGIN:\thttp://in:8080 "},
	{&plain, "Origin: HTTP://app.test.", "Origin: http://in:8080"},
	{&plain, "Sec-WebSocket-Origin: http://app.test", "Sec-WebSocket-Origin: http://in:8080"},
	{&plain, "Origin: http://app.test:", "Origin: http://in:8080"},
	/* TLS may end in front of the exit node. */
	{&plain, "Origin: https://app.test", "Origin: http://in:8080"},
	{&plain, "Origin: https://app.test:443", "Origin: http://in:8080"},
	{&plain, "Origin: https://app.test:80", NULL},
	/* Others' stay what they are: the upstream is to refuse them. */
	{&tls, "Origin: http://app.test", NULL},
	{&tls, "Origin: http://app.test:443", NULL},
	{&tls, "Origin: https://app.test", "Origin: http://in:8080"},
	{&tls, "Origin: https://app.test:443", "Origin: http://in:8080"},
	{&tls, "Origin: https://app.test:8443", NULL},
	{&tls, "Origin: https://evil.test", NULL},
	{&tls, "Origin: https://app.test.evil.test", NULL},
	{&tls, "Origin: https://evilapp.test", NULL},
	{&tls, "Origin: https://app.test@evil.test", NULL},
	{&tls, "Origin: https://app.test:443@evil.test", NULL},
	{&tls, "Origin: https://evil.test@app.test", NULL},
	{&tls, "Origin: https://app.test\\evil.test", NULL},
	{&tls, "Origin: https://app.test https://evil.test", NULL},
	{&tls, "Origin: https://app.test/", NULL},
	{&tls, "Origin: https://app.test:0", NULL},
	{&tls, "Origin: https://", NULL},
	{&tls, "Origin: //app.test", NULL},
	{&tls, "Origin: app.test", NULL},
	{&tls, "Origin: wss://app.test", NULL},
	{&tls, "Origin: null", NULL},
	{&tls, "Origin:", NULL},
	{&tls, "X-Origin: https://app.test", NULL},
	{&port, "Origin: https://app.test:9443", "Origin: https://in"},
	{&port, "Origin: https://app.test", NULL},
	{&bare, "Origin: http://192.0.2.1:90", "Origin: http://10.0.0.7"},
	{&bare, "Origin: https://192.0.2.1:90", "Origin: http://10.0.0.7"},
	{&v6, "Origin: http://[2001:db8:0::1]:90", "Origin: http://[::1]:8080"},
	{&v6, "Origin: http://[2001:db8::1]", NULL},
	{&proxied, "Origin: https://pub.test:8443", "Origin: http://in:8080"},
	{&proxied, "Origin: https://pub.test", NULL},
	{&proxied, "Origin: https://in:8080", NULL},
	{&ported, "Origin: https://pub.test:8443", "Origin: http://in:8080"},
	{&balanced, "Origin: https://pub.test", "Origin: http://in:8080"},
	{&listed, "Origin: https://app.test", "Origin: http://in:8080"},

	{&tls, "Referer: https://app.test/x?y=https://app.test/",
		"Referer: http://in:8080/x?y=https://app.test/"},
	{&tls, "Referer: https://app.test", "Referer: http://in:8080"},
	{&tls, "Referer: https://app.test?q", "Referer: http://in:8080?q"},
	{&tls, "Referer: https://evil.test/https://app.test/", NULL},
	{&tls, "Referer: /x", NULL},
	{&deep, "Referer: https://app.test/x", "Referer: http://in:8080/a/b/x"},
	{&deep, "Referer: https://app.test", "Referer: http://in:8080/a/b/"},
	{&deep, "Referer: https://app.test?q", "Referer: http://in:8080/a/b/?q"},
	{&deep, "Referer: /x", "Referer: /a/b/x"},
	{&deep, "Origin: https://app.test", "Origin: http://in:8080"},

	{&tls, "Destination: https://app.test/dav/x%20y", "Destination: http://in:8080/dav/x%20y"},
	{&tls, "Destination: https://other.test/x", NULL},
	{&tls, "Destination: /x", NULL},
	{&deep, "Destination: /x", "Destination: /a/b/x"},
	{&deep, "Destination: //app.test/x", "Destination: http://in:8080/a/b/x"},
	{&deep, "Destination: //other.test/x", NULL},
	{&deep, "Destination: /\\other.test/x", NULL},
	{&tls,
		"If: <https://app.test/x> (<urn:uuid:1> [W/\"<https://app.test>\"]) </y> (Not "
		"<DAV:no>)",
		"If: <http://in:8080/x> (<urn:uuid:1> [W/\"<https://app.test>\"]) </y> (Not "
		"<DAV:no>)"},
	{&deep, "If: </x> (<urn:uuid:1>) <https://app.test/y>\t(<urn:uuid:2>)",
		"If: </a/b/x> (<urn:uuid:1>) <http://in:8080/a/b/y>\t(<urn:uuid:2>)"},
	{&tls, "If: (<https://app.test/lock/1>)", NULL},
	{&tls, "If: <https://app.test/x", NULL},
	{&tls, "If: <https://evil.test/x> (<urn:uuid:1>)", NULL},
	{&tls, "If-Match: <https://app.test/x>", NULL},
};

static size_t head_of(char out[1024], const struct setting *s, const char *field)
{
	return (size_t)snprintf(out, 1024, "MOVE /x:y HTTP/1.1\r\nHost: h\r\n%s\r\nA: b\r\n%s\r\n",
		field, s->forwarded);
}

static void test_requests(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		const struct setting *s = requests[i].setting;
		const char *to = requests[i].to ? requests[i].to : requests[i].field;
		char in[1024], want[1024], got[1024];
		struct str head = {in, head_of(in, s, requests[i].field)};
		size_t want_n = head_of(want, s, to);
		struct rewrite rw = names(s, head);
		bool changed, again;
		size_t n = rewrite_request(&rw, true, head, NULL, &changed);
		assert_true(n < sizeof(got));
		assert_int_equal(rewrite_request(&rw, true, head, (uint8_t *)got, &again), n);
		if (n != want_n || memcmp(got, want, n) != 0)
			fail_msg("%.*s\ninstead of\n%s", (int)n, got, want);
		assert_int_equal(changed, requests[i].to != NULL);
		assert_int_equal(again, changed);
		/* Where Host is the visitor's own, nothing but WebDAV's fields. */
		bool dav = requests[i].to && (requests[i].to[0] == 'D' || requests[i].to[0] == 'I');
		rewrite_request(&rw, false, head, NULL, &changed);
		assert_int_equal(changed, dav);
	}
}

/* Several fields, each in its place. */
static void test_whole(void **state)
{
	static const struct str
		in = STR("POST /x HTTP/1.1\r\nOrigin: https://app.test\r\nReferer: "
			 "https://app.test/y\r\nHost: in:8080\r\nOrigin: https://app.test\r\n\r\n"),
		want = STR("POST /x HTTP/1.1\r\nOrigin: http://in:8080\r\nReferer: "
			   "http://in:8080/y\r\nHost: in:8080\r\nOrigin: http://in:8080\r\n\r\n");
	struct rewrite rw = names(&tls, in);
	char got[1024];
	bool changed;
	struct str out = {got, rewrite_request(&rw, true, in, (uint8_t *)got, &changed)};
	assert_true(changed && str_eq(out, want));
}

static void test_leaves(void **state)
{
	static const struct {
		const char *field;
		bool leaves;
	} rows[] = {
		{"Destination: /x", false},
		{"Destination: https://app.test/x", false},
		{"Destination: https://app.test", false},
		{"Destination: https://app.test/x?/../", false},
		{"destination: https://app.test/x#/../", false},
		{"If: <https://other.test/x> (<a:b>)", false},
		{"Destination: http://app.test/x", true},
		{"Destination: https://other.test/x", true},
		{"Destination: https://app.test:8443/x", true},
		{"Destination: //other.test/x", true},
		{"Destination: //app.test/x", false},
		{"Destination: /\\other.test/x", true},
		{"Destination: x", true},
		{"Destination:", true},
		{"Destination: https://user@app.test/x", true},
		{"Destination: https://app.test/../x", true},
		{"Destination: https://app.test/%2e%2E/x", true},
		{"Destination: /x/..", true},
		{"Destination: /x\r\nDestination: https://other.test/", true},
		/* Python's URLs and others' lose their tabs before dots are looked for. */
		{"Destination: https://app.test/x/.\t./y", true},
		{"Destination: /\t/other.test/x", true},
		{"Destination: /x\t", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char in[1024];
		uint8_t room[1024];
		struct str head = {in, head_of(in, &deep, rows[i].field)};
		struct rewrite rw = names(&deep, head);
		if (rewrite_leaves(&rw, head, room) != rows[i].leaves)
			fail_msg("%s", rows[i].field);
	}
}

/* A field of an answer; `to` is NULL where it stays. */
static const struct {
	const struct setting *setting;
	const char *name, *value, *to;
} answers[] = {
	{&plain, "Location", "http://in:8080/x", "http://app.test/x"},
	{&tls, "location", "HTTP://IN:8080", "https://app.test"},
	{&tls, "Location", "http://in:8080?q", "https://app.test?q"},
	/* X-Forwarded-Proto was believed, and the Host's port. */
	{&tls, "Location", "https://in:8080/x", "https://app.test/x"},
	{&tls, "Location", "//in:8080/x", "https://app.test/x"},
	{&tls, "Location", "http://in/x", NULL},
	{&tls, "Location", "http://in:8080@evil.test/x", NULL},
	{&tls, "Location", "http://in:8080\\@evil.test/x", NULL},
	{&tls, "Location", "http://evil.test/?http://in:8080/", NULL},
	{&tls, "Location", "https://app.test/x", NULL},
	{&tls, "Location", "/x", NULL},
	{&tls, "Location", "x", NULL},
	{&tls, "Location", "?x", NULL},
	{&tls, "Location", "", NULL},
	{&tls, "Location", "http://", NULL},
	{&tls, "Location", "mailto:a@in", NULL},
	{&tls, "X-Location", "http://in:8080/x", NULL},
	/* The same scheme on both sides: the other one's port is another place. */
	{&plain, "Location", "https://in:8080/x", NULL},
	{&both, "Location", "http://in/x", NULL},
	{&both, "Location", "https://in:443/x", "https://app.test/x"},
	{&port, "Location", "https://in/x", "https://app.test:9443/x"},
	{&bare, "Location", "http://10.0.0.7:80/x", "http://192.0.2.1:90/x"},
	{&v6, "Location", "http://[::1]:8080/x", "http://[2001:db8::1]:90/x"},
	{&proxied, "Location", "http://in:8080/x", "https://pub.test:8443/x"},
	{&ported, "Location", "http://in:8080/x", "https://pub.test:8443/x"},
	{&balanced, "Location", "http://in:8080/x", "https://pub.test/x"},
	{&deep, "Location", "http://in:8080/a/b/x", "https://app.test/x"},
	{&deep, "Location", "http://in:8080/a/b", "https://app.test/"},
	{&deep, "Location", "http://in:8080/a/b?q", "https://app.test/?q"},
	{&deep, "Location", "http://in:8080/a/bc", "https://app.test/a/bc"},
	{&deep, "Location", "http://in:8080/login", "https://app.test/login"},
	{&deep, "Location", "http://in:8080/a/b//evil.test", "https://app.test//evil.test"},
	{&deep, "Location", "/a/b/x", "/x"},
	{&deep, "Location", "/a/b#f", "/#f"},
	{&deep, "Location", "/a/bc", NULL},
	/* Without its path this would be another host. */
	{&deep, "Location", "/a/b//evil.test/x", NULL},
	{&deep, "Location", "/a/b/\\evil.test/x", NULL},
	{&deep, "Location", "/a/b/\t/evil.test/x", NULL},
	{&deep, "Location", "/a/b/\t\t\\evil.test/x", NULL},
	{&deep, "Location", "/a/b/\tx", "/\tx"},
	{&deep, "Location", "//evil.test/a/b/x", NULL},
	{&tls, "Content-Location", "http://in:8080/x.en", "https://app.test/x.en"},
	{&deep, "Content-Location", "/a/b/x.en", "/x.en"},

	{&tls, "Refresh", "5; url=http://in:8080/x", "5; url=https://app.test/x"},
	{&tls, "Refresh", "0;URL = 'http://in:8080/x' ", "0;URL = 'https://app.test/x' "},
	{&tls, "Refresh", "0, \"http://in:8080/x\"", "0, \"https://app.test/x\""},
	{&tls, "Refresh", "0; http://in:8080/x", "0; https://app.test/x"},
	{&deep, "Refresh", "0; url=/a/b/x", "0; url=/x"},
	{&tls, "Refresh", "5", NULL},
	{&tls, "Refresh", "5;", NULL},
	{&tls, "Refresh", "5; url", NULL},
	{&tls, "Refresh", "5; url=", NULL},
	{&tls, "Refresh", "5; url=\"", NULL},
	{&tls, "Refresh", "5; url=http://other.test/", NULL},

	{&tls, "Link", "<http://in:8080/?page=2>; rel=\"next\", </x>; rel=prev, <http://o.test/>",
		"<https://app.test/?page=2>; rel=\"next\", </x>; rel=prev, <http://o.test/>"},
	{&tls, "Link", "<http://in:8080/a>; title=\"\\\"<http://in:8080/>\"",
		"<https://app.test/a>; title=\"\\\"<http://in:8080/>\""},
	{&tls, "Link", "<http://in:8080/", NULL},

	{&tls, "Access-Control-Allow-Origin", "http://in:8080", "https://app.test"},
	{&tls, "Access-Control-Allow-Origin", "*", NULL},
	{&tls, "Access-Control-Allow-Origin", "null", NULL},
	{&tls, "Access-Control-Allow-Origin", "https://other.test", NULL},

	{&tls, "Set-Cookie", "a=b; Domain=in", "a=b; Domain=app.test"},
	{&tls, "Set-Cookie", "a=b;domain = .IN ;Path=/;Secure",
		"a=b;domain = app.test;Path=/;Secure"},
	{&tls, "Set-Cookie", "Domain=in; Path=/", NULL},
	{&tls, "Set-Cookie", "a=\"; Domain=in\"", NULL},
	{&tls, "Set-Cookie", "a=b; Domain=other.test", NULL},
	{&tls, "Set-Cookie", "a=b; Domain=app.test", NULL},
	{&tls, "Set-Cookie", "a=b; Domain=\"in\"", NULL},
	{&tls, "Set-Cookie", "a=b; Domain=in:8080", NULL},
	{&tls, "Set-Cookie", "a=b; Domain=", NULL},
	{&tls, "Set-Cookie", "a=b; Domain", NULL},
	{&tls, "Set-Cookie", "a=b;", NULL},
	{&tls, "Set-Cookie", ";;=;", NULL},
	{&tls, "Set-Cookie", "a=b; Expires=Sat, 28 Nov 2026 18:00:00 GMT; Domain=x; Domain=in",
		"a=b; Expires=Sat, 28 Nov 2026 18:00:00 GMT; Domain=x; Domain=app.test"},
	/* What is for an address is for that alone, and needs no Domain. */
	{&bare, "Set-Cookie", "a=b; Domain=10.0.0.7; Path=/", "a=b; Path=/"},
	{&bare, "Set-Cookie", "a=b; Domain=0.0.7", NULL},
	{&v6, "Set-Cookie", "a=b; Domain=[::1]", "a=b"},
	{&deep, "Set-Cookie", "a=b; Path=/a/b; Domain=in", "a=b; Path=/; Domain=app.test"},
	{&deep, "Set-Cookie", "a=b; path=/a/b/c", "a=b; path=/c"},
	{&deep, "Set-Cookie", "a=b; Path=/", NULL},
	{&deep, "Set-Cookie", "a=b; Path=/a/bc", NULL},
};

static void test_answers(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		const struct setting *s = answers[i].setting;
		char in[1024], got[1024];
		struct str head = {in, head_of(in, s, "X: y")};
		struct rewrite rw = names(s, head);
		struct str name = str_from(answers[i].name), value = str_from(answers[i].value),
			   want = str_from(answers[i].to ? answers[i].to : answers[i].value);
		size_t n = rewrite_answer(&rw, name, value, NULL);
		assert_int_equal(rewrite_answer(&rw, name, value, (uint8_t *)got), n);
		if (!str_eq((struct str){got, n}, want))
			fail_msg("%s: %s\n%.*s\ninstead of\n%s", answers[i].name, answers[i].value,
				(int)n, got, want.p);
	}
}

/* An upstream's name above its own is not given to all that is below the visitor's. */
static void test_domain_above(void **state)
{
	static const struct setting s = {"a.b.app.test", true, "", "https", "x.in.test", ""};
	static const struct {
		const char *domain, *to;
	} rows[] = {{"in.test", "a.b.app.test"}, {".in.test", "a.b.app.test"}, {"n.test", "n.test"},
		{"y.x.in.test", "y.x.in.test"}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char value[64], want[64], got[1024];
		struct rewrite rw = names(&s, STR("GET / HTTP/1.1\r\n\r\n"));
		snprintf(value, sizeof(value), "a=b; Domain=%s", rows[i].domain);
		snprintf(want, sizeof(want), "a=b; Domain=%s", rows[i].to);
		size_t n = rewrite_answer(&rw, STR("Set-Cookie"), str_from(value), (uint8_t *)got);
		assert_true(str_eq((struct str){got, n}, str_from(want)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_domain_above),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
