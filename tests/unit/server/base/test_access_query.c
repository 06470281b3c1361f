/* SPDX-License-Identifier: MIT */
/* What the access log shows of targets, and what of secrets in them it does not. */
#include "server/base/access_query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"

/* Masked; NULL: as it stands. And with the query dropped; NULL: as masked. */
static const struct {
	const char *target, *masked, *dropped;
} rows[] = {
	{"/", NULL, NULL},
	{"*", NULL, NULL},
	{"/a/b=c&d", NULL, NULL},
	{"/token=x", NULL, NULL},
	{"/x?", NULL, "/x"},
	{"/x?a=b&c", NULL, "/x"},
	{"/lab?token=abc", "/lab?token=***", "/lab"},
	{"/login?user=u&password=p%26w&x=1", "/login?user=u&password=***&x=1", "/login"},
	{"/?token=a&token=b;token=c", "/?token=***&token=***;token=***", "/"},
	{"/?token=", NULL, "/"},
	{"/?token", NULL, "/"},
	{"/?token&a=b", NULL, "/"},
	{"/?token==&a=b", "/?token=***&a=b", "/"},
	{"/?=x&a=b", NULL, "/"},
	{"/?&;?=", NULL, "/"},
	{"/?TOKEN=a&Api-Key=b&apiKey=c&X-API-KEY=d",
		"/?TOKEN=***&Api-Key=***&apiKey=***&X-API-KEY=***", "/"},
	{"/?access_token=a&id_token=b&refresh_token=c&csrfToken=d&page.token=e",
		"/?access_token=***&id_token=***&refresh_token=***&csrfToken=***&page.token=***",
		"/"},
	{"/?passwd=a&pwd=b&pass=c&new_password=d&user[password]=e&password[]=f",
		"/?passwd=***&pwd=***&pass=***&new_password=***&user[password]=***&password[]=***",
		"/"},
	{"/?secret=a&client_secret=b&key=c&sig=d&signature=e&code=f&auth=g&authorization=h",
		"/?secret=***&client_secret=***&key=***&sig=***&signature=***&code=***&auth=***"
		"&authorization=***",
		"/"},
	{"/?session=a&sid=b&jwt=c&PHPSESSID=d&sessionid=e&SAMLResponse=f&ticket=g&otp=h",
		"/?session=***&sid=***&jwt=***&PHPSESSID=***&sessionid=***&SAMLResponse=***"
		"&ticket=***&otp=***",
		"/"},
	{"/b?X-Amz-Date=1&X-Amz-Signature=a&X-Amz-Security-Token=b&X-Goog-Signature=c",
		"/b?X-Amz-Date=1&X-Amz-Signature=***&X-Amz-Security-Token=***&X-Goog-Signature=***",
		"/b"},
	/* An end of a session by OpenID Connect has a whole token. */
	{"/logout?id_token_hint=a&login_hint=b&passcode=c",
		"/logout?id_token_hint=***&login_hint=b&passcode=***", "/logout"},
	/* These are no secrets. */
	{"/?keyword=a&monkey=b&zipcode=c&author=d&side=e&passage=f&tokens=g&design=h", NULL, "/"},
	/* However it is written. */
	{"/?%74oke%6E=abc&x=1", "/?%74oke%6E=***&x=1", "/"},
	{"/?%54%4F%4b%45%4E=abc", "/?%54%4F%4b%45%4E=***", "/"},
	{"/?AUTHORIZATION=abc&A%5A=1&authoriZation=2",
		"/?AUTHORIZATION=***&A%5A=1&authoriZation=***", "/"},
	/* The end of a long name says what it is. */
	{"/?a_name_of_more_characters_than_any_secret_has_password=abc",
		"/?a_name_of_more_characters_than_any_secret_has_password=***", "/"},
	{"/?password_that_is_the_beginning_of_a_name_and_not_its_end=abc", NULL, "/"},
	{"/?api%5Fkey=abc", "/?api%5Fkey=***", "/"},
	{"/?api+key=abc", "/?api+key=***", "/"},
	{"/?tok%00en=abc", "/?tok%00en=***", "/"},
	{"/?%token=abc&%7=1&%zz=2&%", "/?%token=***&%7=1&%zz=2&%", "/"},
	{"/?token%3Dabc&x=1", "/?token%3D***&x=1", "/"},
	/* A value ends where it does for the upstream. */
	{"/?token=a%26b%3Bc?d=e&x=1", "/?token=***&x=1", "/"},
	/* URLs as values. */
	{"/?next=/login?token=abc&x=1", "/?next=/login?token=***&x=1", "/"},
	{"/?next=%2Fin%3Fa%3Db%26token%3Dabc%26c%3Dd&x=1",
		"/?next=%2Fin%3Fa%3Db%26token%3D***%26c%3Dd&x=1", "/"},
	{"/?next=%2Fin%3Fcode=abc%26c=d&x=1", "/?next=%2Fin%3Fcode=***%26c=d&x=1", "/"},
	{"/?next=%2Fin%3Fa%3Db&token=a%26b", "/?next=%2Fin%3Fa%3Db&token=***", "/"},
	/* Parameters of the path. */
	{"/a;jsessionid=abc/b;v=1?x=y", "/a;jsessionid=***/b;v=1?x=y", "/a;jsessionid=***/b;v=1"},
	{"/a;jsessionid=abc?token=t", "/a;jsessionid=***?token=***", "/a;jsessionid=***"},
	{"/a;v=1/token=x", "/a;v=1/token=***", NULL},
	{"/a;jsessionid=abc", "/a;jsessionid=***", NULL},
	{"/a;b", NULL, NULL},
};

