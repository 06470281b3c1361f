/* SPDX-License-Identifier: MIT */
/* The chunk walker: where bodies end, what is refused, and that any cut gives the same. */
#include "wire/http1_chunks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/macros.h"

#define S(literal)                              \
	{                                       \
		"" literal, sizeof(literal) - 1 \
	}
#define X16  "xxxxxxxxxxxxxxxx"
#define X64  X16 X16 X16 X16
#define X256 X64 X64 X64 X64

static const struct {
	struct str in; /* the body and what stands behind it */
	size_t size;   /* of the body */
	const char *data;
	const char *canonical; /* NULL: as it came */
} good[] = {
	{S("0\r\n\r\n"), 5, "", NULL},
	{S("0\r\n\r\nGET / HTTP/1.1\r\n"), 5, "", NULL},
	{S("000\r\n\r\n0"), 7, "", "0\r\n\r\n"},
	{S("5\r\nhello\r\n0\r\n\r\n"), 15, "hello", NULL},
	{S("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"), 18, "abc", NULL},
	{S("1aB\r\n" X256 X64 X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n0\r\n\r\n"), 439,
		X256 X64 X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", NULL},
	{S("00000000000000A\r\n\r\n\r\n0\r\n\r\n\r\r\n0\r\n\r\n!"), 34, "\r\n\r\n0\r\n\r\n\r",
		"A\r\n\r\n\r\n0\r\n\r\n\r\r\n0\r\n\r\n"},
	{S("000000000000000000002\r\nok\r\n0000000000000000\r\n\r\n"), 47, "ok",
		"2\r\nok\r\n0\r\n\r\n"},
	{S("010\r\nxxxxxxxxxxxxxxxx\r\n0\r\n\r\n"), 28, X16, "10\r\n" X16 "\r\n0\r\n\r\n"},
	{S("3;a=b;c=\"d\xe9\"\r\nxyz\r\n0;e\r\n\r\n"), 26, "xyz", "3\r\nxyz\r\n0\r\n\r\n"},
	{S("2 ;a=b\r\nok\r\n0\t ; a\r\n\r\n"), 22, "ok", "2\r\nok\r\n0\r\n\r\n"},
	{S("02; a=b\r\nok\r\n00;\ta\t= b\t\r\n\r\n"), 27, "ok", "2\r\nok\r\n0\r\n\r\n"},
	{S("2;a=\"x\ty\"\r\nok\r\n0\r\n\r\n"), 20, "ok", "2\r\nok\r\n0\r\n\r\n"},
	{S("2;a=\"\\\"\\\\;\"\r\nok\r\n0\r\n\r\n"), 22, "ok", "2\r\nok\r\n0\r\n\r\n"},
	{S("0;" X256 X64 "\r\n\r\n"), 326, "", "0\r\n\r\n"},
	{S("1\r\na\r\n0\r\nGrpc-Status: 0\r\nEmpty:\r\nT: a\tb\r\n\r\n."), 43, "a", NULL},
	{S("0;x\r\nX-" X64 ": y\r\n\r\n"), 78, "", "0\r\nX-" X64 ": y\r\n\r\n"},
};

static const struct {
	struct str in;
	int error;
} bad[] = {
	{S("\r\n"), HTTP1_E_CHUNK_SIZE},
	{S("g\r\n"), HTTP1_E_CHUNK_SIZE},
	{S("-1\r\n"), HTTP1_E_CHUNK_SIZE},
	{S("+1\r\n"), HTTP1_E_CHUNK_SIZE},
	{S("0x1\r\n"), HTTP1_E_CHUNK_SIZE},
	{S(" 1\r\n"), HTTP1_E_CHUNK_SIZE},
	{S("1 \r\n"), HTTP1_E_CHUNK_SIZE},
	{S("1 2\r\n"), HTTP1_E_CHUNK_SIZE},
	{S("00 \r\n"), HTTP1_E_CHUNK_SIZE},
	{S("1 \n"), HTTP1_E_CHUNK_SIZE},
	{S("1\n"), HTTP1_E_CHUNK_SIZE},
	{S(";x\r\n"), HTTP1_E_CHUNK_SIZE},
	{S("0\n"), HTTP1_E_CHUNK_SIZE},
	{S("00g"), HTTP1_E_CHUNK_SIZE},
	{S("1000000000000000\r\n"), HTTP1_E_CHUNK_SIZE},
	{S("fffffffffffffffff\r\n"), HTTP1_E_CHUNK_SIZE},
	{S("1\rx"), HTTP1_E_LINE_END},
	{S("1;x\ry"), HTTP1_E_LINE_END},
	{S("1;x\n"), HTTP1_E_CHUNK_EXTENSION},
	{S("1;a=\"b\r\nGET"), HTTP1_E_CHUNK_EXTENSION},
	{S("1;a=\"b\\\r\n"), HTTP1_E_CHUNK_EXTENSION},
	{S("1;a=\"\n\"\r\n"), HTTP1_E_CHUNK_EXTENSION},
	{S("1;x\0\r\n"), HTTP1_E_CHUNK_EXTENSION},
	{S("1;x\x7f\r\n"), HTTP1_E_CHUNK_EXTENSION},
	{S("1\r\nab\r\n"), HTTP1_E_CHUNK_END},
	{S("1\r\na\n"), HTTP1_E_CHUNK_END},
	{S("1\r\na\rx"), HTTP1_E_CHUNK_END},
	{S("2\r\na\r\n0\r\n\r\n"), HTTP1_E_CHUNK_END},
	{S("0\r\n\n"), HTTP1_E_NAME},
	{S("0\r\n\rx"), HTTP1_E_LINE_END},
	{S("0\r\n x: y\r\n"), HTTP1_E_FOLD},
	{S("0\r\n: y\r\n"), HTTP1_E_NAME},
	{S("0\r\nX : y\r\n"), HTTP1_E_NAME},
	{S("0\r\nX\r\n"), HTTP1_E_NAME},
	{S("0\r\nX: y\n"), HTTP1_E_CONTROL},
	{S("0\r\nX: y\rz"), HTTP1_E_LINE_END},
	{S("0\r\nX: \0\r\n"), HTTP1_E_CONTROL},
	{S("0\r\nGET / HTTP/1.1\r\n"), HTTP1_E_NAME},
	{S("0\r\nContent-Length: 5\r\n"), HTTP1_E_TRAILER},
	{S("0\r\ntransfer-encoding: chunked\r\n"), HTTP1_E_TRAILER},
	{S("0\r\nX: y\r\nHOST: a\r\n"), HTTP1_E_TRAILER},
	{S("0\r\nConnection: close\r\n"), HTTP1_E_TRAILER},
	{S("0\r\nX_Forwarded_For: 127.0.0.1\r\n"), HTTP1_E_TRAILER},
	{S("0\r\nX-Forwarded-" X64 ": 1\r\n"), HTTP1_E_TRAILER},
	{S("0\r\nAuthorization: x\r\n"), HTTP1_E_TRAILER},
};

static struct str canonical(size_t i)
{
	return good[i].canonical ? str_from(good[i].canonical)
				 : (struct str){good[i].in.p, good[i].size};
}

/*
 * Walks with cuts behind every `step` bytes, each piece in a copy of its own, and into memory of
 * exactly the size that is promised to be enough. What is passed on is appended to `out`.
 */
static int walk_on(struct http1_chunks *c, struct str in, size_t step, char *out, size_t *size_out)
{
	size_t at = 0, had = strlen(out);
	int r = HTTP1_MORE;
	while (at < in.n && r == HTTP1_MORE) {
		size_t n = MIN(step, in.n - at), used, wrote, room = n + http1_chunks_held(c);
		uint8_t *copy = malloc(n), *passed = malloc(room);
		assert_true(copy && passed);
		memcpy(copy, in.p + at, n);
		r = http1_chunks_copy(c, copy, n, passed, room, &used, &wrote);
		if (r <= HTTP1_MORE) {
			assert_true(used <= n && wrote <= room);
			assert_true(r == HTTP1_OK || used == n);
			memcpy(out + had, passed, wrote);
			had += wrote;
			at += used;
		}
		free(copy);
		free(passed);
	}
	out[had] = '\0';
	*size_out = at;
	return r;
}

static int walk(struct str in, size_t step, size_t *size_out)
{
	struct http1_chunks c;
	char out[HTTP1_TRAILERS_MAX + 64] = "";
	http1_chunks_init(&c);
	return walk_on(&c, in, step, out, size_out);
}

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		for (size_t step = 1; step <= good[i].in.n; step++) {
			struct http1_chunks c;
			char out[512] = "";
			size_t size;
			http1_chunks_init(&c);
			int r = walk_on(&c, good[i].in, step, out, &size);
			if (r || size != good[i].size || !str_eq(str_from(out), canonical(i)))
				fail_msg("%zu by %zu: %d, %zu bytes, %s", i, step, r, size, out);
		}
		for (size_t n = 0; n < good[i].size; n++) {
			size_t size;
			int r = walk((struct str){good[i].in.p, n}, SIZE_MAX, &size);
			assert_int_equal(r, HTTP1_MORE);
			assert_int_equal(size, n);
		}
	}
}

