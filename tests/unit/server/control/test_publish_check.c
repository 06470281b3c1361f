/* SPDX-License-Identifier: MIT */
/* What a client may ask for, before anybody looks at who else has it. */
#include "server/control/publish_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "server/control/port.h"

#define INVALID     CONTROL_REASON_INVALID
#define UNSUPPORTED CONTROL_REASON_UNSUPPORTED

static struct control publish(enum control_kind kind, enum control_tls tls, const char *host,
	bool port_given, uint32_t port)
{
	struct control m = {.type = CONTROL_PUBLISH};
	m.publish.kind = kind;
	m.publish.tls = tls;
	m.publish.host = host;
	m.publish.port_given = port_given;
	m.publish.port = port;
	return m;
}

static void test_check(void **state)
{
	const struct {
		enum control_kind kind;
		enum control_tls tls;
		const char *host;
		bool port_given;
		const char *path, *rewrite;
		int want;
		const char *place;
	} rows[] = {
		{CONTROL_HTTP, CONTROL_TLS_NONE, "", false, NULL, NULL, PUBLISH_FINE, ""},
		{CONTROL_HTTP, CONTROL_TLS_NONE, "A.Example", false, "/app", "in.side:80",
			PUBLISH_FINE, "a.example"},
		{CONTROL_HTTP, CONTROL_TLS_NONE, "*.example", false, "", NULL, PUBLISH_FINE,
			"*.example"},
		{CONTROL_HTTP, CONTROL_TLS_NONE, "", true, NULL, NULL, INVALID, ""},
		{CONTROL_HTTP, CONTROL_TLS_TERMINATE, "a.example", false, NULL, NULL, INVALID, ""},
		{CONTROL_HTTP, CONTROL_TLS_NONE, "", false, "app", NULL, INVALID, ""},
		{CONTROL_HTTP, CONTROL_TLS_NONE, "", false, "/a b", NULL, INVALID, ""},
		{CONTROL_HTTP, CONTROL_TLS_NONE, "", false, "/a\r\nX: y", NULL, INVALID, ""},
		{CONTROL_HTTP, CONTROL_TLS_NONE, "", false, "/a?b", NULL, INVALID, ""},
		{CONTROL_HTTP, CONTROL_TLS_NONE, "", false, "/a\x7f", NULL, INVALID, ""},
		{CONTROL_HTTP, CONTROL_TLS_NONE, "", false, "/a~", NULL, PUBLISH_FINE, ""},
		{CONTROL_HTTP, CONTROL_TLS_NONE, "", false, "/a/..", NULL, INVALID, ""},
		{CONTROL_HTTP, CONTROL_TLS_NONE, "", false, "/a/%2E%2e/b", NULL, INVALID, ""},
		{CONTROL_HTTP, CONTROL_TLS_NONE, "", false, NULL, "a\r\nX: y", INVALID, ""},
		{CONTROL_HTTP, CONTROL_TLS_NONE, "a..example", false, NULL, NULL, INVALID, ""},
		{CONTROL_TCP, CONTROL_TLS_NONE, "", true, NULL, NULL, PUBLISH_FINE, ""},
		{CONTROL_TCP, CONTROL_TLS_TERMINATE, "", true, NULL, NULL, PUBLISH_FINE, ""},
		{CONTROL_TCP, CONTROL_TLS_TERMINATE, "a.example", false, NULL, NULL, PUBLISH_FINE,
			"a.example"},
		{CONTROL_TCP, CONTROL_TLS_PASS, "a.example", false, NULL, NULL, PUBLISH_FINE,
			"a.example"},
		{CONTROL_TCP, CONTROL_TLS_PASS, "", true, NULL, NULL, INVALID, ""},
		{CONTROL_TCP, CONTROL_TLS_PASS, "", false, NULL, NULL, INVALID, ""},
		{CONTROL_TCP, CONTROL_TLS_NONE, "a.example", false, NULL, NULL, INVALID, ""},
		{CONTROL_TCP, CONTROL_TLS_NONE, "a.example", true, NULL, NULL, INVALID, ""},
		{CONTROL_TCP, CONTROL_TLS_UNKNOWN, "", true, NULL, NULL, UNSUPPORTED, ""},
		{CONTROL_UDP, CONTROL_TLS_NONE, "", true, NULL, NULL, PUBLISH_FINE, ""},
		{CONTROL_UDP, CONTROL_TLS_NONE, "a.example", false, NULL, NULL, INVALID, ""},
		{CONTROL_UDP, CONTROL_TLS_TERMINATE, "", true, NULL, NULL, INVALID, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct control m =
			publish(rows[i].kind, rows[i].tls, rows[i].host, rows[i].port_given, 4000);
		char place[SERVICE_PLACE_SIZE] = "?";
		struct error err = {.text = ""};
		m.publish.path = rows[i].path;
		m.publish.rewrite = rows[i].rewrite;
		int r = publish_check(&m, place, &err);
		if (r != rows[i].want || (r != PUBLISH_FINE && !*err.text))
			fail_msg("row %zu: %d, \"%s\"", i, r, err.text);
		if (r == PUBLISH_FINE)
			assert_string_equal(place, rows[i].place);
	}
}

/* A group is found by its very name, and stands where no Host leads. */
static void test_groups(void **state)
{
	static const struct {
		const char *group, *origin;
		int want;
		const char *place;
	} rows[] = {
		{"web", NULL, PUBLISH_FINE, "group:web"},
		{"Web.Example", "blue", PUBLISH_FINE, "group:web.example"},
		{"*.example", NULL, INVALID, ""},
		{"*", NULL, INVALID, ""},
		{"web:80", NULL, INVALID, ""},
		{"web", "a b", INVALID, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct control m = publish(CONTROL_HTTP, CONTROL_TLS_NONE, "", false, 0);
		char place[SERVICE_PLACE_SIZE] = "?", asked[PUBLISH_ASKED_SIZE];
		struct error err = {.text = ""};
		m.publish.group = rows[i].group;
		m.publish.origin = rows[i].origin;
		int r = publish_check(&m, place, &err);
		if (r != rows[i].want || (r != PUBLISH_FINE && !*err.text))
			fail_msg("row %zu: %d, \"%s\"", i, r, err.text);
		if (r == PUBLISH_FINE)
			assert_string_equal(place, rows[i].place);
		assert_memory_equal(publish_asked(&m, asked), "group ", 6);
	}
}

/* Protocols are agreed by who ends TLS. */
static void test_alpn(void **state)
{
	static const struct {
		enum control_kind kind;
		enum control_tls tls;
		const char *host;
		const char *alpn;
		int want;
	} rows[] = {
		{CONTROL_TCP, CONTROL_TLS_TERMINATE, "", "h2", PUBLISH_FINE},
		{CONTROL_TCP, CONTROL_TLS_TERMINATE, "a", "h2,http/1.1", PUBLISH_FINE},
		{CONTROL_TCP, CONTROL_TLS_TERMINATE, "", "h2,,x", INVALID},
		{CONTROL_TCP, CONTROL_TLS_TERMINATE, "", "h2,h2", INVALID},
		{CONTROL_TCP, CONTROL_TLS_NONE, "", "h2", INVALID},
		{CONTROL_TCP, CONTROL_TLS_PASS, "a", "h2", INVALID},
		{CONTROL_HTTP, CONTROL_TLS_NONE, "a", "h2", INVALID},
		{CONTROL_UDP, CONTROL_TLS_NONE, "", "h2", INVALID},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = {.text = ""};
		char place[SERVICE_PLACE_SIZE];
		bool port = !*rows[i].host;
		struct control m = publish(rows[i].kind, rows[i].tls, rows[i].host, port, 4000);
		m.publish.alpn = rows[i].alpn;
		int r = publish_check(&m, place, &err);
		if (r != rows[i].want || (r != PUBLISH_FINE && !*err.text))
			fail_msg("row %zu: %d, \"%s\"", i, r, err.text);
	}
}

static void test_ranges(void **state)
{
	static const struct {
		enum control_kind kind;
		bool port_given;
		uint32_t service, port, ports;
		int want;
		const char *asked;
	} rows[] = {
		{CONTROL_TCP, true, 1, 7000, 3000, PUBLISH_FINE, "ports 7000-9999"},
		{CONTROL_UDP, true, 1, 1, 65535, PUBLISH_FINE, "UDP ports 1-65535"},
		{CONTROL_TCP, true, 1, 7000, 1, PUBLISH_FINE, "port 7000"},
		{CONTROL_TCP, true, 1, 65535, 2, INVALID, "ports 65535-65536"},
		{CONTROL_TCP, true, 1, 0, 2, INVALID, "ports 0-1"},
		{CONTROL_HTTP, false, 1, 0, 2, INVALID, "everything"},
		{CONTROL_TCP, true, UINT32_MAX, 7000, 2, INVALID, "ports 7000-7001"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct control m = publish(rows[i].kind, CONTROL_TLS_NONE, "", rows[i].port_given,
			rows[i].port);
		char place[SERVICE_PLACE_SIZE], asked[PUBLISH_ASKED_SIZE];
		struct error err = {.text = ""};
		m.publish.service = rows[i].service;
		m.publish.ports = rows[i].ports;
		assert_int_equal(publish_check(&m, place, &err), rows[i].want);
		assert_string_equal(publish_asked(&m, asked), rows[i].asked);
	}
}

/* Said again over a new link it is the same, and anything else is not. */
static void test_repeats(void **state)
{
	char path[] = "/app", host[] = "in.side", none[] = "";
	struct service http = {.kind = CONTROL_HTTP,
		.n_numbers = 1,
		.place = "a.example",
		.enabled = true,
		.path = path};
	struct service tcp = {.kind = CONTROL_TCP,
		.has_port = true,
		.place = "tcp:4000",
		.enabled = true,
		.first_port = 4000,
		.n_numbers = 1,
		.path = none};
	struct control m = publish(CONTROL_HTTP, CONTROL_TLS_NONE, "a.example", false, 0);
	assert_false(publish_repeats(&http, &m, "a.example"));
	m.publish.path = "/app";
	assert_true(publish_repeats(&http, &m, "a.example"));
	assert_false(publish_repeats(&http, &m, "b.example"));
	m.publish.rewrite = host;
	assert_false(publish_repeats(&http, &m, "a.example"));
	http.rewrite = host;
	assert_true(publish_repeats(&http, &m, "a.example"));
	m.publish.per_visitor = true;
	assert_false(publish_repeats(&http, &m, "a.example"));
	m.publish.per_visitor = false;
	m.publish.half_closed = true;
	assert_false(publish_repeats(&http, &m, "a.example"));
	m.publish.half_closed = false;
	m.publish.scheme = CONTROL_SCHEME_HTTP;
	assert_false(publish_repeats(&http, &m, "a.example"));
	http.scheme = CONTROL_SCHEME_HTTP;
	m.publish.host_only = true;
	assert_false(publish_repeats(&http, &m, "a.example"));
	http.host_only = true;
	assert_true(publish_repeats(&http, &m, "a.example"));

	m = publish(CONTROL_TCP, CONTROL_TLS_NONE, "", true, 0);
	assert_true(publish_repeats(&tcp, &m, "")); /* any port will do */
	m.publish.port = 4000;
	assert_true(publish_repeats(&tcp, &m, ""));
	m.publish.ports = 1;
	assert_true(publish_repeats(&tcp, &m, ""));
	m.publish.ports = 2;
	assert_false(publish_repeats(&tcp, &m, ""));
	m.publish.ports = 0;
	m.publish.service = 1;
	assert_false(publish_repeats(&tcp, &m, "")); /* another number is another service */
	m.publish.service = 0;
	m.publish.port = 4001;
	assert_false(publish_repeats(&tcp, &m, ""));
	m = publish(CONTROL_UDP, CONTROL_TLS_NONE, "", true, 4000);
	assert_false(publish_repeats(&tcp, &m, ""));
	m = publish(CONTROL_TCP, CONTROL_TLS_TERMINATE, "", true, 4000);
	assert_false(publish_repeats(&tcp, &m, ""));
	char alpn[] = "h2";
	tcp.tls = CONTROL_TLS_TERMINATE;
	assert_true(publish_repeats(&tcp, &m, ""));
	tcp.alpn = alpn;
	assert_false(publish_repeats(&tcp, &m, ""));
	m.publish.alpn = "h2,http/1.1";
	assert_false(publish_repeats(&tcp, &m, ""));
	m.publish.alpn = "h2";
	assert_true(publish_repeats(&tcp, &m, ""));
}

/*
 * A server of an older version skips the members it does not know, and judges the rest: what a client may
 * send of a private service is then refused, never published.
 */
static void without_its_private_members(void **state)
{
	static const enum control_kind kinds[] = {CONTROL_KIND_UNKNOWN, CONTROL_TCP, CONTROL_UDP,
		CONTROL_HTTP};
	unsigned sent = 0;
	for (unsigned i = 0; i < ARRAY_LEN(kinds) * 16; i++) {
		struct control m =
			publish(kinds[i % 4], (enum control_tls)(i / 4 % 4), "", false, 0);
		char place[SERVICE_PLACE_SIZE], json[CONTROL_MAX];
		struct error err;
		size_t n;
		m.publish.host = i / 16 % 2 ? "a.example" : "";
		m.publish.port_given = i / 32 % 2;
		m.publish.port = 4000;
		m.publish.upstream = "tcp://127.0.0.1:6379";
		m.publish.per_visitor = true;
		m.publish.private_name = "redis";
		m.publish.visibility = "*";
		if (control_encode(&m, json, sizeof json, &err, &n) != 0)
			continue;
		m.publish.private_name = m.publish.visibility = NULL;
		assert_int_not_equal(publish_check(&m, place, &err), PUBLISH_FINE);
		sent++;
	}
	assert_int_equal(sent, 3); /* unknown, tcp, udp */
}

static void test_protocol(void **state)
{
	char place[SERVICE_PLACE_SIZE];
	struct error err;
	struct control m = publish(CONTROL_HTTP, CONTROL_TLS_NONE, "a.example", false, 0);
	m.publish.protocol = CONTROL_PROTOCOL_H2;
	assert_int_equal(publish_check(&m, place, &err), PUBLISH_FINE);
	m.publish.protocol = CONTROL_PROTOCOL_UNKNOWN;
	assert_int_equal(publish_check(&m, place, &err), UNSUPPORTED);
	m = publish(CONTROL_TCP, CONTROL_TLS_NONE, "", true, 0);
	m.publish.protocol = CONTROL_PROTOCOL_H2;
	assert_int_equal(publish_check(&m, place, &err), INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_alpn),
		cmocka_unit_test(test_protocol),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(without_its_private_members),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
