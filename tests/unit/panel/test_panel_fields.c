/* SPDX-License-Identifier: MIT */
/* What a browser says of where a request comes from and goes to; and which file it is for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"
#include "panel/panel_fields.h"
#include "panel/panel_site.h"

static void test_host(void **state)
{
	static char name[] = "Panel.example.org", *names[] = {name};
	static const struct {
		const char *host, *at;
		bool ours;
	} rows[] = {
		{"127.0.0.1:4040", "127.0.0.1", true},
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.1:9999", "127.0.0.1", true},
		{"127.0.0.2:4040", "127.0.0.1", false},
		{"[::1]:4040", "::1", true},
		{"[0:0::1]", "::1", true},
		{"::1", "::1", false},
		{"localhost", "127.0.0.1", true},
		{"LOCALHOST:4040", "::1", true},
		{"localhost.", "127.0.0.1", true},
		{"localhost.evil.example", "127.0.0.1", false},
		{"panel.example.org", "192.0.2.1", true},
		{"PANEL.EXAMPLE.ORG:443", "192.0.2.1", true},
		{"x.panel.example.org", "192.0.2.1", false},
		{"evil.example", "127.0.0.1", false},
		{"127.0.0.1.evil.example", "127.0.0.1", false},
		{"127.0.0.1, evil.example", "127.0.0.1", false},
		{"127.0.0.1@evil.example", "127.0.0.1", false},
		{"2130706433", "127.0.0.1", false},
		{"0x7f.1", "127.0.0.1", false},
		{"", "127.0.0.1", false},
		{":", "127.0.0.1", false},
		{":4040", "127.0.0.1", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct address at;
		assert_true(address_parse_ip(str_from(rows[i].at), &at));
		if (panel_fields_host(str_from(rows[i].host), &at, names, 1) != rows[i].ours)
			fail_msg("Host: %s at %s", rows[i].host, rows[i].at);
	}
}

static void test_origin(void **state)
{
	static const struct {
		const char *origin, *host;
		bool plain, tls;
	} rows[] = {
		{"http://localhost:4040", "localhost:4040", true, false},
		{"https://localhost:4040", "localhost:4040", true, true},
		{"http://localhost:3000", "localhost:4040", false, false},
		{"http://localhost", "localhost:4040", false, false},
		{"http://evil.example", "localhost:4040", false, false},
		{"https://panel.example.org", "panel.example.org", true, true},
		{"null", "localhost:4040", false, false},
		{"", "localhost:4040", false, false},
		{"http://", "", false, false},
		{"ftp://localhost:4040", "localhost:4040", false, false},
		{"http://localhost:4040/", "localhost:4040", false, false},
		{"http://localhost:4040.evil.example", "localhost:4040", false, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str origin = str_from(rows[i].origin), host = str_from(rows[i].host);
		if (panel_fields_origin(origin, host, false) != rows[i].plain ||
			panel_fields_origin(origin, host, true) != rows[i].tls)
			fail_msg("Origin: %s", rows[i].origin);
	}
}

static void test_content_type(void **state)
{
	static const char *const json[] = {"application/json", "Application/JSON",
		"application/json; charset=utf-8", "application/json;x", " application/json "};
	static const char *const not [] = {"", "text/plain", "text/plain; application/json",
		"application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
		"application/jsonx", "application/json, text/plain"};
	for (size_t i = 0; i < ARRAY_LEN(json); i++)
		assert_true(panel_fields_json(str_from(json[i])));
	for (size_t i = 0; i < ARRAY_LEN(not ); i++)
		assert_false(panel_fields_json(str_from(not [i])));
}

static void test_cookie(void **state)
{
	static const struct {
		const char *cookies, *value;
	} rows[] = {
		{"c=v", "v"},
		{"a=b; c=v; d=e", "v"},
		{"a=b;c=v", "v"},
		{"c=", ""},
		{"c=v=w", "v=w"},
		{"xc=v", NULL},
		{"cx=v", NULL},
		{"c", NULL},
		{"", NULL},
		{";;;", NULL},
		{"a=c=v", NULL},
		{"c=first; c=second", "first"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str value = panel_fields_cookie(str_from(rows[i].cookies), "c");
		if (!rows[i].value)
			assert_null(value.p);
		else
			assert_true(value.p && str_eq(value, str_from(rows[i].value)));
	}
}

static void test_bearer(void **state)
{
	assert_true(str_eq(panel_fields_bearer(STR("Bearer abc")), STR("abc")));
	assert_true(str_eq(panel_fields_bearer(STR("bearer  abc ")), STR("abc")));
	assert_null(panel_fields_bearer(STR("Basic abc")).p);
	assert_null(panel_fields_bearer(STR("Bearer")).p);
	assert_null(panel_fields_bearer(STR_NULL).p);
}

static void test_site(void **state)
{
	const struct panel_file *page = panel_site_find("/");
	assert_non_null(page);
	assert_string_equal(page->type, "text/html; charset=utf-8");
	assert_ptr_equal(panel_site_find("/index.html"), page);
	assert_ptr_equal(panel_site_find("/?x=y"), page);
	static const char *const none[] = {"/none", "", "//", "/index.html/", "/INDEX.HTML",
		"/web/index.html", "/../index.html"};
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_null(panel_site_find(none[i]));
	for (size_t i = 0; i < panel_files_n; i++) {
		const struct panel_file *f = &panel_files[i];
		assert_true(f->plain.n > 0 && f->gzip.n > 18);
		assert_memory_equal(f->gzip.p, "\x1f\x8b", 2);
		assert_true(panel_site_has_tag(str_from(f->etag), f->etag));
	}
}

static void test_conditions(void **state)
{
	assert_true(panel_site_has_tag(STR("*"), "W/\"a\""));
	assert_true(panel_site_has_tag(STR("\"b\" , \"a\""), "W/\"a\""));
	assert_false(panel_site_has_tag(STR("\"b\", \"ab\""), "W/\"a\""));
	assert_false(panel_site_has_tag(STR_NULL, "W/\"a\""));
	assert_true(panel_site_takes_gzip(STR("deflate, gzip;q=1.0, *;q=0.5")));
	assert_true(panel_site_takes_gzip(STR("GZIP")));
	assert_true(panel_site_takes_gzip(STR("gzip;q=0.05")));
	assert_false(panel_site_takes_gzip(STR("gzip;q=0")));
	assert_false(panel_site_takes_gzip(STR("gzip; q=0.000")));
	assert_false(panel_site_takes_gzip(STR("br, xgzip")));
	assert_false(panel_site_takes_gzip(STR_NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_origin),
		cmocka_unit_test(test_content_type),
		cmocka_unit_test(test_cookie),
		cmocka_unit_test(test_bearer),
		cmocka_unit_test(test_site),
		cmocka_unit_test(test_conditions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
