/* SPDX-License-Identifier: MIT */
/* SOCKS 5: whole conversations, in one piece and byte by byte, and what is believed of the proxy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "wire/socks5.h"

/* A message: its bytes, and how many. */
#define M(text)                          \
	{                                \
		(text), sizeof(text) - 1 \
	}
#define HELLO    M("\5\1\0")
#define HELLO_IN M("\5\2\0\2")
#define LOGIN_IN M("\1\1u\4pass")
#define BY_NAME  M("\5\1\0\3\4node\1\2")
#define GOOD     M("\5\0\0\1\0\0\0\0\0\0")

struct message {
	const char *p;
	size_t n;
};

static void conversations(void **state)
{
	static const struct {
		const char *user, *host, *address;
		struct message sent[3], answers[3]; /* by turns, ours first */
		enum socks5_result end;
		uint8_t reply;
	} rows[] = {
		{NULL, "node", NULL, {HELLO, BY_NAME}, {M("\5\0"), GOOD}, SOCKS5_CONNECTED, 0},
		{NULL, NULL, "1.2.3.4", {HELLO, M("\5\1\0\1\1\2\3\4\1\2")}, {M("\5\0"), GOOD},
			SOCKS5_CONNECTED, 0},
		{NULL, NULL, "::1", {HELLO, M("\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\1\2")},
			{M("\5\0"), M("\5\0\0\4................::")}, SOCKS5_CONNECTED, 0},
		{NULL, "node", NULL, {HELLO, BY_NAME}, {M("\5\0"), M("\5\0\0\3\3abc::")},
			SOCKS5_CONNECTED, 0},
		{NULL, "node", NULL, {HELLO, BY_NAME}, {M("\5\0"), M("\5\0\0\3\0::")},
			SOCKS5_CONNECTED, 0},
		/* With a login, wanted or not. */
		{"u", "node", NULL, {HELLO_IN, LOGIN_IN, BY_NAME}, {M("\5\2"), M("\1\0"), GOOD},
			SOCKS5_CONNECTED, 0},
		{"u", "node", NULL, {HELLO_IN, LOGIN_IN, BY_NAME}, {M("\5\2"), M("\5\0"), GOOD},
			SOCKS5_CONNECTED, 0},
		{"u", "node", NULL, {HELLO_IN, BY_NAME}, {M("\5\0"), GOOD}, SOCKS5_CONNECTED, 0},
		{"u", "node", NULL, {HELLO_IN, LOGIN_IN}, {M("\5\2"), M("\1\1")}, SOCKS5_E_LOGIN,
			0},
		{"u", "node", NULL, {HELLO_IN, LOGIN_IN}, {M("\5\2"), M("\2\0")},
			SOCKS5_E_MALFORMED, 0},
		{"u", "node", NULL, {HELLO_IN}, {M("\5\xff")}, SOCKS5_E_METHOD, 0},
		{NULL, "node", NULL, {HELLO}, {M("\5\xff")}, SOCKS5_E_METHOD, 0},
		/* What was not offered. */
		{NULL, "node", NULL, {HELLO}, {M("\5\2")}, SOCKS5_E_METHOD, 0},
		{NULL, "node", NULL, {HELLO}, {M("\5\1")}, SOCKS5_E_METHOD, 0},
		/* Others than SOCKS 5. */
		{NULL, "node", NULL, {HELLO}, {M("HTTP/1.1 400 Bad\r\n\r\n")}, SOCKS5_E_VERSION, 0},
		{NULL, "node", NULL, {HELLO}, {M("\0\x5b")}, SOCKS5_E_VERSION, 0},
		{NULL, "node", NULL, {HELLO}, {M("\x15\3\1")}, SOCKS5_E_VERSION, 0},
		/* Refusals, whole and cut short. */
		{NULL, "node", NULL, {HELLO, BY_NAME}, {M("\5\0"), M("\5\5\0\1\0\0\0\0\0\0")},
			SOCKS5_E_REFUSED, 5},
		{NULL, "node", NULL, {HELLO, BY_NAME}, {M("\5\0"), M("\5\1")}, SOCKS5_E_REFUSED, 1},
		{NULL, "node", NULL, {HELLO, BY_NAME}, {M("\5\0"), M("\5\xfe\0\x77")},
			SOCKS5_E_REFUSED, 0xfe},
		{NULL, "node", NULL, {HELLO, BY_NAME}, {M("\5\0"), M("\4\0\0\1\0\0\0\0\0\0")},
			SOCKS5_E_MALFORMED, 0},
		{NULL, "node", NULL, {HELLO, BY_NAME}, {M("\5\0"), M("\5\0\0\2\0\0\0\0\0\0")},
			SOCKS5_E_MALFORMED, 0},
	};
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		size_t row = i / 2, step = i % 2 ? 1 : 512;
		uint8_t login[SOCKS5_LOGIN_MAX], out[SOCKS5_OUT_MAX];
		struct socks5 s = {0};
		if (rows[row].host)
			s.host = str_from(rows[row].host);
		else
			assert_true(address_parse_ip(str_from(rows[row].address), &s.address));
		s.address.port = 0x102;
		if (rows[row].user)
			s.login = (struct str){(char *)login,
				socks5_login(str_from(rows[row].user), STR("pass"), login)};
		size_t n = socks5_begin(&s, out);
		enum socks5_result r = SOCKS5_MORE;
		for (int k = 0; k < 3 && rows[row].sent[k].p; k++) {
			const struct message *a = &rows[row].answers[k];
			assert_int_equal(n, rows[row].sent[k].n);
			assert_memory_equal(out, rows[row].sent[k].p, n);
			size_t have = 0, used = 0;
			r = SOCKS5_MORE;
			while (r == SOCKS5_MORE && have < a->n) {
				have = MIN(have + step, a->n);
				r = socks5_input(&s, (const uint8_t *)a->p, have, &used, out, &n);
			}
			if (r == SOCKS5_ANSWER || r == SOCKS5_CONNECTED)
				assert_int_equal(used, a->n);
		}
		if (r != rows[row].end)
			fail_msg("row %zu: %d", row, (int)r);
		assert_int_equal(s.reply, rows[row].reply);
	}
}

