/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <errno.h>
#include <time.h>

#include "base/macros.h"

static const struct pattern_case {
	const char *pattern, *text, *captures; /* with | between; NULL: no match */
} cases[] = {
	{"*", "", ""},
	{"*", "/any/thing", "/any/thing"},
	{"/a", "/a", "-"},
	{"/a", "/ab", NULL},
	{"/a", "/A", NULL},
	{"/a/*", "/a/", ""},
	{"/a/*", "/a/b/c", "b/c"},
	{"/a/*", "/a", NULL},
	{"*.css", "/x/y.css", "/x/y"},
	{"*.css", ".css", ""},
	{"*.css", "/x.cs", NULL},
	{"*.css", "css", NULL},
	{"/a/*/b", "/a/x/y/b", "x/y"},
	{"/a/*/b", "/a/b", NULL},
	{"/a/*/b", "/a//b", ""},
	{"/a*a", "/a", NULL}, /* one a is not two */
	{"/*/x/*", "/1/x/2/x/3", "1|2/x/3"},
	{"*a*b*", "xxaybz", "xx|y|z"},
	{"*a*b", "ab", "|"},
	{"*a*b", "aba", NULL},
	{"~^/v[0-9]+/(.*)$", "/v12/x", "x"},
	{"~^/v[0-9]+/(.*)$", "/vx/x", NULL},
	/* What an expression is said to begin with ends before whatever may be left out. */
	{"~^/v[0-9]+", "/w1", NULL},
	{"~^/ab?c", "/ac", "-"},
	{"~^/ab*c", "/ac", "-"},
	{"~^/ab{0,1}c", "/ac", "-"},
	{"~^/ab(?#?)?c", "/ac", "-"},
	{"~^/ab\\E?c", "/ac", "-"},
	{"~^/a|b", "/xb", "-"},
	{"~^(?i)/A", "/a", "-"},
	{"~^/abc$", "/abc", "-"},
	{"~^/abc", "/ab", NULL},
	{"~^a", "", NULL},
	{"/wp-*/login", "/wp-a/login", "a"},
	{"/wp-*/login", "/wp/login", NULL},
	{"/wp-*/login", "/", NULL},
	{"~(a)|(b)", "b", "|b"},
	{"~admin", "/x/admin/y", "-"},
	{"~(?i)ADMIN", "/x/admin/y", "-"},
	{"~^a$", "a\n", NULL}, /* $ is the end, and no line end before it */
	{"~(1)(2)(3)(4)(5)(6)(7)(8)(9)(0)", "1234567890", "1|2|3|4|5|6|7|8|9"},
};

static void test_matches(void **state)
{
	struct pattern_scratch *scratch = pattern_scratch_new();
	for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
		struct arena a = ARENA_NULL;
		struct pattern p;
		struct error err;
		struct captures c;
		char got[256] = "-";
		bool guarded = i >= ARRAY_LEN(cases);
		const struct pattern_case *one = &cases[i % ARRAY_LEN(cases)];
		assert_int_equal(pattern_compile(str_from(one->pattern), guarded, &a, &p, &err), 0);
		enum pattern_result r = pattern_match(&p, str_from(one->text), scratch, &c);
		if (r == PATTERN_YES)
			assert_true(pattern_may_match(&p, str_from(one->text)));
		if (!one->captures != (r == PATTERN_NO))
			fail_msg("%s with %s", one->pattern, one->text);
		for (size_t k = 0; r == PATTERN_YES && k < c.n; k++)
			snprintf(got + (k ? strlen(got) : 0), 100, "%s%.*s", k ? "|" : "",
				STR_ARG(c.v[k]));
		if (r == PATTERN_YES)
			assert_string_equal(got, one->captures);
		arena_deinit(&a);
	}
	pattern_scratch_free(scratch);
}

static const struct {
	const char *pattern, *sentence;
} mistakes[] = {
	{"", "an empty pattern matches nothing: leave it out"},
	{"/a/**", "** is no more than *, which stands for slashes as well: write one star"},
	{"~(", "the expression ( is none of PCRE2's: at character 2: missing closing parenthesis"},
	{"~\\C", "the expression \\C is none of PCRE2's: at character 3: using \\C is disabled by "
		 "the application"},
	{"~(*UTF)a", "the expression (*UTF)a is none of PCRE2's: at character 7: using UTF is "
		     "disabled by the application"},
};

static void test_most_are_refused_by_one_byte(void **state)
{
	static const struct {
		const char *pattern, *text;
	} refused[] = {{"/old/*", "/assets/a.css"}, {"*.php", "/assets/a.css"},
		{"/wp-*/login", "/assets/a.css"}, {"~^/v[0-9]+/private", "/assets/a.css"},
		{"~^/abc", "/ab"}};
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct arena a = ARENA_NULL;
		struct pattern p;
		struct error err;
		assert_int_equal(pattern_compile(str_from(refused[i].pattern), false, &a, &p, &err),
			0);
		assert_false(pattern_may_match(&p, str_from(refused[i].text)));
		arena_deinit(&a);
	}
}

static void test_mistakes_have_sentences(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
		struct arena a = ARENA_NULL;
		struct pattern p;
		struct error err;
		assert_int_equal(pattern_compile(str_from(mistakes[i].pattern), false, &a, &p,
					 &err),
			-EINVAL);
		assert_string_equal(err.text, mistakes[i].sentence);
		arena_deinit(&a);
	}
}

