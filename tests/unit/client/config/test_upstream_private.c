/* SPDX-License-Identifier: MIT */
/* Private services: what may be said of them, and what contradicts it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/config/upstreams.h"
#include "upstreams_check.h"

/* Options are owned by what was parsed, and so not const. */
#define TEXT(literal) ((char *)(literal))
#define NAMES(...)                                                             \
	{                                                                      \
		(char **)(const char *[]){__VA_ARGS__},                        \
			sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *) \
	}

static struct option_ranges no_ports;
static struct option_range port[] = {{2222, 2222}};

static void test_said(void **state)
{
	struct service_options redis = {.private_name = TEXT("redis")};
	struct service_options upper = {.private_name = TEXT("MyPLS")};
	struct service_options full = {.private_name = TEXT("a"),
		.visibility = NAMES("web", "Batch"),
		.auto_approve = NAMES("batch"),
		.fqdns = NAMES("a.example.org"),
		.source_addresses = NAMES("127.0.0.1", "::1"),
		.on_pending = TEXT("/bin/true"),
		.proxy_protocol = UPSTREAM_PROXY_V2,
		.max_connections = 3};
	struct service_options any = {.private_name = TEXT("a"),
		.visibility = NAMES("*"),
		.auto_approve = NAMES("web")};
	struct service_options kept = {.private_name = TEXT("a"), .auto_approve = NAMES("web")};
	struct service_options sealed = {.private_name = TEXT("dns"), .end_to_end = true};
	struct service_options form = {.private_name = TEXT("ssh"), .form = UPSTREAM_FORM_TCP};
	const struct {
		const char *value;
		struct service_options *o;
		const char *expected;
	} rows[] = {
		{"tcp://x:6379", &redis, "tcp private service redis>x:6379; "},
		{"udp://x:53", &redis, "udp private service redis>x:53; "},
		{"udp://x:53", &sealed, "udp private service dns>x:53; "},
		{"unix:/run/x", &redis, "tcp private service redis>/run/x; "},
		/* As bytes. */
		{"http://x:8080", &redis, "tcp private service redis>x:8080; "},
		{"http://x/", &redis, "tcp private service redis>x:80; "},
		{"http://x", &redis, "tcp private service redis>x:80; "},
		{"https://x", &redis, "tcp private service redis>x:443; "},
		{"https://[::1]", &redis, "tcp private service redis>::1:443; "},
		{"https://x:8443", &redis, "tcp private service redis>x:8443; "},
		{"3000", &redis, "tcp private service redis>127.0.0.1:3000; "},
		{"22", &form, "tcp private service ssh>127.0.0.1:22; "},
		{"tcp://x:1", &upper, "tcp private service mypls>x:1; "},
		{"tcp://x:1", &full, "tcp private service a>x:1; "},
		{"tcp://x:1", &any, "tcp private service a>x:1; "},
		{"tcp://x:1", &kept, "tcp private service a>x:1; "},
		{"tcp://x", &redis, "!must name one port"},
		{"udp://x", &redis, "!must name one port"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *const values[] = {rows[i].value, NULL};
		upstreams_check(values, *rows[i].o, no_ports, rows[i].expected);
	}
}

static void test_contradictions(void **state)
{
#define PRIVATE .private_name = TEXT("a")
	const struct {
		const char *value;
		struct service_options o;
		const char *expected;
	} rows[] = {
		{"http://x", {.visibility = NAMES("*")}, "!--visibility is for a private service"},
		{"http://x", {.auto_approve = NAMES("a")}, "!--auto-approve is for a private"},
		{"http://x", {.fqdns = NAMES("a")}, "!--fqdns is for a private"},
		{"http://x", {.source_addresses = NAMES("::1")}, "!--source-addresses is for a"},
		{"http://x", {.on_pending = TEXT("a")}, "!--on-pending is for a private"},
		{"a=http://x", {PRIVATE}, "!has no public name or port: leave out what stands"},
		{"22=tcp://x:1", {PRIVATE}, "!has no public name or port"},
		{"*=http://x", {PRIVATE}, "!has no public name or port"},
		{"tcp://x:1", {PRIVATE, .port = {port, 1}}, "!leave --port out"},
		{"tcp://x:1,tcp://y:1", {PRIVATE}, "!--private is for one upstream"},
		{"tcp://x:1-3", {PRIVATE}, "!has one port, and tcp://x:1-3 has several"},
		{"tls+tcp://x:1", {PRIVATE}, "!TLS of the public side"},
		{"sni+tcp://x:1", {PRIVATE}, "!TLS of the public side"},
		{"file:///srv", {PRIVATE}, "!is a folder"},
		{"http://x/api", {PRIVATE}, "!leave the path out of http://x/api"},
		{"http://x", {PRIVATE, .host = TEXT("b")}, "!leave --upstream-host out"},
		{"https://x", {PRIVATE, .insecure = true}, "!leave --upstream-insecure out"},
		{"https://x", {PRIVATE, .ca = TEXT("b")}, "!leave --upstream-ca out"},
		{"http://x", {PRIVATE, .half_closed = 1}, "!leave --half-closed-requests out"},
		{"tcp://x:1", {PRIVATE, .alpn = NAMES("h2")}, "!leave --alpn out"},
		{"tcp://x:1", {PRIVATE, .proxy_protocol = UPSTREAM_PROXY_V1}, "!write v2"},
		{"udp://x:1", {PRIVATE, .proxy_protocol = UPSTREAM_PROXY_V2}, "!not for UDP"},
		{"unix:/x", {PRIVATE, .source_addresses = NAMES("::1")}, "!is reached by TCP"},
		{"udp://x:1", {PRIVATE, .source_addresses = NAMES("::1")}, "!is reached by TCP"},
		{"tcp://x:1", {PRIVATE, .source_addresses = NAMES("x")}, "!\"x\" is no address"},
		{"tcp://x:1",
			{PRIVATE, .source_addresses = NAMES("::1", "::1", "::1", "::1", "::1",
					  "::1", "::1", "::1", "::1")},
			"!8 at most"},
		{"tcp://x:1",
			{PRIVATE, .visibility = NAMES("web"), .auto_approve = NAMES("web", "b")},
			"!--auto-approve has b, which --visibility has not"},
		{"tcp://x:1", {PRIVATE, .visibility = NAMES("*"), .auto_approve = NAMES("@all")},
			"!--auto-approve has @all, which --visibility has not"},
		{"tcp://x:1", {.private_name = TEXT("-a")}, "!--private"},
		{"tcp://x:1", {.private_name = TEXT("a.b")}, "!--private"},
		{"tcp://x:1", {.private_name = TEXT("")}, "!--private"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *const values[] = {rows[i].value, NULL};
		upstreams_check(values, rows[i].o, no_ports, rows[i].expected);
	}
}

/* Their names are a name space of their own. */
static void test_two(void **state)
{
	struct upstreams u = UPSTREAMS_NULL;
	struct error err;
	struct service_options all = {.upstream = TEXT("http://x")};
	struct service_options one = {.upstream = TEXT("http://x"), .private_name = TEXT("a")};
	struct service_options two = {.upstream = TEXT("tcp://y:1"), .private_name = TEXT("b")};
	struct service_options again = {.upstream = TEXT("tcp://z:1"), .private_name = TEXT("A")};
	assert_int_equal(upstreams_add(&u, &all, &no_ports, &err), 0);
	assert_int_equal(upstreams_add(&u, &one, &no_ports, &err), 0);
	assert_int_equal(upstreams_add(&u, &two, &no_ports, &err), 0);
	assert_int_not_equal(upstreams_add(&u, &again, &no_ports, &err), 0);
	assert_string_equal(err.text,
		"private service a has two upstreams: tcp://x:80 and tcp://z:1");
	upstreams_deinit(&u);
}

/* A reload sees each change. */
static void test_same(void **state)
{
	const struct service_options rows[] = {
		{PRIVATE},
		{.private_name = TEXT("b")},
		{PRIVATE, .visibility = NAMES("*")},
		{PRIVATE, .auto_approve = NAMES("*")},
		{PRIVATE, .fqdns = NAMES("a")},
		{PRIVATE, .on_pending = TEXT("a")},
		{PRIVATE, .source_addresses = NAMES("::1")},
		{PRIVATE, .source_addresses = NAMES("::2")},
		{PRIVATE, .source_addresses = NAMES("::1", "::2")},
	};
	struct upstream_private v[ARRAY_LEN(rows)], copy;
	struct error err;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(upstream_private_init(&v[i], &rows[i], &err), 0);
		assert_int_equal(upstream_private_copy(&copy, &v[i]), 0);
		assert_true(upstream_private_same(&copy, &v[i]));
		upstream_private_deinit(&copy);
		for (size_t k = 0; k < i; k++)
			assert_false(upstream_private_same(&v[k], &v[i]));
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		upstream_private_deinit(&v[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_said),
		cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_two),
		cmocka_unit_test(test_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