static void check(const char *target, enum access_query how, const char *want)
{
	char room[ACCESS_TARGET_SIZE];
	struct str got = access_target(str_from(target), how, room);
	if (!str_eq(got, str_from(want)))
		fail_msg("%s: %.*s instead of %s", target, STR_ARG(got), want);
}

static void test_targets(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *masked = rows[i].masked ? rows[i].masked : rows[i].target;
		check(rows[i].target, ACCESS_QUERY_KEEP, rows[i].target);
		check(rows[i].target, ACCESS_QUERY_MASK, masked);
		check(rows[i].target, ACCESS_QUERY_DROP,
			rows[i].dropped ? rows[i].dropped : masked);
	}
	char room[ACCESS_TARGET_SIZE];
	assert_int_equal(access_target(STR_NULL, ACCESS_QUERY_MASK, room).n, 0);
}

/* However long targets are: nothing of the secret in what the log would show, wherever it stands. */
static void test_long(void **state)
{
	static char target[32 << 10];
	char room[ACCESS_TARGET_SIZE];
	for (size_t before = 0; before < LOG_VALUE_MAX + 32; before++) {
		size_t n = 0;
		target[n++] = '/';
		target[n++] = '?';
		memset(target + n, 'x', before);
		n += before;
		n += (size_t)sprintf(target + n, "&token=");
		memset(target + n, 'S', sizeof(target) - n);
		struct str got = access_target((struct str){target, sizeof(target)},
			ACCESS_QUERY_MASK, room);
		assert_null(memchr(got.p, 'S', MIN(got.n, LOG_VALUE_MAX)));
		assert_memory_equal(got.p, target, MIN(n, LOG_VALUE_MAX));
	}
	/* Many short ones become longer than the room. */
	for (size_t i = 0; i + 6 < sizeof(target); i += 6)
		memcpy(target + i, i ? "&sid=S" : "/????&", 6);
	struct str got =
		access_target((struct str){target, sizeof(target) - 6}, ACCESS_QUERY_MASK, room);
	assert_true(got.n >= LOG_VALUE_MAX && got.n <= sizeof(room));
	assert_null(memchr(got.p, 'S', got.n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
