/* SPDX-License-Identifier: MIT */
/* What a CA may answer, and what is made of it. */
#include "server/acme/acme_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "server/acme/acme_kept.h"
#include "server/acme/acme_window.h"

static void test_retry_after(void **state)
{
	static const struct {
		const char *text;
		uint64_t seconds;
	} rows[] = {
		{"", 0},
		{"0", 0},
		{"120", 120},
		{"-1", 0},
		{"1.5", 0},
		{"soon", 0},
		{"99999999999999999999999", ACME_RETRY_MAX},
		{"Sun, 06 Nov 1994 08:49:37 GMT", 60},
		{"Sun, 06 Nov 1994 08:00:00 GMT", 0},
		{"Fri, 06 Nov 2099 08:00:00 GMT", ACME_RETRY_MAX},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(acme_retry_after(str_from(rows[i].text), 784111777 - 60),
			rows[i].seconds);
}

static void test_tokens(void **state)
{
	char longest[ACME_TOKEN_MAX + 2];
	memset(longest, 'a', sizeof(longest));
	assert_true(
		acme_is_token(STR("LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"), ACME_TOKEN_MAX));
	assert_true(acme_is_token((struct str){longest, ACME_TOKEN_MAX}, ACME_TOKEN_MAX));
	assert_false(acme_is_token((struct str){longest, ACME_TOKEN_MAX + 1}, ACME_TOKEN_MAX));
	static const char *const rows[] = {"", "a/b", "a.b", "a b", "a%2fb", "a=", "../x",
		"a\r\nb"};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_false(acme_is_token(str_from(rows[i]), ACME_TOKEN_MAX));
}

static void test_urls(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{"https://ca.example/order/1", true},
		{"http://127.0.0.1:8080/order/1", true},
		{"", false},
		{"/order/1", false},
		{"ftp://ca.example/", false},
		{"https://ca.example/a b", false},
		{"https://ca.example/\r\nX: y", false},
		{"https://ca.example/\xc3\xa4", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *url = acme_url(str_from(rows[i].text));
		assert_true(!!url == rows[i].good);
		free(url);
	}
}

static void test_problems(void **state)
{
	static const struct {
		unsigned status;
		const char *body, *text;
	} rows[] = {
		{400,
			"{\"type\":\"urn:ietf:params:acme:error:badCSR\",\"detail\":\"too "
			"weak\",\"status\":"
			"400}",
			"too weak (badCSR)"},
		{500, "<html>oops</html>", "status 500"},
		{503, "", "status 503"},
		{400, "[1, 2]", "status 400"},
		{400, "{\"type\": 7, \"detail\": {}}", "status 400"},
		{400, "{\"detail\":\"a\\u001b[31mb\\nc\"}", "a\\x1b[31mb\\x0ac"},
		{400, "{\"type\":\"about:blank\"}", "no reason is given (about:blank)"},
		{400, "{\"detail\":\"x\",\"detail\":\"y\"}", "status 400"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct acme_problem p;
		char text[2 * ACME_DETAIL_SIZE];
		const struct acme_answer a = {.status = rows[i].status,
			.body = str_from(rows[i].body)};
		acme_problem_read(&a, &p);
		assert_string_equal(acme_problem_text(&p, text), rows[i].text);
	}
}

static void test_windows(void **state)
{
#define WINDOW(from, to) "{\"suggestedWindow\":{\"start\":\"" from "\",\"end\":\"" to "\"}}"
	static const int64_t now = 1735732800; /* 2025-01-01T12:00:00Z */
	static const struct {
		unsigned status;
		const char *retry_after, *body;
		int64_t from, to, look; /* from now on; -1: it says nothing */
	} rows[] = {
		{200, "21600", WINDOW("2025-01-02T12:00:00Z", "2025-01-03T12:00:00Z"), 86400,
			2 * 86400, 21600},
		{200, "", WINDOW("2025-01-02T13:00:00+01:00", "2025-01-02T12:00:00.5Z"), 86400,
			86400, ACME_WINDOW_LOOK},
		{200, "5", WINDOW("2020-01-02T12:00:00Z", "2020-01-03T12:00:00Z"), 0, 0,
			ACME_WINDOW_LOOK_MIN},
		{200, "99999999", WINDOW("2025-01-01T11:00:00Z", "2025-01-01T13:00:00Z"), 0, 3600,
			ACME_WINDOW_LOOK_MAX},
		{200, "", WINDOW("2025-01-03T12:00:00Z", "2025-01-02T12:00:00Z"), -1, 0,
			ACME_WINDOW_LOOK},
		{404, "", WINDOW("2025-01-02T12:00:00Z", "2025-01-03T12:00:00Z"), -1, 0,
			ACME_WINDOW_LOOK},
		{200, "", "", -1, 0, ACME_WINDOW_LOOK},
		{200, "", "[]", -1, 0, ACME_WINDOW_LOOK},
		{200, "", "{\"suggestedWindow\":7}", -1, 0, ACME_WINDOW_LOOK},
		{200, "", WINDOW("soon", "later"), -1, 0, ACME_WINDOW_LOOK},
	};
	static const uint32_t dice[] = {0, 1, 4000, 86400, 123456789, UINT32_MAX};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t k = 0; k < ARRAY_LEN(dice); k++) {
			const struct acme_answer a = {.status = rows[i].status,
				.retry_after = str_from(rows[i].retry_after),
				.body = str_from(rows[i].body)};
			int64_t at = 7, look = 7;
			assert_true(acme_window_read(&a, now, dice[k], &at, &look) ==
				    (rows[i].from >= 0));
			assert_int_equal(look, now + rows[i].look);
			if (rows[i].from >= 0)
				assert_true(at >= now + rows[i].from && at <= now + rows[i].to);
			else
				assert_int_equal(at, 7);
		}
}

static void test_kept(void **state)
{
	struct acme_kept k = {.identity = "web",
		.first = 1000,
		.next = 2000,
		.failures = 3,
		.why = "a \"reason\"\n"};
	struct acme_kept back;
	struct error err;
	for (int i = 0; i < 20; i++)
		acme_kept_order(&k, 5000 + i);
	assert_int_equal(k.n_orders, ACME_KEPT_ORDERS);
	char *text = acme_kept_write(&k);
	assert_int_equal(acme_kept_read(text, &back, &err), 0);
	assert_memory_equal(back.orders, k.orders, sizeof(k.orders));
	assert_string_equal(back.identity, "web");
	assert_string_equal(back.why, k.why);
	assert_true(back.first == 1000 && back.next == 2000 && back.failures == 3);
	/* What is older than an hour does not count. */
	acme_kept_order(&back, 5000 + 3600 + 20);
	assert_int_equal(back.n_orders, 1);
	free(text);
}

static void test_damaged(void **state)
{
	static const char *const rows[] = {
		"",
		"{",
		"[]",
		"null",
		"{}",
		"{\"identity\":\"web\"}",
		"{\"identity\":\"web\",\"why\":\"\",\"orders\":{}}",
		"{\"identity\":\"web\",\"why\":\"\",\"orders\":[\"x\"]}",
		"{\"identity\":\"web\",\"why\":\"\",\"orders\":[-1]}",
		"{\"identity\":\"web\",\"why\":\"\",\"orders\":[1,2,3,4,5,6,7,8,9]}",
		"{\"identity\":\"web\",\"why\":\"\",\"orders\":[],\"next\":\"x\"}",
		"{\"identity\":\"web\",\"why\":\"\",\"orders\":[],\"next\":-5}",
		"{\"identity\":\"web\",\"why\":\"\",\"orders\":[],\"failures\":99999999999}",
		"{\"identity\":"
		"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
		"\"why\":\"\",\"orders\":[]}",
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct acme_kept k = {.next = 7};
		struct error err;
		assert_true(acme_kept_read(rows[i], &k, &err) < 0);
		assert_int_equal(k.next, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_damaged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