/* An answer that is not whole is waited for, whatever its type. */
static void answers_that_lack_a_byte(void **state)
{
	static const struct message answers[] = {M("\5\0\0\1abcd::"), M("\5\0\0\3\4abcd::"),
		M("\5\0\0\4abcdabcdabcdabcd::")};
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		for (size_t n = 0; n <= answers[i].n; n++) {
			struct socks5 s = {.state = SOCKS5_REPLY};
			uint8_t out[SOCKS5_OUT_MAX];
			size_t used = 0, n_out;
			enum socks5_result r = socks5_input(&s, (const uint8_t *)answers[i].p, n,
				&used, out, &n_out);
			assert_int_equal(r, n == answers[i].n ? SOCKS5_CONNECTED : SOCKS5_MORE);
		}
	}
}

static void logins(void **state)
{
	uint8_t out[SOCKS5_LOGIN_MAX];
	char longest[SOCKS5_NAME_MAX + 2];
	memset(longest, 'x', sizeof longest);
	struct str fits = {longest, SOCKS5_NAME_MAX}, long_one = {longest, SOCKS5_NAME_MAX + 1};
	assert_int_equal(socks5_login(fits, fits, out), SOCKS5_LOGIN_MAX);
	assert_int_equal(socks5_login(long_one, fits, out), 0);
	assert_int_equal(socks5_login(fits, long_one, out), 0);
	assert_int_equal(socks5_login(STR(""), fits, out), 0);
	assert_int_equal(socks5_login(STR("u"), STR(""), out), 4);
	assert_memory_equal(out, "\1\1u\0", 4);
}

static void replies_have_sentences(void **state)
{
	for (unsigned i = 0; i < 256; i++)
		assert_true(strlen(socks5_reply_text((uint8_t)i)) > 10);
	assert_string_equal(socks5_reply_text(5), "the connection was refused");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversations),
		cmocka_unit_test(answers_that_lack_a_byte),
		cmocka_unit_test(logins),
		cmocka_unit_test(replies_have_sentences),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