/* Exponential for who backtracks without a bound. */
static void test_an_expression_that_takes_too_long_is_undecided(void **state)
{
	struct pattern_scratch *scratch = pattern_scratch_new();
	struct arena a = ARENA_NULL;
	struct pattern p;
	struct error err;
	char text[64];
	memset(text, 'a', sizeof(text));
	assert_int_equal(pattern_compile(STR("~^(a+)+(a+)+$"), false, &a, &p, &err), 0);
	text[sizeof(text) - 1] = 'b';
	assert_int_equal(pattern_match(&p, (struct str){text, sizeof(text)}, scratch, NULL),
		PATTERN_UNDECIDED);
	arena_deinit(&a);
	pattern_scratch_free(scratch);
}

/* A text and an expression that are chosen for each other, of somebody who may choose both. */
static const struct {
	const char *pattern;
	const char *begin, *fill, *end; /* of the text: `fill` as often as there is room */
} attacks[] = {
	{"~^(a+)+(a+)+$", "", "a", "b"},
	{"~a.*b.*b.*b.*!$", "aaaaaaaa", "b", "!x"},
	{"~[ab]{2000}c", "", "ab", "c"},
	{"~(?=(a+))a*b\\1", "", "a", ""},
	{"~(a|aa)+$", "", "a", "b"},
	{"~(?s).*.*.*x", "", "ax", "y"},
	{"~((((((a?){9}){9}){9}){9}))x", "", "a", ""},
	{"~(\\1a|b)+c", "", "ba", ""},
	{"~^(?:a(?R)?b)+$", "", "a", "b"},
	{"~(?<=a{255})b", "", "a", "c"},
};

static enum pattern_result attack(const struct pattern *p, struct pattern_scratch *s, size_t i,
	char *text, size_t size)
{
	size_t n = strlen(attacks[i].begin), fill = strlen(attacks[i].fill),
	       end = strlen(attacks[i].end);
	memcpy(text, attacks[i].begin, n);
	for (; n + fill + end <= size; n += fill)
		memcpy(text + n, attacks[i].fill, fill);
	memcpy(text + n, attacks[i].end, end);
	return pattern_match(p, (struct str){text, n + end}, s, NULL);
}

static void test_guarded_expressions_have_steps_for_all_searches_of_a_request(void **state)
{
	struct pattern_scratch *scratch = pattern_scratch_new();
	static char text[60000];
	static const size_t sizes[] = {64, 4000, sizeof(text)};
	for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
		struct arena a = ARENA_NULL;
		struct pattern p;
		struct error err;
		int r = pattern_compile(str_from(attacks[i].pattern), true, &a, &p, &err);
		for (size_t k = 0; !r && k < ARRAY_LEN(sizes); k++) {
			const clock_t began = clock();
			pattern_scratch_begin(scratch);
			for (unsigned n = 0; n < 64; n++)
				attack(&p, scratch, i, text, sizes[k]);
			/* 64 searches have some ms; one without a bound would have seconds, or years. */
			const clock_t took = clock() - began;
			if (took > CLOCKS_PER_SEC / 2)
				fail_msg("%s took %ld us", attacks[i].pattern, (long)took);
		}
		arena_deinit(&a);
	}
	pattern_scratch_free(scratch);
}

static void test_guarded_expressions_are_small(void **state)
{
	struct arena a = ARENA_NULL;
	struct pattern p;
	struct error err;
	assert_int_equal(pattern_compile(STR("~(abcdefghijklmnopqrst){300}"), false, &a, &p, &err),
		0);
	assert_true(a.held > PATTERN_GUARDED_CODE);
	assert_int_equal(pattern_compile(STR("~(abcdefghijklmnopqrst){300}"), true, &a, &p, &err),
		-EINVAL);
	assert_non_null(strstr(err.text, "write fewer or smaller repetitions"));
	size_t held = a.held;
	assert_int_equal(pattern_compile(STR("~^/api/v[0-9]+/"), true, &a, &p, &err), 0);
	assert_true(p.guarded && !p.jit && a.held - held < 4096);
	arena_deinit(&a);
}

static void test_the_cheapest_is_asked_first(void **state)
{
	static const char *const written[] = {"~x", "*a*b*", "*.css", "/a/*", "/a", "*"};
	struct arena a = ARENA_NULL;
	struct pattern v[ARRAY_LEN(written)];
	struct patterns list = {v, ARRAY_LEN(written)};
	struct error err;
	for (size_t i = 0; i < list.n; i++)
		assert_int_equal(pattern_compile(str_from(written[i]), false, &a, &v[i], &err), 0);
	patterns_sort(&list);
	for (size_t i = 1; i < list.n; i++)
		assert_true(v[i - 1].kind < v[i].kind);
	arena_deinit(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_most_are_refused_by_one_byte),
		cmocka_unit_test(test_mistakes_have_sentences),
		cmocka_unit_test(test_an_expression_that_takes_too_long_is_undecided),
		cmocka_unit_test(test_guarded_expressions_have_steps_for_all_searches_of_a_request),
		cmocka_unit_test(test_guarded_expressions_are_small),
		cmocka_unit_test(test_the_cheapest_is_asked_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
