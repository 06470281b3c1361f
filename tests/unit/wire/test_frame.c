/* SPDX-License-Identifier: MIT */
/* The mux's frames: bytes as the document has them, and each way of not being one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/macros.h"
#include "wire/frame.h"

static const uint8_t opaque[8] = {1, 2, 3, 4, 5, 6, 7, 8};

static void written_bytes(void **state)
{
	uint8_t at[FRAME_SMALL_MAX];
	static const uint8_t fin[] = {0x84, 0, 0, 8, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8};
	assert_int_equal(frame_write_fin(at, 3, 0x0102030405060708), sizeof fin);
	assert_memory_equal(at, fin, sizeof fin);

	static const uint8_t reset[] = {0x85, 0, 0, 9, 1, 2, 3, 4, 4, 0, 0, 0, 0, 0, 0, 1, 0};
	assert_int_equal(frame_write_reset(at, 0x01020304, FRAME_RESET_DNS, 256), sizeof reset);
	assert_memory_equal(at, reset, sizeof reset);

	static const uint8_t window[] = {0x86, 0, 0, 4, 0, 0, 0, 7, 0x7f, 0xff, 0xff, 0xff};
	assert_int_equal(frame_write_window(at, 7, FRAME_CREDIT_MAX), sizeof window);
	assert_memory_equal(at, window, sizeof window);

	static const uint8_t ping[] = {0x87, 0, 0, 8, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
	assert_int_equal(frame_write_ping(at, opaque), sizeof ping);
	assert_memory_equal(at, ping, sizeof ping);

	static const uint8_t pong[] = {0x08, 0, 0, 8, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
	assert_int_equal(frame_write_pong(at, opaque), sizeof pong);
	assert_memory_equal(at, pong, sizeof pong);

	static const uint8_t goaway[] = {0x89, 0, 0, 5, 0, 0, 0, 0, 0, 0, 1, 1, 2};
	assert_int_equal(frame_write_goaway(at, 257, FRAME_GOAWAY_REPLACED), sizeof goaway);
	assert_memory_equal(at, goaway, sizeof goaway);

	static const uint8_t open[] = {0x81, 0, 0, 17, 0, 0, 0, 2, 3, 0, 0, 0, 9, 4, 0x1f, 0x90,
		192, 0, 2, 1, 0, 0, 0, 2, 1};
	const struct frame_open o = {.kind = FRAME_KIND_HTTP,
		.service = 9,
		.visitor = {.family = 4, .port = 8080, .ip = {192, 0, 2, 1}},
		.tls = FRAME_TLS_1_3,
		.alpn = FRAME_ALPN_HTTP11};
	assert_int_equal(frame_write_open(at, 2, &o), sizeof open);
	assert_memory_equal(at, open, sizeof open);

	static const uint8_t data[] = {0x82, 0, 0xff, 0xe7, 0xff, 0xff, 0xff, 0xff};
	frame_write_header(at, FRAME_DATA, FRAME_PAYLOAD_MAX, UINT32_MAX);
	assert_memory_equal(at, data, sizeof data);
}

static uint8_t *copy; /* of the last read_exact() */

/* Reads a frame from memory of exactly its size. */
static int read_exact(const uint8_t *p, size_t n, struct frame *frame_out)
{
	free(copy);
	copy = malloc(n);
	memcpy(copy, p, n);
	return frame_read_header(copy, n, frame_out);
}

static void read_back(void **state)
{
	uint8_t at[FRAME_SMALL_MAX];
	struct frame f;
	uint64_t written;
	uint32_t number;

	assert_int_equal(read_exact(at, frame_write_fin(at, 5, UINT64_MAX - 1), &f), 0);
	assert_int_equal(f.type, FRAME_FIN);
	assert_int_equal(f.stream, 5);
	assert_true(frame_read_fin(&f) == UINT64_MAX - 1);

	size_t n = frame_write_reset(at, 6, FRAME_RESET_CANCELLED, 77);
	assert_int_equal(read_exact(at, n, &f), 0);
	assert_int_equal(frame_read_reset(&f, &written), FRAME_RESET_CANCELLED);
	assert_int_equal(written, 77);

	assert_int_equal(read_exact(at, frame_write_window(at, 6, 1), &f), 0);
	assert_int_equal(frame_read_window(&f, &number), 0);
	assert_int_equal(number, 1);

	assert_int_equal(read_exact(at, frame_write_goaway(at, 99, FRAME_GOAWAY_IDS), &f), 0);
	assert_int_equal(frame_read_goaway(&f, &number), FRAME_GOAWAY_IDS);
	assert_int_equal(number, 99);

	assert_int_equal(read_exact(at, frame_write_ping(at, opaque), &f), 0);
	assert_memory_equal(f.payload, opaque, 8);
}

