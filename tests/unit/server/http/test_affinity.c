/* SPDX-License-Identifier: MIT */
/* The cookie that names a visitor's origin: how it is read, taken out, and written. */
#include "server/http/affinity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "rules/origin_group.h"
#include "wire/http1.h"

#define TAG   "abcdefghijklmnopqrstu-"
#define OTHER "ABCDEFGHIJKLMNOPQRSTU_"

static void parse(struct http1_head *h, const char *fields, bool response)
{
	static char text[1024];
	size_t scanned = 0;
	int n = snprintf(text, sizeof(text), "%s%s\r\n",
		response ? "HTTP/1.1 200 OK\r\n" : "GET / HTTP/1.1\r\nHost: a\r\n", fields);
	int r = response ? http1_parse_response(h, (uint8_t *)text, (size_t)n, sizeof(text),
				   HTTP1_GET, &scanned)
			 : http1_parse_request(h, (uint8_t *)text, (size_t)n, sizeof(text),
				   &scanned);
	assert_int_equal(r, HTTP1_OK);
}

static void cookies(void **state)
{
	static const struct {
		const char *fields;
		bool secure;
		const char *tag;
		int changes;
		const char *left;
	} rows[] = {
		{"", false, "", false, ""},
		{"Cookie: a=b; c=d\r\n", false, "", false, ""},
		{"Cookie: tunnel-origin=" TAG "\r\n", false, TAG, true, ""},
		{"Cookie: a=b; tunnel-origin=" TAG "; c=d\r\n", false, TAG, true, "a=b; c=d"},
		{"Cookie: a=b\r\nCookie: tunnel-origin=" TAG "\r\nCookie: c=d\r\n", false, TAG,
			true, "a=b; c=d"},
		/* Each scheme has its own name, and neither goes further. */
		{"Cookie: __Host-tunnel-origin=" TAG "\r\n", false, "", true, ""},
		{"Cookie: tunnel-origin=" TAG "\r\n", true, "", true, ""},
		{"Cookie: tunnel-origin=" OTHER "; __Host-tunnel-origin=" TAG "\r\n", true, TAG,
			true, ""},
		/* Not ours, though it reads so. */
		{"Cookie: a=tunnel-origin; xtunnel-origin=" TAG "\r\n", false, "", false, ""},
		{"Cookie: tunnel-origin=short; a=b\r\n", false, "", true, "a=b"},
		{"Cookie: Tunnel-Origin=" TAG "\r\n", false, "", false, ""},
	};
	struct http1_head h = HTTP1_HEAD_OF(16);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char tag[ORIGIN_TAG_SIZE];
		struct buf left = BUF_NULL;
		parse(&h, rows[i].fields, false);
		int r = affinity_read(&h, rows[i].secure, tag, &left);
		if (r != rows[i].changes || strcmp(tag, rows[i].tag) != 0)
			fail_msg("row %zu: %d, \"%s\"", i, r, tag);
		if (r > 0) {
			assert_int_equal(buf_len(&left), strlen(rows[i].left));
			assert_memory_equal(buf_head(&left), rows[i].left, buf_len(&left));
		}
		buf_deinit(&left);
	}
}

static void what_is_shared(void **state)
{
	static const struct {
		const char *fields;
		bool shared;
	} rows[] = {
		{"", false},
		{"Cache-Control: public\r\n", true},
		{"Cache-Control: max-age=60\r\n", true},
		{"cache-control: S-MaxAge=60\r\n", true},
		{"Cache-Control: s-maxage=60\r\n", true},
		{"Expires: 0\r\n", true},
		{"Expires: 0\r\nCache-Control: Private\r\n", false},
		{"Cache-Control: no-store\r\nExpires: 0\r\n", false},
		{"Cache-Control: max-age=60, no-cache\r\n", false},
	};
	struct http1_head h = HTTP1_HEAD_OF(16);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		parse(&h, rows[i].fields, true);
		if (affinity_is_shared(&h) != rows[i].shared)
			fail_msg("row %zu", i);
	}
}

static void what_is_set(void **state)
{
	char out[AFFINITY_COOKIE_SIZE];
	struct origin_group g = {.affinity = true};
	affinity_write(&g, TAG, false, out);
	assert_string_equal(out, "tunnel-origin=" TAG "; Path=/; HttpOnly; SameSite=Lax");
	g.affinity_for = ORIGIN_GROUP_AFFINITY_MAX;
	g.affinity_anywhere = true;
	affinity_write(&g, TAG, false, out); /* None is for TLS alone */
	assert_string_equal(out,
		"tunnel-origin=" TAG "; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax");
	affinity_write(&g, TAG, true, out);
	assert_string_equal(out, "__Host-tunnel-origin=" TAG
				 "; Path=/; Max-Age=34560000; HttpOnly; SameSite=None; Secure");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookies),
		cmocka_unit_test(what_is_shared),
		cmocka_unit_test(what_is_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
