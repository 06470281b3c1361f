/* SPDX-License-Identifier: MIT */
/* Who has shown the token: tokens, failures of an address, cookies and their age. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "panel/panel_login.h"

#define NOW (1000 * CLOCK_S)

static struct panel_login login;

static int setup(void **state)
{
	if (crypto_start() < 0)
		return -1;
	panel_login_init(&login, "the token");
	return 0;
}

static enum panel_login_result try_it(const char *token, uint64_t network, uint64_t now)
{
	return panel_login_try(&login, str_from(token), network, now);
}

static void test_token(void **state)
{
	static const char *const wrong[] = {"", "the toke", "the token ", "The token", "the tokeN"};
	assert_int_equal(try_it("the token", 1, NOW), PANEL_LOGIN_RIGHT);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(try_it(wrong[i], 1, NOW), PANEL_LOGIN_WRONG);
}

/* The eleventh in a minute is not looked at, even if it is right; other addresses are. */
static void test_failures(void **state)
{
	for (unsigned i = 0; i < PANEL_FAILURES_MAX; i++)
		assert_int_equal(try_it("wrong", 1, NOW + i * CLOCK_S), PANEL_LOGIN_WRONG);
	uint64_t now = NOW + PANEL_FAILURES_MAX * CLOCK_S;
	assert_int_equal(try_it("the token", 1, now), PANEL_LOGIN_LATER);
	assert_int_equal(panel_login_wait(&login, 1, now), 51);
	assert_int_equal(try_it("the token", 2, now), PANEL_LOGIN_RIGHT);
	assert_int_equal(try_it("the token", 1, NOW + PANEL_FAILURES_FOR), PANEL_LOGIN_RIGHT);
}

/* Nobody who has the program's own token is kept out by others who share his address. */
static void test_unguessable(void **state)
{
	static const char token[] = "0123456789abcdef0123456789abcdef01234567";
	panel_login_init(&login, token);
	for (unsigned i = 0; i < PANEL_FAILURES_MAX; i++)
		assert_int_equal(try_it("wrong", 1, NOW), PANEL_LOGIN_WRONG);
	assert_int_equal(try_it("wrong", 1, NOW), PANEL_LOGIN_LATER);
	assert_int_equal(try_it(token, 1, NOW), PANEL_LOGIN_RIGHT);
}

/* However many addresses a stranger has, the memory is the same, and the newest count. */
static void test_many_addresses(void **state)
{
	for (uint64_t network = 1; network < 10 * PANEL_FAILED_MAX; network++)
		assert_int_equal(try_it("wrong", network, NOW + network), PANEL_LOGIN_WRONG);
	for (unsigned i = 0; i < PANEL_FAILURES_MAX; i++)
		assert_int_equal(try_it("wrong", 0, NOW + CLOCK_S), PANEL_LOGIN_WRONG);
	assert_int_equal(try_it("wrong", 0, NOW + CLOCK_S), PANEL_LOGIN_LATER);
}

static void test_cookies(void **state)
{
	char cookie[PANEL_COOKIE_SIZE], other[PANEL_COOKIE_SIZE];
	uint64_t end = NOW + PANEL_SESSION_AGE * CLOCK_S;
	panel_login_begin(&login, NOW, cookie);
	panel_login_begin(&login, NOW, other);
	assert_int_equal(strlen(cookie), PANEL_COOKIE_SIZE - 1);
	assert_string_not_equal(cookie, other);
	assert_int_not_equal(panel_login_find(&login, str_from(cookie), end - 1), 0);
	assert_int_equal(panel_login_find(&login, str_from(cookie), end), 0);
	panel_login_end(&login, str_from(cookie));
	assert_int_equal(panel_login_find(&login, str_from(cookie), NOW), 0);
	assert_int_not_equal(panel_login_find(&login, str_from(other), NOW), 0);
	other[5] = other[5] == 'a' ? 'b' : 'a';
	assert_int_equal(panel_login_find(&login, str_from(other), NOW), 0);
	assert_int_equal(panel_login_find(&login, STR_NULL, NOW), 0);
	assert_int_equal(panel_login_find(&login, STR("the token"), NOW), 0);
}

/* One more takes the place of the oldest. */
static void test_many_cookies(void **state)
{
	static char cookies[PANEL_SESSIONS_MAX + 1][PANEL_COOKIE_SIZE];
	for (unsigned i = 0; i <= PANEL_SESSIONS_MAX; i++)
		panel_login_begin(&login, NOW + i, cookies[i]);
	assert_int_equal(panel_login_find(&login, str_from(cookies[0]), NOW + 100), 0);
	for (unsigned i = 1; i <= PANEL_SESSIONS_MAX; i++)
		assert_int_not_equal(panel_login_find(&login, str_from(cookies[i]), NOW + 100), 0);
}

/* What a session is known by outlasts neither its time, nor its end, nor that another takes its place. */
static void test_sessions(void **state)
{
	char cookie[PANEL_COOKIE_SIZE], other[PANEL_COOKIE_SIZE];
	uint64_t end = NOW + PANEL_SESSION_AGE * CLOCK_S;
	panel_login_begin(&login, NOW, cookie);
	panel_login_begin(&login, NOW, other);
	uint64_t a = panel_login_find(&login, str_from(cookie), NOW);
	uint64_t b = panel_login_find(&login, str_from(other), NOW);
	assert_int_not_equal(a, b);
	assert_true(panel_login_lasts(&login, a, end - 1));
	assert_false(panel_login_lasts(&login, a, end));
	assert_false(panel_login_lasts(&login, b + 1, NOW));
	panel_login_end(&login, str_from(cookie));
	assert_false(panel_login_lasts(&login, a, NOW));
	assert_true(panel_login_lasts(&login, b, NOW));
	for (unsigned i = 0; i < PANEL_SESSIONS_MAX; i++)
		panel_login_begin(&login, NOW + 1, cookie);
	assert_false(panel_login_lasts(&login, b, NOW + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_token, setup),
		cmocka_unit_test_setup(test_failures, setup),
		cmocka_unit_test_setup(test_unguessable, setup),
		cmocka_unit_test_setup(test_many_addresses, setup),
		cmocka_unit_test_setup(test_cookies, setup),
		cmocka_unit_test_setup(test_many_cookies, setup),
		cmocka_unit_test_setup(test_sessions, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
