/* SPDX-License-Identifier: MIT */
/* What --upstream and the options behind it mean, through every way people write them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/config/upstreams.h"
#include "upstreams_check.h"

/* Options are owned by what was parsed, and so not const. */
#define TEXT(literal) ((char *)(literal))

/* The third one is too many. */
static char *protocols[] = {TEXT("h2"), TEXT("http/1.1"), TEXT("h2")};
#define ALPN(count)              \
	{                        \
		protocols, count \
	}

static struct option_ranges no_ports;

static void test_hosts(void **state)
{
	static const struct {
		const char *values[4];
		const char *expected; /* or the sentence's part after '!' */
	} rows[] = {
		{{"http://127.0.0.1:3000"}, "every other host>127.0.0.1:3000; "},
		{{"127.0.0.1:3000"}, "every other host>127.0.0.1:3000; "},
		{{"127.0.0.1"}, "every other host>127.0.0.1:80; "},
		{{"*=https://127.0.0.1"}, "every other host>127.0.0.1:443; "},
		{{"a.example.com=http://127.0.0.1:8000,b.example.com=http://127.0.0.1:3000"},
			"a.example.com>127.0.0.1:8000; b.example.com>127.0.0.1:3000; "},
		{{"a.example.com=127.0.0.1:8000,b.example.com=127.0.0.1:3000"},
			"a.example.com>127.0.0.1:8000; b.example.com>127.0.0.1:3000; "},
		{{"A.Example.COM.=http://x:1"}, "a.example.com>x:1; "},
		{{"*.example.com=http://x:1"}, "*.example.com>x:1; "},
		{{"10.0.0.5=http://x:1"}, "10.0.0.5>x:1; "},
		{{"a=http://x:1", "http://y:2", "b=http://z:3"},
			"a>x:1; every other host>y:2; b>z:3; "},
		{{" a = http://x:1 , http://y:2"}, "a>x:1; every other host>y:2; "},
		/* The '=' of a query is not the one behind a host. */
		{{"http://x:1/?a=b"}, "every other host>x:1?***; "},
		{{"x:1/?a=b"}, "every other host>x:1?***; "},
		{{"h=http://x:1/?a=b&c=d"}, "h>x:1?***; "},
		/* Nor is a comma in a query the end, unless an upstream follows it. */
		{{"http://x:1/?a=1,2,3"}, "every other host>x:1?***; "},
		{{"a=http://x:1/?q=1,2,b=http://y:2"}, "a>x:1?***; b>y:2; "},
		{{"unix:/run/app.sock"}, "every other host>/run/app.sock; "},
		{{"a=unix:///run/app.sock"}, "a>/run/app.sock; "},
		{{"file:///srv/www"}, "every other host>/srv/www; "},
		{{"a=file:///srv/a%20b/,b=file:///x=y"}, "a>/srv/a b; b>/x=y; "},
		{{"8080=file:///srv"},
			"!is a folder, which is served as HTTP and found by its host, and "
			"has no port of its own: write HOST=file:///srv"},
		{{"a=sni+tcp://x:443,b=tls+tcp://y:6379"}, "tcp a+pass>x:443; tcp b+end>y:6379; "},
		{{"*.a=sni+tcp://x:443,a=http://y"}, "tcp *.a+pass>x:443; a>y:80; "},

		{{""}, "!a value is empty"},
		{{"http://x:1,"}, "!a value is empty"},
		{{"=http://x:1"}, "!has no host or port before the '='"},
		{{"a:80=http://x:1"}, "!port"},
		{{"a=http://x:1,A=http://y:2"}, "!a has two upstreams: http://x:1 and http://y:2"},
		{{"http://x:1", "http://y:2"}, "!two upstreams without a host"},
		{{"a=ftp://x"}, "!ftp"},
		/* HTTP, SNI and terminated TLS are asked for by one name on one port. */
		{{"a=sni+tcp://x:1", "a=http://y"}, "!a has two upstreams"},
		{{"a=tls+tcp://x:1", "a=sni+tcp://y:1"}, "!a has two upstreams"},
		{{"a=udp://x:53"}, "!needs a public port"},
		{{"a=tcp://x:22"}, "!TCP has no host names"},
		{{"tcp://x:22"}, "!needs a public port: 2222=tcp://x:22"},
		{{"*=tcp://x:22"}, "!needs a public port"},
		{{"sni+tcp://x:443"}, "!needs the host it is for: HOST=sni+tcp://x:443"},
		{{"*=sni+tcp://x:443"}, "!needs the host"},
		{{"443=sni+tcp://x:443"}, "!needs the host"},
		{{"tls+tcp://x:443"}, "!needs the host it is for"},
		{{"a=sni+tcp://x"}, "!must name one port"},
		{{"a=tls+tcp://x:1-3"}, "!must name one port"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		upstreams_check(rows[i].values, (struct service_options){0}, no_ports,
			rows[i].expected);
}

static void test_ports(void **state)
{
	static const struct {
		const char *values[4];
		const char *expected;
	} rows[] = {
		{{"2222=tcp://127.0.0.1:22"}, "tcp port 2222>127.0.0.1:22; "},
		{{"0=tcp://x:22,0=tcp://x:22"}, "tcp any port>x:22; tcp any port>x:22; "},
		{{"80=tcp://x"}, "tcp port 80>x:80; "},
		{{"80=tcp://[::1]"}, "tcp port 80>::1:80; "},
		{{"7000-7002=tcp://x:9000-9002"}, "tcp ports 7000-7002>x:9000-9002; "},
		{{"7000-7001=tcp://x"}, "tcp ports 7000-7001>x:7000-7001; "},
		{{"1-65535=udp://x"}, "udp UDP ports 1-65535>x:1-65535; "},
		{{"7000-7002=tcp://x", "7003-7004=tcp://x", "7002=udp://x"},
			"tcp ports 7000-7002>x:7000-7002; tcp ports 7003-7004>x:7003-7004; "
			"udp UDP port 7002>x:7002; "},
		{{"53=udp://x:53", "53=tcp://x:53"}, "udp UDP port 53>x:53; tcp port 53>x:53; "},
		{{"5432=tls+tcp://x:5432"}, "tcp port 5432+end>x:5432; "},
		{{"5432=unix:/run/pg"}, "tcp port 5432>/run/pg; "},

		{{"22=tcp://x:1", "22=tcp://y:1"}, "!port 22 has two upstreams"},
		{{"22=tcp://x:1", "22=tls+tcp://y:1"}, "!port 22 has two upstreams"},
		{{"20-30=tcp://x", "25=unix:/run/x"},
			"!port 25 has two upstreams: tcp://x:20-30 and unix:/run/x"},
		{{"20-30=tcp://x", "10-20=tcp://y"}, "!port 20 has two upstreams"},
		{{"53=udp://x:1,53=udp://y:1"}, "!UDP port 53 has two upstreams"},
		{{"80=http://x"}, "!is HTTP, which is found by its host"},
		{{"80=x"}, "!is HTTP"},
		{{"0-5=tcp://x:1-6"}, "!port 0 is for any one port"},
		{{"0=tcp://x"}, "!names no port"},
		{{"5-6=tcp://x:1-3"}, "!there are 2 public ports and 3 of the upstream"},
		{{"5-6=tcp://x:1"}, "!there are 2 public ports and 1"},
		{{"5=tcp://x:1-2"}, "!there are 1 public ports and 2"},
		{{"5-6=unix:/run/x"}, "!there are 2 public ports and 1"},
		{{"6-5=tcp://x"}, "!is no port and no range"},
		{{"70000=tcp://x"}, "!is no port and no range"},
		{{"5-=tcp://x"}, "!is no port and no range"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		upstreams_check(rows[i].values, (struct service_options){0}, no_ports,
			rows[i].expected);
}

static void test_too_many(void **state)
{
	struct upstreams u = UPSTREAMS_NULL;
	struct error err;
	char text[32];
	for (int i = 1; i <= UPSTREAMS_MAX + 1; i++) {
		snprintf(text, sizeof text, "%d=tcp://x:1", i);
		struct service_options o = {.upstream = text};
		assert_int_equal(upstreams_add(&u, &o, &no_ports, &err),
			i <= UPSTREAMS_MAX ? 0 : -EINVAL);
	}
	assert_non_null(strstr(err.text, "more than 1024 upstreams"));
	upstreams_deinit(&u);
}

/* --port behind an upstream, and --ports before all. */
static void test_port_options(void **state)
{
	static struct option_range one[] = {{2222, 2222}}, any[] = {{0, 0}},
				   two[] = {{80, 80}, {443, 444}};
	static const struct {
		const char *value;
		struct option_ranges port, ports;
		const char *expected;
	} rows[] = {
		{"tcp://x:22", {one, 1}, {0}, "tcp port 2222>x:22; "},
		{"tcp://x:22", {any, 1}, {0}, "tcp any port>x:22; "},
		{"tcp://x", {two, 2}, {0}, "tcp port 80>x:80; tcp ports 443-444>x:443-444; "},
		{"udp://x:1-3", {two, 2}, {0},
			"udp UDP port 80>x:1; udp UDP ports 443-444>x:2-3; "},
		{"unix:/run/x", {one, 1}, {0}, "tcp port 2222>/run/x; "},
		{"2222=tcp://x:22", {one, 1}, {0}, "!has its place before the '=' already"},
		{"a=tls+tcp://x:22", {one, 1}, {0}, "!has its place before the '=' already"},
		{"tcp://x:22,tcp://y:22", {one, 1}, {0}, "!--port is for one upstream"},
		{"http://x", {one, 1}, {0}, "!is HTTP"},
		{"sni+tcp://x:1", {one, 1}, {0}, "!needs the host"},

		{"10.0.0.5", {0}, {two, 2},
			"tcp port 80>10.0.0.5:80; tcp ports 443-444>10.0.0.5:443-444; "},
		/* Everything else is as without them. */
		{"10.0.0.5:80", {0}, {two, 2}, "every other host>10.0.0.5:80; "},
		{"http://x", {0}, {two, 2}, "every other host>x:80; "},
		{"a=x", {0}, {two, 2}, "a>x:80; "},
		{"unix:/run/x", {0}, {two, 2}, "every other host>/run/x; "},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *const values[] = {rows[i].value, NULL};
		upstreams_check(values, (struct service_options){.port = rows[i].port},
			rows[i].ports, rows[i].expected);
	}
}

static void test_ports_used(void **state)
{
	static struct option_range v[] = {{80, 80}};
	struct option_ranges ports = {v, 1};
	struct error err;
	static const struct {
		const char *value;
		bool used;
	} rows[] = {{"x", true}, {"http://x", false}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct upstreams u = UPSTREAMS_NULL;
		struct service_options o = {.upstream = (char *)rows[i].value};
		assert_int_equal(upstreams_add(&u, &o, &ports, &err), 0);
		assert_int_equal(u.ports_used, rows[i].used);
		upstreams_deinit(&u);
	}
}

static void test_settings(void **state)
{
	static const struct {
		struct service_options o;
		const char *rewrite, *tls_name; /* of the first */
		const char *error;
	} rows[] = {
		{{.upstream = TEXT("http://x:1")}, NULL, "x", NULL},
		{{.upstream = TEXT("http://x:1"), .host = TEXT("b:80")}, "b:80", "b", NULL},
		{{.upstream = TEXT("https://x")}, "x", "x", NULL},
		{{.upstream = TEXT("https://x.:443")}, "x", "x", NULL},
		{{.upstream = TEXT("https://x:8443")}, "x:8443", "x", NULL},
		{{.upstream = TEXT("https://[::1]:8443")}, "[::1]:8443", "::1", NULL},
		{{.upstream = TEXT("http://[::1]:8443")}, NULL, "::1", NULL},
		{{.upstream = TEXT("https://x"), .host = TEXT("b:1")}, "b:1", "b", NULL},
		{{.upstream = TEXT("https://x"), .insecure = true}, "x", "x", NULL},
		{{.upstream = TEXT("https://x"), .ca = TEXT("f")}, "x", "x", NULL},
		{{.upstream = TEXT("2=tcp://x:1"), .proxy_protocol = UPSTREAM_PROXY_V2}, NULL, "x",
			NULL},
		{{.upstream = TEXT("unix:/x"),
			 .host = TEXT("b"),
			 .proxy_protocol = UPSTREAM_PROXY_V1},
			"b", "b", NULL},
		{{.upstream = TEXT("http://x"), .half_closed = 1}, NULL, "x", NULL},
		{{.upstream = TEXT("file:///x"), .listing = true}, NULL, "", NULL},
		{{.upstream = TEXT("https://x"), .host_only = true}, "x", "x", NULL},
		{{.upstream = TEXT("http://x"), .host = TEXT("b"), .host_only = true}, "b", "b",
			NULL},

		{{.upstream = TEXT("http://x"),
			 .group = TEXT("Web"),
			 .origin = TEXT("b"),
			 .priority = 5,
			 .weight = 1000,
			 .disabled = 1},
			NULL, "x", NULL},
		{{.upstream = TEXT("1=tcp://x"), .weight = 3}, NULL, "x", NULL},
		{{.upstream = TEXT("a=http://x"), .group = TEXT("web")}, NULL, NULL,
			"--group web is the place where http://x is published"},
		{{.upstream = TEXT("1=tcp://x"), .group = TEXT("web")}, NULL, NULL,
			"--group is for HTTP"},
		{{.upstream = TEXT("http://x"), .group = TEXT("*.a")}, NULL, NULL,
			"--group: \"*.a\" "},
		{{.upstream = TEXT("http://x"), .probe = TEXT("/healthz?a=b")}, NULL, "x", NULL},
		{{.upstream = TEXT("1=tcp://x"), .probe = TEXT("connect")}, NULL, "x", NULL},
		{{.upstream = TEXT("http://x"), .probe = TEXT("/a b")}, NULL, NULL,
			"--probe takes a path"},
		{{.upstream = TEXT("1=tcp://x"), .probe = TEXT("/healthz")}, NULL, NULL,
			"--probe=connect is all that can be asked of"},
		{{.upstream = TEXT("1=udp://x"), .probe = TEXT("connect")}, NULL, NULL,
			"--probe is not for UDP"},
		{{.upstream = TEXT("tcp://x:1"),
			 .private_name = TEXT("a"),
			 .probe = TEXT("connect")},
			NULL, NULL, "--probe is for what visitors reach"},
		{{.upstream = TEXT("http://x"), .origin = TEXT("a b")}, NULL, NULL,
			"--origin takes letters"},
		{{.upstream = TEXT("tcp://x:1"), .private_name = TEXT("a"), .priority = 1}, NULL,
			NULL, "--priority is for what visitors reach"},
		{{.upstream = TEXT("http://x"), .host_only = true}, NULL, NULL,
			"--upstream-host-only is for an upstream whose Host is rewritten, by "
			"--upstream-host or because it is https://, and http://x is none"},
		{{.upstream = TEXT("1=tcp://x"), .host_only = true}, NULL, NULL,
			"--upstream-host-only is for an upstream whose Host"},

		{{.upstream = TEXT("http://x"), .listing = true}, NULL, NULL,
			"--listing is for a folder, file:///PATH, and http://x is none"},
		{{.upstream = TEXT("file:///x"), .host = TEXT("b")}, NULL, NULL,
			"--upstream-host is for an upstream that is connected to, and file:///x is "
			"a folder"},
		{{.upstream = TEXT("file:///x"), .proxy_protocol = UPSTREAM_PROXY_V2}, NULL, NULL,
			"--proxy-protocol is for an upstream that is connected to"},
		{{.upstream = TEXT("file:///x"), .tcp_idle = TEXT("5m")}, NULL, NULL,
			"--tcp-idle is for an upstream that is connected to"},
		{{.upstream = TEXT("file:///x"), .insecure = true}, NULL, NULL,
			"--upstream-insecure is for an https"},
		{{.upstream = TEXT("file:///x"), .max_connections = 5}, NULL, NULL,
			"--max-connections is for TCP"},
		{{.upstream = TEXT("http://x"), .alpn = ALPN(1)}, NULL, NULL,
			"--alpn is for a tls+tcp:// upstream, whose TLS the exit node ends, and "
			"http://x is none"},
		{{.upstream = TEXT("1=tcp://x"), .alpn = ALPN(1)}, NULL, NULL, "--alpn is for"},
		{{.upstream = TEXT("a=sni+tcp://x:1"), .alpn = ALPN(1)}, NULL, NULL,
			"--alpn is for"},
		{{.upstream = TEXT("1=tls+tcp://x"), .alpn = ALPN(3)}, NULL, NULL,
			"a name in --alpn stands there twice"},
		{{.upstream = TEXT("http://x"), .insecure = true}, NULL, NULL,
			"--upstream-insecure is for an https:// upstream, and http://x is none"},
		{{.upstream = TEXT("1=tcp://x"), .ca = TEXT("f")}, NULL, NULL,
			"--upstream-ca is for an https"},
		{{.upstream = TEXT("https://x"), .ca = TEXT("f"), .insecure = true}, NULL, NULL,
			"keep one"},
		{{.upstream = TEXT("1=tcp://x"), .host = TEXT("f")}, NULL, NULL,
			"--upstream-host is for HTTP"},
		{{.upstream = TEXT("1=udp://x"), .proxy_protocol = UPSTREAM_PROXY_V1}, NULL, NULL,
			"--proxy-protocol is not for UDP"},
		{{.upstream = TEXT("1=udp://x"), .tcp_idle = TEXT("5m")}, NULL, NULL,
			"--tcp-idle is not for UDP"},
		{{.upstream = TEXT("1=tcp://x"), .tcp_idle = TEXT("5")}, NULL, NULL,
			"--tcp-idle 5 is no time"},
		{{.upstream = TEXT("1=tcp://x"), .tcp_idle = TEXT("900ms")}, NULL, NULL,
			"--tcp-idle 900ms is no time of 1s or more"},
		{{.upstream = TEXT("http://x"), .max_connections = 5}, NULL, NULL,
			"--max-connections is for TCP: connections to an HTTP upstream"},
		{{.upstream = TEXT("1=udp://x"), .max_connections_per_visitor = 5}, NULL, NULL,
			"--max-connections-per-visitor is for TCP: UDP has flows"},
		{{.upstream = TEXT("1=tcp://x"), .half_closed = 1}, NULL, NULL,
			"--half-closed-requests is for HTTP"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct upstreams u = UPSTREAMS_NULL;
		struct error err = {""};
		char name[HOSTNAME_SIZE];
		int r = upstreams_add(&u, &rows[i].o, &no_ports, &err);
		if (rows[i].error) {
			assert_int_equal(r, -EINVAL);
			if (!strstr(err.text, rows[i].error))
				fail_msg("%s", err.text);
			continue;
		}
		if (r)
			fail_msg("%s", err.text);
		const struct upstream *v = &u.v[0];
		if (rows[i].rewrite)
			assert_string_equal(v->rewrite, rows[i].rewrite);
		else
			assert_null(v->rewrite);
		upstream_tls_name(v, name);
		assert_string_equal(name, rows[i].tls_name);
		assert_int_equal(v->proxy_protocol, rows[i].o.proxy_protocol);
		assert_int_equal(v->half_closed, rows[i].o.half_closed);
		assert_int_equal(v->insecure, rows[i].o.insecure);
		assert_int_equal(v->host_only, rows[i].o.host_only);
		assert_int_equal(v->listing, rows[i].o.listing);
		assert_int_equal(v->ca != NULL, rows[i].o.ca != NULL);
		upstreams_deinit(&u);
	}
}

/* How long a connection may be silent: what is said, else what its kind has. */
static void test_idle(void **state)
{
	static const struct {
		const char *upstream, *idle;
		uint64_t expected;
	} rows[] = {
		{"1=tcp://x", NULL, UPSTREAM_TCP_IDLE},
		{"a=sni+tcp://x:1", NULL, UPSTREAM_TCP_IDLE},
		{"1=unix:/x", NULL, UPSTREAM_TCP_IDLE},
		{"1=tcp://x", "0", 0},
		{"1=tcp://x", "0s", 0},
		{"1=tcp://x", "90s", 90 * CLOCK_S},
		{"http://x", NULL, 0},
		{"http://x", "5m", 300 * CLOCK_S},
		{"1=udp://x", NULL, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct upstreams u = UPSTREAMS_NULL;
		struct error err;
		struct service_options o = {.upstream = TEXT(rows[i].upstream),
			.tcp_idle = TEXT(rows[i].idle)};
		assert_int_equal(upstreams_add(&u, &o, &no_ports, &err), 0);
		assert_int_equal(u.v[0].limits.tcp_idle, rows[i].expected);
		upstreams_deinit(&u);
	}
}

/* Each entry has its own, in the order that was given; and another list is another service. */
static void test_alpn(void **state)
{
	struct upstreams u = UPSTREAMS_NULL;
	struct upstream copy;
	struct service_options o = {.upstream = TEXT("5-6=tls+tcp://x:7-8,a.b=tls+tcp://x:9"),
		.alpn = ALPN(2)};
	struct error err;
	assert_int_equal(upstreams_add(&u, &o, &no_ports, &err), 0);
	assert_int_equal(u.n, 2);
	for (size_t i = 0; i < u.n; i++)
		assert_string_equal(u.v[i].alpn, "h2,http/1.1");
	assert_int_equal(upstream_copy(&copy, &u.v[1]), 0);
	assert_true(upstream_same(&copy, &u.v[1]));
	copy.alpn[0] = 'H';
	assert_false(upstream_same(&copy, &u.v[1]));
	upstream_deinit(&copy);
	upstreams_deinit(&u);
}

/* The text of a range's entries is a URL of its own, which is parsed again elsewhere and logged. */
static void test_texts(void **state)
{
	static const struct option_range three[] = {{80, 80}, {90, 91}};
	static const char *const expected[] = {"tls+tcp://[::1]:7", "tls+tcp://[::1]:8-9"};
	struct upstreams u = UPSTREAMS_NULL;
	struct service_options o = {.upstream = TEXT("tls+tcp://[::1]:7-9"),
		.port = {(struct option_range *)three, 2}};
	struct error err;
	assert_int_equal(upstreams_add(&u, &o, &no_ports, &err), 0);
	assert_int_equal(u.n, 2);
	for (size_t i = 0; i < 2; i++)
		assert_string_equal(u.v[i].text, expected[i]);
	assert_int_equal(u.v[1].url.port_last, 9);
	upstreams_deinit(&u);
}

static void test_same(void **state)
{
	/* Each differs from all others. */
	static const struct service_options rows[] = {
		{.upstream = TEXT("a=http://x")},
		{.upstream = TEXT("b=http://x")},
		{.upstream = TEXT("a=https://x")},
		{.upstream = TEXT("a=https://x"), .insecure = true},
		{.upstream = TEXT("a=https://x"), .ca = TEXT("f")},
		{.upstream = TEXT("a=https://x"), .host = TEXT("h")},
		{.upstream = TEXT("a=https://x"), .host = TEXT("h"), .host_only = true},
		{.upstream = TEXT("a=http://x"), .proxy_protocol = UPSTREAM_PROXY_V1},
		{.upstream = TEXT("a=http://x"), .proxy_protocol = UPSTREAM_PROXY_V2},
		{.upstream = TEXT("a=http://x"), .half_closed = 1},
		{.upstream = TEXT("a=http://x/p")},
		{.upstream = TEXT("a=unix:/x")},
		{.upstream = TEXT("1=unix:/x")},
		{.upstream = TEXT("1=tcp://x:1")},
		{.upstream = TEXT("2=tcp://x:1")},
		{.upstream = TEXT("1=udp://x:1")},
		{.upstream = TEXT("1=tls+tcp://x:1")},
		{.upstream = TEXT("0=tcp://x:1")},
	};
	struct upstreams u[2][ARRAY_LEN(rows)] = {0};
	struct error err;
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++)
		assert_int_equal(upstreams_add(&u[i % 2][i / 2], &rows[i / 2], &no_ports, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t j = 0; j < ARRAY_LEN(rows); j++)
			assert_int_equal(upstream_same(&u[0][i].v[0], &u[1][j].v[0]), i == j);
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++)
		upstreams_deinit(&u[i % 2][i / 2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_port_options),
		cmocka_unit_test(test_ports_used),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_alpn),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