/* What is canonical is passed on in one piece, as it stands: nothing is copied. */
static void test_as_it_came(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct str in = canonical(i), run;
		for (size_t cut = 0; cut <= in.n; cut++) {
			struct http1_chunks c, before;
			size_t used, size;
			http1_chunks_init(&c);
			before = c;
			assert_int_equal(http1_chunks_next(&c, (const uint8_t *)in.p, in.n, &used,
						 &run),
				HTTP1_OK);
			assert_true(run.p == in.p && run.n == in.n && used == in.n);
			/* And as much of it as the socket takes; the rest comes again. */
			char out[512] = "";
			c = before;
			http1_chunks_passed(&c, (const uint8_t *)in.p, cut);
			memcpy(out, in.p, cut);
			out[cut] = '\0';
			walk_on(&c, (struct str){in.p + cut, in.n - cut}, SIZE_MAX, out, &size);
			if (!str_eq(str_from(out), in))
				fail_msg("%zu cut at %zu: %s", i, cut, out);
		}
	}
}

/* A zero is held until it is known what it is; where there is room for it alone, the rest waits. */
static void test_held(void **state)
{
	struct http1_chunks c;
	uint8_t out[2];
	size_t used, wrote;
	http1_chunks_init(&c);
	assert_int_equal(http1_chunks_copy(&c, (const uint8_t *)"0", 1, out, 1, &used, &wrote),
		HTTP1_MORE);
	assert_true(used == 1 && wrote == 0 && http1_chunks_held(&c));
	assert_int_equal(http1_chunks_copy(&c, (const uint8_t *)"\r", 1, out, 1, &used, &wrote),
		HTTP1_MORE);
	assert_true(used == 0 && wrote == 1 && out[0] == '0' && !http1_chunks_held(&c));
	assert_int_equal(http1_chunks_copy(&c, (const uint8_t *)"\r", 1, out, 1, &used, &wrote),
		HTTP1_MORE);
	assert_true(used == 1 && wrote == 1 && out[0] == '\r');
}

