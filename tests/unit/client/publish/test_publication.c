/* SPDX-License-Identifier: MIT */
/* What an publication makes of the numbers in OPEN. */
#include "client/publish/publication.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/macros.h"
#include "wire/frame.h"

/* What OPEN says of it: a number that is known, or an index into what was published. */
static void test_protocols(void **state)
{
	char list[] = "h2,http/1.1,x";
	struct publication publication = {.upstream = {.alpn = list}}, bare = {.number = 1};
	static const struct {
		uint8_t alpn;
		const char *listed, *bare;
	} rows[] = {
		{FRAME_ALPN_NONE, "", ""}, {FRAME_ALPN_HTTP11, "http/1.1", "http/1.1"},
		{FRAME_ALPN_LISTED, "h2", ""}, {FRAME_ALPN_LISTED + 2, "x", ""},
		{FRAME_ALPN_LISTED + 3, "", ""}, {UINT8_MAX, "", ""},
		{2, "", ""}, /* of a later version */
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(str_eq(publication_alpn(&publication, rows[i].alpn),
			str_from(rows[i].listed)));
		assert_true(str_eq(publication_alpn(&bare, rows[i].alpn), str_from(rows[i].bare)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_protocols),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
