/* SPDX-License-Identifier: MIT */
/* What is shown of secrets. */
#include "captures.h"

#define B SECRET_MASK

static void test_fields(void **state)
{
	static const struct {
		const char *name, *value, *shown;
	} rows[] = {
		{"Accept", "text/html; charset=utf-8", "text/html; charset=utf-8"},
		{"Authorization", "Bearer abcdefghijklmnop9f2c", B " (27 characters, ends 9f2c)"},
		{"AUTHORIZATION", "Basic eDp5", B " (10 characters)"},
		{"authorization", "", ""},
		{"Proxy-Authorization", "Basic eDp5", B " (10 characters)"},
		{"X-Api-Key", "k", B " (1 characters)"},
		{"X-Auth-Token", "t", B " (1 characters)"},
		{"X-CSRF-Token", "t", B " (1 characters)"},
		{"X-Amz-Security-Token", "t", B " (1 characters)"},
		{"Private-Token", "t", B " (1 characters)"},
		{"X-Mine", "abc", B " (3 characters)"},
		{"X-Mine-2", "abc", "abc"},
		{"Cookie", "a=b; session=0123456789abcdef",
			"a=" B " (1 characters); session=" B " (16 characters, ends cdef)"},
		{"Cookie", "novalue", B " (7 characters)"},
		{"Cookie", "a=b=c;d=", "a=" B " (3 characters);d="},
		{"Set-Cookie", "id=x1; Path=/; HttpOnly; Max-Age=9",
			"id=" B " (2 characters); Path=/; HttpOnly; Max-Age=9"},
		{"set-cookie", "x1", B " (2 characters)"},
		{"Location", "https://a.test/cb?x=1&code=s3&state=2#access_token=s4",
			"https://a.test/cb?x=1&code=****&state=2#access_token=****"},
		{"Referer", "/?token=a;b,c", "/?token=****"},
		{"Link", "</a?key=s1>; rel=next, </b?x=1;key=s2&y=2>",
			"</a?key=****>; rel=next, </b?x=1;key=****&y=2>"},
	};
	char name[] = "x-mine", *more[] = {name};
	const struct option_list list = {more, 1};
	const struct secret_mask mask = {.more = &list};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out = BUF_NULL;
		assert_int_equal(secret_mask_field(&mask, str_from(rows[i].name),
					 str_from(rows[i].value), &out),
			0);
		assert_string_equal(text_of(&out), rows[i].shown);
		buf_deinit(&out);
	}
}

static void test_targets(void **state)
{
	static const struct {
		const char *target, *shown;
	} rows[] = {
		{"/", "/"},
		{"/token=1", "/token=1"},
		{"/?token=1", "/?token=****"},
		{"/?TOKEN=1&a=2", "/?TOKEN=****&a=2"},
		{"/?%74oken=1", "/?%74oken=****"},
		{"/?a=b?token=1", "/?a=b?token=****"},
		{"/?token=", "/?token="},
		{"/?token&key=1", "/?token&key=****"},
		{"/?access_token=1&id_token=2&code=3&key=4&api_key=5&password=6&secret=7&signature="
		 "8",
			"/?access_token=****&id_token=****&code=****&key=****&api_key=****"
			"&password=****&secret=****&signature=****"},
		{"/?client_secret=1&X-Amz-Signature=2&user[password]=3&token%5B%5D=4&sid=5&pwd=6",
			"/?client_secret=****&X-Amz-Signature=****&user[password]=****&token%5B%5D="
			"****&sid=****&pwd=****"},
		{"/?password=a\"b>c&d=e", "/?password=****&d=e"},
		{"/?tokens=1&mine=2", "/?tokens=1&mine=****"},
		{"/?token=a=b&c=d", "/?token=****&c=d"},
		{"/?%7=1&%zz=2&%=3", "/?%7=1&%zz=2&%=3"},
		{"http://a.test/?code=1", "http://a.test/?code=****"},
	};
	char name[] = "mine", *more[] = {name};
	const struct option_list list = {more, 1};
	const struct secret_mask mask = {.more = &list};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out = BUF_NULL;
		assert_int_equal(secret_mask_link(&mask, str_from(rows[i].target), &out), 0);
		assert_string_equal(text_of(&out), rows[i].shown);
		buf_deinit(&out);
	}
}

/* Nothing is told about what is not there any more. */
static void test_forgotten(void **state)
{
	const struct secret_mask mask = {.forgotten = true};
	struct buf out = BUF_NULL;
	assert_int_equal(secret_mask_field(&mask, STR("Authorization"),
				 STR("Bearer abcdefghijklmnop9f2c"), &out),
		0);
	assert_string_equal(text_of(&out), B);
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