/* Servers of another age pad sizes with blanks, which is taken from answers. */
static void test_padded(void **state)
{
	static const struct str in = S("2   \r\nok\r\n0\t\r\n\r\n");
	for (size_t step = 1; step <= in.n; step++) {
		struct http1_chunks c;
		char out[64] = "";
		size_t size;
		http1_chunks_init(&c);
		c.padded = true;
		assert_int_equal(walk_on(&c, in, step, out, &size), HTTP1_OK);
		assert_string_equal(out, "2\r\nok\r\n0\r\n\r\n");
	}
}

static void test_data(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		for (size_t step = 1; step <= good[i].in.n; step++) {
			struct http1_chunks c;
			char out[512] = "";
			size_t size;
			http1_chunks_init(&c);
			c.data_only = true;
			assert_int_equal(walk_on(&c, good[i].in, step, out, &size), HTTP1_OK);
			assert_int_equal(size, good[i].size);
			assert_string_equal(out, good[i].data);
		}
}

/* What is left out of a body is bounded, but what large chunks say of themselves adds up to nothing. */
static void test_surplus(void **state)
{
	static char line[2 * HTTP1_SURPLUS_MAX], out[2 * HTTP1_SURPLUS_MAX];
	size_t size;
	for (size_t n = HTTP1_SURPLUS_MAX; n <= HTTP1_SURPLUS_MAX + 1; n++) {
		for (size_t i = 0; i < 2; i++) {
			size_t m = n + 1 - i; /* with a digit that stays */
			memset(line, i ? 'x' : '0', m);
			memcpy(line, i ? "1;" : "00", 2);
			memcpy(line + m - 1 + 2 * i, i ? "\r\n" : "1\r\n", 4 - i);
			struct http1_chunks c;
			http1_chunks_init(&c);
			out[0] = '\0';
			int r = walk_on(&c, str_from(line), SIZE_MAX, out, &size);
			int want = i ? HTTP1_E_CHUNK_EXTENSION : HTTP1_E_CHUNK_SIZE;
			assert_int_equal(r, n > HTTP1_SURPLUS_MAX ? want : HTTP1_MORE);
		}
	}
	static const struct {
		struct str chunk;
		bool endless;
	} rows[] = {
		{S("0000000000000001\r\nx\r\n"), true},
		{S("10;signature=0123456789abcdef01\r\nxxxxxxxxxxxxxxxx\r\n"), true},
		{S("1;signature=0123456789abcdef01\r\nx\r\n"), false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http1_chunks c;
		http1_chunks_init(&c);
		int r = HTTP1_MORE;
		for (size_t j = 0; j < 2 * HTTP1_SURPLUS_MAX && r == HTTP1_MORE; j++) {
			out[0] = '\0';
			r = walk_on(&c, rows[i].chunk, SIZE_MAX, out, &size);
		}
		assert_int_equal(r, rows[i].endless ? HTTP1_MORE : HTTP1_E_CHUNK_EXTENSION);
	}
}

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		for (size_t step = 1; step <= bad[i].in.n; step++) {
			size_t size;
			int r = walk(bad[i].in, step, &size);
			if (r != bad[i].error)
				fail_msg("%zu (%.*s) by %zu: %d, not %d", i, STR_ARG(bad[i].in),
					step, r, bad[i].error);
		}
}

