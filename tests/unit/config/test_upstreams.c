/* SPDX-License-Identifier: MIT */
/* What --upstream means, through every way people write it. */
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

static void test_upstreams(void **state)
{
	static const struct {
		const char *values[3];
		const char
			*expected; /* "host>url host>port:url", or the sentence's part after '!' */
	} rows[] = {
		{{"http://127.0.0.1:3000"}, ">127.0.0.1:3000 "},
		{{"127.0.0.1:3000"}, ">127.0.0.1:3000 "},
		{{"*=http://127.0.0.1:3000"}, ">127.0.0.1:3000 "},
		{{"a.example.com=http://127.0.0.1:8000,b.example.com=http://127.0.0.1:3000"},
			"a.example.com>127.0.0.1:8000 b.example.com>127.0.0.1:3000 "},
		{{"a.example.com=127.0.0.1:8000,b.example.com=127.0.0.1:3000"},
			"a.example.com>127.0.0.1:8000 b.example.com>127.0.0.1:3000 "},
		{{"A.Example.COM.=http://x:1"}, "a.example.com>x:1 "},
		{{"*.example.com=http://x:1"}, "*.example.com>x:1 "},
		{{"a=http://x:1", "http://y:2", "b=http://z:3"}, "a>x:1 >y:2 b>z:3 "},
		{{" a = http://x:1 , http://y:2"}, "a>x:1 >y:2 "},
		/* The '=' of a query is not the one behind a host. */
		{{"http://x:1/?a=b"}, ">x:1?a=b "},
		{{"x:1/?a=b"}, ">x:1?a=b "},
		{{"h=http://x:1/?a=b&c=d"}, "h>x:1?a=b&c=d "},
		/* Nor is a comma in a query the end, unless an upstream follows it. */
		{{"http://x:1/?a=1,2,3"}, ">x:1?a=1,2,3 "},
		{{"a=http://x:1/?q=1,2,b=http://y:2"}, "a>x:1?q=1,2 b>y:2 "},

		{{""}, "!a value is empty"},
		{{"http://x:1,"}, "!a value is empty"},
		{{"=http://x:1"}, "!has no host"},
		{{"a:80=http://x:1"}, "!port"},
		{{"a=http://x:1,A=http://y:2"}, "!a has two upstreams"},
		{{"http://x:1", "http://y:2"}, "!two upstreams without a host"},
		{{"a=https://x"}, "!https"},
		{{"a=ftp://x"}, "!ftp"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct upstreams u = UPSTREAMS_NULL;
		struct error err = {""};
		char got[2048] = "";
		int r = 0;
		for (size_t j = 0; j < 3 && rows[i].values[j] && !r; j++)
			r = upstreams_add(&u, str_from(rows[i].values[j]), &err);
		FILE *f = fmemopen(got, sizeof got, "w");
		for (size_t j = 0; j < u.n && !r; j++) {
			const struct url *url = &u.v[j].url;
			fprintf(f, "%s>%s:%u%s%.*s ", u.v[j].host, url->host, url->port,
				url->query.n ? "?" : "", STR_ARG(url->query));
		}
		fclose(f);
		const char *expected = rows[i].expected;
		if (*expected == '!') {
			assert_int_equal(r, -EINVAL);
			if (!strstr(err.text, expected + 1))
				fail_msg("\"%s\" has no \"%s\"", err.text, expected + 1);
			assert_memory_equal(err.text, "--upstream: ", 12);
		} else if (r || strcmp(got, expected) != 0) {
			fail_msg("\"%s\": %s%s", rows[i].values[0], got, err.text);
		}
		upstreams_deinit(&u);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_upstreams)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
