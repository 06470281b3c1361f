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
} good[] = {
	{S("0\r\n\r\n"), 5, ""},
	{S("0\r\n\r\nGET / HTTP/1.1\r\n"), 5, ""},
	{S("000\r\n\r\n0"), 7, ""},
	{S("5\r\nhello\r\n0\r\n\r\n"), 15, "hello"},
	{S("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"), 18, "abc"},
	{S("00000000000000A\r\n\r\n\r\n0\r\n\r\n\r\r\n0\r\n\r\n!"), 34, "\r\n\r\n0\r\n\r\n\r"},
	{S("3;a=b;c=\"d\xe9\"\r\nxyz\r\n0;e\r\n\r\n"), 26, "xyz"},
	{S("0;" X256 "\r\n\r\n"), 262, ""},
	{S("1\r\na\r\n0\r\nGrpc-Status: 0\r\nEmpty:\r\nT: a\tb\r\n\r\n."), 43, "a"},
	{S("0\r\nX-" X64 ": y\r\n\r\n"), 76, ""},
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
	{S("1 ;x\r\n"), HTTP1_E_CHUNK_SIZE},
	{S("1\n"), HTTP1_E_CHUNK_SIZE},
	{S(";x\r\n"), HTTP1_E_CHUNK_SIZE},
	{S("0000000000000001\r\n"), HTTP1_E_CHUNK_SIZE},
	{S("fffffffffffffffff\r\n"), HTTP1_E_CHUNK_SIZE},
	{S("1\rx"), HTTP1_E_LINE_END},
	{S("1;x\ry"), HTTP1_E_LINE_END},
	{S("1;x\n"), HTTP1_E_CHUNK_EXTENSION},
	{S("1;\t\r\n"), HTTP1_E_CHUNK_EXTENSION},
	{S("1;x\0\r\n"), HTTP1_E_CHUNK_EXTENSION},
	{S("1;x\x7f\r\n"), HTTP1_E_CHUNK_EXTENSION},
	{S("1;" X256 "x\r\n"), HTTP1_E_CHUNK_EXTENSION},
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

/* Walks with cuts after every `step` bytes, each piece in a copy of its own. */
static int walk(struct str in, size_t step, size_t *size_out)
{
	struct http1_chunks c;
	http1_chunks_init(&c);
	size_t at = 0;
	int r = HTTP1_MORE;
	while (at < in.n && r == HTTP1_MORE) {
		size_t n = MIN(step, in.n - at), used;
		uint8_t *copy = malloc(n);
		assert_non_null(copy);
		memcpy(copy, in.p + at, n);
		r = http1_chunks_walk(&c, copy, n, &used);
		free(copy);
		if (r > HTTP1_MORE)
			break;
		assert_true(r == HTTP1_OK || used == n);
		at += used;
	}
	*size_out = at;
	return r;
}

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		for (size_t step = 1; step <= good[i].in.n; step++) {
			size_t size;
			int r = walk(good[i].in, step, &size);
			if (r || size != good[i].size)
				fail_msg("%zu by %zu: %d, %zu bytes", i, step, r, size);
		}
		for (size_t n = 0; n < good[i].size; n++) {
			size_t size;
			int r = walk((struct str){good[i].in.p, n}, SIZE_MAX, &size);
			assert_int_equal(r, HTTP1_MORE);
			assert_int_equal(size, n);
		}
	}
}

static void test_data(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct http1_chunks c;
		http1_chunks_init(&c);
		const uint8_t *p = (const uint8_t *)good[i].in.p;
		const char *want = good[i].data;
		size_t at = 0;
		int r;
		do {
			size_t used;
			struct str data;
			r = http1_chunks_next(&c, p + at, good[i].in.n - at, &used, &data);
			assert_true(r <= HTTP1_MORE);
			at += used;
			assert_true(data.n <= strlen(want));
			assert_memory_equal(data.p ? data.p : "", want, data.n);
			if (data.n > 0)
				assert_ptr_equal(data.p + data.n, p + at);
			want += data.n;
		} while (r == HTTP1_MORE);
		assert_int_equal(at, good[i].size);
		assert_int_equal(*want, '\0');
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
	memset(piece, '\n', sizeof piece);
	assert_int_equal(http1_chunks_walk(&c, (const uint8_t *)"10000000a\r\n", 11, &used),
		HTTP1_MORE);
	for (size_t i = 0; i < 65536; i++) {
		assert_int_equal(http1_chunks_walk(&c, piece, sizeof piece, &used), HTTP1_MORE);
		assert_int_equal(used, sizeof piece);
	}
	assert_int_equal(http1_chunks_walk(&c, piece, 10, &used), HTTP1_MORE);
	assert_int_equal(http1_chunks_walk(&c, (const uint8_t *)"\r\n0\r\n\r\n", 7, &used),
		HTTP1_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_trailer_limit),
		cmocka_unit_test(test_large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