static void test_trailer_limit(void **state)
{
	for (size_t extra = 0; extra <= 1; extra++) {
		char in[HTTP1_TRAILERS_MAX + 64] = "0\r\nX:";
		size_t n = strlen(in), value = HTTP1_TRAILERS_MAX - 3 + extra;
		memset(in + n, 'v', value);
		memcpy(in + n + value, "\r\n\r\n", 4);
		size_t size;
		int r = walk((struct str){in, n + value + 4}, SIZE_MAX, &size);
		assert_int_equal(r, extra ? HTTP1_E_TRAILERS_TOO_LARGE : HTTP1_OK);
	}
}

/* A chunk larger than any buffer is passed in pieces, and nothing behind its size is looked at. */
static void test_large(void **state)
{
	struct http1_chunks c;
	http1_chunks_init(&c);
	static uint8_t piece[65536];
	size_t used;
	struct str run;
	memset(piece, '\n', sizeof piece);
	assert_int_equal(http1_chunks_next(&c, (const uint8_t *)"10000000a\r\n", 11, &used, &run),
		HTTP1_MORE);
	for (size_t i = 0; i < 65536; i++) {
		assert_int_equal(http1_chunks_next(&c, piece, sizeof piece, &used, &run),
			HTTP1_MORE);
		assert_int_equal(run.n, sizeof piece);
	}
	assert_int_equal(http1_chunks_next(&c, piece, 10, &used, &run), HTTP1_MORE);
	assert_int_equal(http1_chunks_next(&c, (const uint8_t *)"\r\n0\r\n\r\n", 7, &used, &run),
		HTTP1_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_as_it_came),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_padded),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_surplus),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_trailer_limit),
		cmocka_unit_test(test_large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
