/* SPDX-License-Identifier: MIT */
/* What of a stranger's text stands in a line as it is, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/escape.h"
#include "base/macros.h"

static const char *escaped(const char *text, enum escape how)
{
	static char out[256];
	out[escape_text(out, sizeof out - 1, text, strlen(text), how)] = '\0';
	return out;
}

static void forms(void **state)
{
	static const struct {
		const char *text, *sentence, *value, *json;
	} rows[] = {
		{"", "", "", ""},
		{"a b", "a b", "a\\x20b", "a b"},
		{"\"\\", "\"\\", "\"\\\\", "\\\"\\\\"},
		{"a\r\n\tb", "a\\x0d\\x0a\\x09b", "a\\x0d\\x0a\\x09b", "a\\u000d\\u000a\\u0009b"},
		{"\x1b[31m\x7f", "\\x1b[31m\\x7f", "\\x1b[31m\\x7f", "\\u001b[31m\\u007f"},
		/* C1: what terminals obey. */
		{"\xc2\x9b", "\\xc2\\x9b", "\\xc2\\x9b", "\\u009b"},
		/* Not UTF-8: alone, cut off, overlong, a surrogate, beyond Unicode. */
		{"\xff\x80", "\\xff\\x80", "\\xff\\x80", "\\u00ff\\u0080"},
		{"\xe2\x82", "\\xe2\\x82", "\\xe2\\x82", "\\u00e2\\u0082"},
		{"\xe2\x82z", "\\xe2\\x82z", "\\xe2\\x82z", "\\u00e2\\u0082z"},
		{"\xc0\xaf", "\\xc0\\xaf", "\\xc0\\xaf", "\\u00c0\\u00af"},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80", "\\u00ed\\u00a0\\u0080"},
		{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80",
			"\\u00f4\\u0090\\u0080\\u0080"},
		/* The last two code points: no characters, but well-formed. */
		{"\xf4\x8f\xbf\xbe\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbe\xf4\x8f\xbf\xbf",
			"\xf4\x8f\xbf\xbe\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbe\xf4\x8f\xbf\xbf"},
		/* Letters, signs and pictures of all lengths stay. */
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x87", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x87",
			"\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x87",
			"\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x87"},
		/* Hidden: U+202E, U+FEFF, U+E0041. */
		{"a\xe2\x80\xae"
		 "b",
			"a\\xe2\\x80\\xaeb", "a\\xe2\\x80\\xaeb", "a\\u202eb"},
		{"\xef\xbb\xbf", "\\xef\\xbb\\xbf", "\\xef\\xbb\\xbf", "\\ufeff"},
		{"\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81", "\\xf3\\xa0\\x81\\x81",
			"\\udb40\\udc41"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_string_equal(escaped(rows[i].text, ESCAPE_SENTENCE), rows[i].sentence);
		assert_string_equal(escaped(rows[i].text, ESCAPE_VALUE), rows[i].value);
		assert_string_equal(escaped(rows[i].text, ESCAPE_JSON), rows[i].json);
	}
}

/* Every one that changes the order or the ends of lines, and its neighbours that do not. */
static void hidden_characters(void **state)
{
	static const struct {
		uint16_t first, last;
		bool hidden;
	} rows[] = {
		{0x061b, 0x061b, false},
		{0x061c, 0x061c, true},
		{0x200a, 0x200a, false},
		{0x200b, 0x200f, true},
		{0x2010, 0x2027, false},
		{0x2028, 0x202e, true},
		{0x2030, 0x205f, false},
		{0x2060, 0x206f, true},
		{0x2070, 0x2071, false},
		{0xfefc, 0xfefc, false},
		{0xfeff, 0xfeff, true},
		{0xff01, 0xff01, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (unsigned c = rows[i].first; c <= rows[i].last; c++) {
			char text[4] = {(char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)),
				(char)(0x80 | (c & 0x3f))};
			if (c < 0x800) {
				text[0] = (char)(0xc0 | c >> 6);
				text[1] = text[2];
				text[2] = '\0';
			}
			bool same = strcmp(escaped(text, ESCAPE_SENTENCE), text) == 0;
			if (same == rows[i].hidden)
				fail_msg("U+%04X %s", c, same ? "stays" : "is escaped");
		}
	}
}

/* Cut between characters, never within an escape, and marked. */
static void room(void **state)
{
	char text[64], out[64];
	memset(text, 1, sizeof text);
	for (size_t n = 0; n < sizeof out; n++) {
		memset(out, '#', sizeof out);
		size_t size = escape_text(out, n, text, sizeof text, ESCAPE_VALUE);
		assert_true(size <= n);
		for (size_t i = n; i < sizeof out; i++)
			assert_int_equal(out[i], '#');
		if (n <= 16)
			assert_int_equal(size, 0);
		else
			assert_memory_equal(out + size - 7, "\\x01...", 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(hidden_characters),
		cmocka_unit_test(room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
