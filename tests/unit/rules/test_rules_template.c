/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <errno.h>

#include "base/macros.h"

static const struct {
	const char *text, *made;
	enum template_for use;
	bool plain;
} cases[] = {
	{"plain", "plain", TEMPLATE_FIELD, true},
	{"", "", TEMPLATE_FIELD, true},
	{"$$1 $$", "$1 $", TEMPLATE_FIELD, true},
	{"${host}|${method}|${scheme}|${port}", "app.example.org|GET|http|8000", TEMPLATE_FIELD,
		false},
	{"${address}", "192.0.2.7", TEMPLATE_FIELD, false},
	{"${request-id}", "the-id", TEMPLATE_FIELD, false},
	{"<${header.X-Key}>", "<k>", TEMPLATE_FIELD, false},
	{"<${header.Missing}>", "<>", TEMPLATE_FIELD, false},
	/* A field's line does not end in the middle, whatever the visitor encodes. */
	{"${query.q}", "a%0D%0AX-Evil: 1", TEMPLATE_FIELD, false},
	{"/new/$1", "/new/x%20y", TEMPLATE_PATH, false},
	{"/new/$1/$2", "/new/x%20y/", TEMPLATE_PATH, false},
	{"/q/${query.q}", "/q/a%0D%0AX-Evil:%201", TEMPLATE_PATH, false},
};

static void test_made(void **state)
{
	struct scene s = {0};
	const struct captures captures = {.v = {STR("x y")}, .n = 1};
	scene_ask(&s, "GET /a?q=a%0d%0aX-Evil:%201", "X-Key: k\r\n");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a = ARENA_NULL;
		struct template t;
		struct error err;
		struct buf out = BUF_NULL;
		assert_int_equal(template_compile(str_from(cases[i].text), true, &a, &t, &err), 0);
		assert_int_equal(template_write(&t, cases[i].use, &s.facts, &captures, &out), 0);
		if (!str_eq((struct str){(const char *)buf_head(&out), buf_len(&out)},
			    str_from(cases[i].made)))
			fail_msg("%s became %.*s", cases[i].text, (int)buf_len(&out),
				(const char *)buf_head(&out));
		assert_int_equal(template_is_plain(&t), cases[i].plain);
		buf_deinit(&out);
		arena_deinit(&a);
	}
	scene_end(&s);
}

static void test_mistakes_have_sentences(void **state)
{
	static const struct {
		const char *text, *sentence;
	} rows[] = {
		{"${host", "${ has no } behind it; a dollar sign is written $$"},
		{"${hots}", "${hots} is no fact: host, path, method, scheme, port, address, "
			    "country, request-id, header.NAME, cookie.NAME, query.NAME"},
		{"5 $", "a dollar sign begins ${a fact} or a capture, $1 to $9; one that is meant "
			"as it stands is written $$"},
		{"$1", "$1 stands for a part of the path, and can be used in a path alone"},
		{"a\nb", "a value of one line is meant, without control characters"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct arena a = ARENA_NULL;
		struct template t;
		struct error err;
		assert_int_equal(template_compile(str_from(rows[i].text), false, &a, &t, &err),
			-EINVAL);
		assert_string_equal(err.text, rows[i].sentence);
		arena_deinit(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made),
		cmocka_unit_test(test_mistakes_have_sentences),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