/* Of the consumer's name what is behind its end is anything. */
static void same_open(const struct frame_open *a, const struct frame_open *b)
{
	assert_memory_equal(a, b, offsetof(struct frame_open, consumer));
	assert_string_equal(a->consumer, b->consumer);
}

static void open_with_every_pair_of_families(void **state)
{
	static const uint8_t families[] = {0, 4, 6};
	for (size_t i = 0; i < 9; i++) {
		struct frame_open o = {.kind = FRAME_KIND_UDP, .service = UINT32_MAX}, back;
		o.tls = (uint8_t)(i + 1); /* numbers that are not listed come through as well */
		o.alpn = (uint8_t)(i + 200);
		o.visitor.family = families[i / 3];
		o.local.family = families[i % 3];
		for (struct frame_addr *a = &o.visitor; a <= &o.local; a++) {
			if (a->family) {
				a->port = 0xabcd;
				memset(a->ip, 0x11 + (int)i, a->family == 4 ? 4 : 16);
			}
		}
		uint8_t at[FRAME_SMALL_MAX];
		size_t n = frame_write_open(at, 1, &o);
		struct frame f;
		assert_int_equal(read_exact(at, n, &f), 0);
		assert_int_equal(frame_read_open(&f, &back), 0);
		same_open(&o, &back);

		/* A byte less and a byte more, with a size to match, are no OPEN. */
		at[3]--;
		int r = read_exact(at, n - 1, &f);
		assert_int_equal(r ? r : frame_read_open(&f, &back),
			r ? FRAME_E_SIZE : FRAME_E_OPEN);
		at[3] += 2;
		uint8_t longer[FRAME_SMALL_MAX + 1] = {0};
		memcpy(longer, at, n);
		r = read_exact(longer, n + 1, &f);
		assert_int_equal(r ? r : frame_read_open(&f, &back),
			r ? FRAME_E_SIZE : FRAME_E_OPEN);
	}
}

/* A private service's: whole, or not there. */
static void open_with_a_tail(void **state)
{
	static const uint8_t bytes[] = {0x81, 0, 0, 21, 0, 0, 0, 2, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0,
		0, 0, 0x01, 0x02, 0x03, 0x04, 3, 'w', 'e', 'b'};
	struct frame_open o = {.kind = FRAME_KIND_TCP,
		.service = 9,
		.link = 0x01020304,
		.consumer = "web"};
	struct frame_open back;
	uint8_t at[FRAME_SMALL_MAX + 1];
	struct frame f;
	assert_int_equal(frame_write_open(at, 2, &o), sizeof bytes);
	assert_memory_equal(at, bytes, sizeof bytes);
	assert_int_equal(read_exact(at, sizeof bytes, &f), 0);
	assert_int_equal(frame_read_open(&f, &back), 0);
	same_open(&o, &back);
	/* Every part of it is none. Without any of it: no tail. */
	for (size_t n = sizeof bytes - 1; n >= FRAME_HEADER + 13; n--) {
		at[3] = (uint8_t)(n - FRAME_HEADER);
		assert_int_equal(read_exact(at, n, &f), 0);
		bool none = n == FRAME_HEADER + 13;
		assert_int_equal(frame_read_open(&f, &back), none ? 0 : FRAME_E_OPEN);
	}
	assert_int_equal(back.link, 0);
	assert_string_equal(back.consumer, "");
}

static void the_longest_open(void **state)
{
	uint8_t at[FRAME_SMALL_MAX + 1] = {0};
	struct frame f;
	struct frame_open back, o = {.kind = FRAME_KIND_TCP, .link = UINT32_MAX};
	o.visitor.family = o.local.family = 6;
	memset(o.consumer, 'z', FRAME_CONSUMER_MAX);
	assert_int_equal(frame_write_open(at, 2, &o), FRAME_SMALL_MAX);
	assert_int_equal(read_exact(at, FRAME_SMALL_MAX, &f), 0);
	assert_int_equal(frame_read_open(&f, &back), 0);
	same_open(&o, &back);
}

