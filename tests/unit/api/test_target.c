/* SPDX-License-Identifier: MIT */
/* Targets of requests: what they are split into, what is refused, and which patterns they match. */
#include "api/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

/* Segments and parameters, between bars. */
static const char *describe(const struct api_target *t, char text[400])
{
	char *p = text + sprintf(text, "|");
	for (unsigned i = 0; i < t->n_segments; i++)
		p += sprintf(p, "%s|", t->segments[i]);
	for (unsigned i = 0; i < t->n_query; i++)
		p += sprintf(p, "%s=%s|", t->query[i].name, t->query[i].value);
	return text;
}

static void test_parse(void **state)
{
	static const struct {
		const char *target, *parts; /* NULL: refused */
	} cases[] = {
		{"/", "||"},
		{"/status", "|status|"},
		{"/a/b/", "|a|b||"},
		{"/a%2Fb/c", "|a/b|c|"},
		{"/%c3%a4+", "|ä+|"},
		{"/a?", "|a|"},
		{"/a?limit=10&after=x%20y+z", "|a|limit=10|after=x y z|"},
		{"/a?flag&&b=1=2", "|a|flag=|b=1=2|"},
		{"/a?x=?&y=/", "|a|x=?|y=/|"},
		{"", NULL},
		{"a", NULL},
		{"*", NULL},
		{"http://x/a", NULL},
		{"/%", NULL},
		{"/%4", NULL},
		{"/%zz", NULL},
		{"/%00", NULL},
		{"/a?b=%00", NULL},
		{"/a?%0", NULL},
		{"/a?b=1&b=2", NULL},
		{"/a?b=1&%62=2", NULL},
		{"/1/2/3/4/5/6/7/8", "|1|2|3|4|5|6|7|8|"},
		{"/1/2/3/4/5/6/7/8/9", NULL},
		{"/?1&2&3&4&5&6&7&8", "||1=|2=|3=|4=|5=|6=|7=|8=|"},
		{"/?1&2&3&4&5&6&7&8&9", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct api_target t;
		struct error err = {0};
		char text[400];
		int r = api_target_parse(&t, cases[i].target, &err);
		if (r == 0 ? !cases[i].parts || strcmp(describe(&t, text), cases[i].parts) != 0
			   : cases[i].parts || !*err.text)
			fail_msg("%s: %d %s", cases[i].target, r, r ? err.text : text);
		api_target_deinit(&t);
	}
}

static void test_length(void **state)
{
	char text[API_TARGET_MAX + 2];
	struct api_target t;
	struct error err;
	memset(text, 'a', sizeof(text));
	text[0] = '/';
	text[API_TARGET_MAX] = 0;
	assert_int_equal(api_target_parse(&t, text, &err), 0);
	api_target_deinit(&t);
	text[API_TARGET_MAX] = 'a';
	text[API_TARGET_MAX + 1] = 0;
	assert_true(api_target_parse(&t, text, &err) < 0);
	api_target_deinit(&t);
}

static void test_matches(void **state)
{
	static const struct {
		const char *target, *pattern;
		bool matches;
		const char *parameters[2];
	} cases[] = {
		{"/status", "/status", true, {NULL}},
		{"/status/", "/status", false, {NULL}},
		{"/statu", "/status", false, {NULL}},
		{"/status/x", "/status", false, {NULL}},
		{"/", "/status", false, {NULL}},
		{"/status", "/status/x", false, {NULL}},
		{"/i/web", "/i/{name}", true, {"web"}},
		{"/i/we%62?x=1", "/i/{name}", true, {"web"}},
		{"/i/", "/i/{name}", false, {NULL}},
		{"/i/a%2Fb/t/c", "/i/{name}/t/{key}", true, {"a/b", "c"}},
		{"/i/a/t", "/i/{name}/t/{key}", false, {NULL}},
		{"/i/a/u/c", "/i/{name}/t/{key}", false, {NULL}},
		{"/i/{name}", "/i/x", false, {NULL}},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct api_target t;
		struct error err;
		assert_int_equal(api_target_parse(&t, cases[i].target, &err), 0);
		if (api_target_matches(&t, cases[i].pattern) != cases[i].matches)
			fail_msg("%s %s", cases[i].target, cases[i].pattern);
		for (unsigned n = 0; n < 2 && cases[i].parameters[n]; n++)
			assert_string_equal(api_target_parameter(&t, cases[i].pattern, n),
				cases[i].parameters[n]);
		api_target_deinit(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_matches),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
