/* SPDX-License-Identifier: MIT */
/* Endings, known and not. */
#include "wire/media_type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"

static void test_types(void **state)
{
	static const char *const rows[][2] = {
		{"index.html", "text/html; charset=utf-8"},
		{"a/b.c/INDEX.HTML", "text/html; charset=utf-8"},
		{"app.js", "text/javascript; charset=utf-8"},
		{"app.mjs", "text/javascript; charset=utf-8"},
		{"app.js.map", "application/json"},
		{"x.css", "text/css; charset=utf-8"},
		{"logo.svg", "image/svg+xml"},
		{"x.wasm", "application/wasm"},
		{"site.webmanifest", "application/manifest+json"},
		{"x.woff2", "font/woff2"},
		{"x.tar.gz", "application/gzip"},
		{"x.7z", "application/x-7z-compressed"},
		{"x.zst", "application/zstd"},
		{"film.mp4", "video/mp4"},
		/* the first and the last of the table are covered by 7z and zst */
		{"", "application/octet-stream"},
		{"README", "application/octet-stream"},
		{"x.", "application/octet-stream"},
		{"x.unknown", "application/octet-stream"},
		{"x.html/y", "application/octet-stream"},
		{"x.webmanifests", "application/octet-stream"},
		{"x.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "application/octet-stream"},
		{".html", "text/html; charset=utf-8"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(media_type(str_from(rows[i][0])), rows[i][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_types)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