static void tails_refused(void **state)
{
	static const struct {
		uint32_t link;
		uint8_t n;
		const char *name; /* three bytes */
	} rows[] = {
		{0, 3, "web"},
		{1, 0, "web"},
		{1, 2, "web"},
		{1, 4, "web"},
		{1, 64, "web"},
		{1, 3, "wEb"},
		{1, 3, "w b"},
		{1, 3, "w.b"},
		{1, 3, "w\0b"},
		{1, 3, "w\nb"},
		{1, 3,
			"w\xfc"
			"b"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t at[21] = {1, [4] = 9};
		struct frame f = {.type = FRAME_OPEN, .size = sizeof at, .payload = at};
		struct frame_open o;
		bytes_set_be32(at + 13, rows[i].link);
		at[17] = rows[i].n;
		memcpy(at + 18, rows[i].name, 3);
		if (frame_read_open(&f, &o) != FRAME_E_OPEN)
			fail_msg("row %zu", i);
	}
}

static void prefixes_are_truncated(void **state)
{
	uint8_t at[FRAME_SMALL_MAX];
	struct frame f;
	size_t n = frame_write_reset(at, 1, FRAME_RESET_NONE, 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(read_exact(at, i, &f), FRAME_E_TRUNCATED);
	assert_int_equal(read_exact(at, n, &f), 0);
}

static void violations(void **state)
{
	static const struct {
		int result;
		uint8_t type;
		uint32_t size, stream;
	} rows[] = {
		{FRAME_E_SIZE, FRAME_OPEN, 12, 1},
		{FRAME_E_SIZE, FRAME_OPEN, 114, 1},
		{FRAME_E_STREAM, FRAME_OPEN, 13, 0},
		{FRAME_E_SIZE, FRAME_DATA, 0, 1}, /* rule 20 */
		{0, FRAME_DATA, 1, 1},
		{0, FRAME_DATA, FRAME_PAYLOAD_MAX, 1},
		{FRAME_E_SIZE, FRAME_DATA, FRAME_PAYLOAD_MAX + 1, 1},
		{FRAME_E_STREAM, FRAME_DATA, 1, 0},
		{0, FRAME_DATAGRAM, 0, 1},
		{0, FRAME_DATAGRAM, 65507, 1},
		{FRAME_E_SIZE, FRAME_DATAGRAM, 65508, 1},
		{FRAME_E_STREAM, FRAME_DATAGRAM, 5, 0},
		{FRAME_E_SIZE, FRAME_FIN, 7, 1},
		{FRAME_E_SIZE, FRAME_FIN, 9, 1},
		{FRAME_E_SIZE, FRAME_RESET, 8, 1},
		{FRAME_E_SIZE, FRAME_RESET, 10, 1},
		{FRAME_E_SIZE, FRAME_WINDOW, 3, 1},
		{FRAME_E_SIZE, FRAME_WINDOW, 5, 1},
		{FRAME_E_STREAM, FRAME_WINDOW, 4, 0},
		{FRAME_E_SIZE, FRAME_PING, 7, 0},
		{FRAME_E_STREAM, FRAME_PING, 8, 1},
		{FRAME_E_SIZE, FRAME_PONG, 9, 0},
		{FRAME_E_STREAM, FRAME_PONG, 8, 1},
		{FRAME_E_SIZE, FRAME_GOAWAY, 4, 0},
		{FRAME_E_STREAM, FRAME_GOAWAY, 5, 1},
		{FRAME_E_SIZE, FRAME_CONTROL, 0, 0},
		{0, FRAME_CONTROL, 65000, 0},
		{FRAME_E_SIZE, FRAME_CONTROL, 65001, 0},
		{FRAME_E_STREAM, FRAME_CONTROL, 5, 1},
		/* Rule 18. The bit is part of the number: OPEN without it is no OPEN. */
		{FRAME_E_UNKNOWN, 0x80, 0, 0},
		{FRAME_E_UNKNOWN, 0x8b, 0, 0},
		{FRAME_E_UNKNOWN, 0xff, 9, 1},
		{FRAME_E_UNKNOWN, FRAME_PONG | FRAME_CRITICAL, 8, 0},
		{FRAME_E_UNKNOWN, FRAME_DATAGRAM | FRAME_CRITICAL, 8, 1},
		{FRAME_SKIP, 0, 0, 0},
		{FRAME_SKIP, FRAME_OPEN & 0x7f, 13, 1},
		{FRAME_SKIP, 0x7f, 65511, UINT32_MAX},
	};
	static uint8_t at[FRAME_HEADER + UINT16_MAX];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct frame f = {0};
		/* Not with frame_write_header(), which knows no such types. */
		memset(at, 0, sizeof at);
		at[0] = rows[i].type;
		at[1] = 0xff; /* flags are not looked at */
		bytes_set_be16(at + 2, (uint16_t)rows[i].size);
		bytes_set_be32(at + 4, rows[i].stream);
		int r = read_exact(at, FRAME_HEADER + rows[i].size, &f);
		if (r != rows[i].result)
			fail_msg("row %zu: %s", i, frame_error_name(r));
		if (r == 0 || r == FRAME_SKIP)
			assert_int_equal(f.size, rows[i].size);
		else
			assert_null(f.payload); /* untouched */
	}
}

static void window_increments(void **state)
{
	static const struct {
		uint32_t increment;
		int result;
	} rows[] = {{0, FRAME_E_INCREMENT}, {1, 0}, {INT32_MAX, 0}, {1u << 31, FRAME_E_INCREMENT},
		{UINT32_MAX, FRAME_E_INCREMENT}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t at[FRAME_SMALL_MAX];
		struct frame f;
		uint32_t got;
		assert_int_equal(read_exact(at, frame_write_window(at, 1, rows[i].increment), &f),
			0);
		assert_int_equal(frame_read_window(&f, &got), rows[i].result);
	}
}

static void open_families(void **state)
{
	/* No family 5, and no port without an address. */
	static const uint8_t rows[][13] = {
		{1, 0, 0, 0, 1, 5, 0, 0, 0, 0, 0},
		{1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0},
		{1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0},
		{1, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct frame f = {.type = FRAME_OPEN, .size = 13, .payload = rows[i]};
		struct frame_open o;
		assert_int_equal(frame_read_open(&f, &o), FRAME_E_OPEN);
	}
}

static void names(void **state)
{
	assert_string_equal(frame_type_name(FRAME_OPEN), "OPEN");
	assert_string_equal(frame_type_name(FRAME_CONTROL), "CONTROL");
	assert_string_equal(frame_type_name(1), "unknown");
	assert_string_equal(frame_type_name(0xff), "unknown");
	assert_string_equal(frame_reset_name(FRAME_RESET_NONE), "done");
	assert_string_equal(frame_reset_name(FRAME_RESET_CANCELLED), "cancelled");
	assert_string_equal(frame_reset_name(FRAME_RESET_TLS), "tls");
	assert_string_equal(frame_reset_name(FRAME_RESET_SURPLUS), "surplus");
	assert_string_equal(frame_type_name(FRAME_REUSE), "REUSE");
	assert_string_equal(frame_reset_name(200), "unknown");
	assert_string_equal(frame_goaway_name(FRAME_GOAWAY_NO_MEMORY), "no_memory");
	assert_string_equal(frame_goaway_name(200), "unknown");
	for (int e = FRAME_E_TRUNCATED; e <= FRAME_E_INCREMENT; e++)
		assert_string_not_equal(frame_error_name(e), "no error");
	assert_string_equal(frame_error_name(FRAME_SKIP), "no error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_bytes),
		cmocka_unit_test(read_back),
		cmocka_unit_test(open_with_every_pair_of_families),
		cmocka_unit_test(open_with_a_tail),
		cmocka_unit_test(the_longest_open),
		cmocka_unit_test(tails_refused),
		cmocka_unit_test(prefixes_are_truncated),
		cmocka_unit_test(violations),
		cmocka_unit_test(window_increments),
		cmocka_unit_test(open_families),
		cmocka_unit_test(names),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(copy);
	return failed;
}
