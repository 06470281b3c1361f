/* SPDX-License-Identifier: MIT */
/*
 * The WebSocket codec against the examples of RFC 6455, 5.7 and a table of violations in the spirit
 * of Autobahn's case list. Each input is fed whole and in pieces, from memory of exactly its size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/macros.h"
#include "wire/ws.h"

#define S(literal) "" literal, sizeof(literal) - 1

/* What came out, as text: "B:Hello", "T:…", "I:" ping, "O:" pong, "C1000:reason", "E:name". */
struct seen {
	char text[4096];
	size_t n;
	int result;
};

static void note(struct seen *seen, const struct ws_event *ev)
{
	char head[16];
	switch (ev->type) {
	case WS_MESSAGE:
		snprintf(head, sizeof head, ev->text ? "T:" : "B:");
		break;
	case WS_PING:
		snprintf(head, sizeof head, "I:");
		break;
	case WS_PONG:
		snprintf(head, sizeof head, "O:");
		break;
	case WS_CLOSE:
		snprintf(head, sizeof head, "C%u:", ev->close_code);
		break;
	}
	assert_true(seen->n + strlen(head) + ev->size + 2 < sizeof seen->text);
	memcpy(seen->text + seen->n, head, strlen(head));
	seen->n += strlen(head);
	if (ev->size)
		memcpy(seen->text + seen->n, ev->payload, ev->size);
	seen->n += ev->size;
	seen->text[seen->n++] = ' ';
	seen->text[seen->n] = 0;
}

/*
 * Feeds the input in pieces of `step` bytes the way an owner does. The buffer is a new allocation of
 * exactly what is unconsumed before every call: it moves whenever it may.
 */
static struct seen feed(struct ws_rx rx, const void *input, size_t n, size_t step)
{
	struct seen seen = {.result = WS_MORE};
	uint8_t *held = malloc(1);
	size_t have = 0, missing = 0;

	for (size_t fed = 0; fed < n;) {
		size_t piece = MIN(step, n - fed);
		uint8_t *fresh = malloc(have + piece);
		memcpy(fresh, held, have);
		memcpy(fresh + have, (const uint8_t *)input + fed, piece);
		free(held);
		held = fresh;
		have += piece;
		fed += piece;

		struct ws_event ev;
		uint8_t *p = held;
		size_t left = have, events = 0;
		while ((seen.result = ws_rx_next(&rx, p, left, &ev)) == 0) {
			note(&seen, &ev);
			events++;
			p += ev.consumed;
			left -= ev.consumed;
		}
		if (seen.result != WS_MORE) {
			free(held);
			return seen;
		}
		/* What was said to be missing was the least: nothing can come of less. */
		if (events && missing)
			assert_true(piece >= missing);
		assert_true(ev.missing > 0);
		missing = ev.missing;
		p += ev.consumed;
		left -= ev.consumed;
		fresh = malloc(left + 1);
		memcpy(fresh, p, left);
		free(held);
		held = fresh;
		have = left;
	}
	free(held);
	return seen;
}

static const struct good {
	const char *name;
	bool masked;
	const char *in;
	size_t n;
	const char *out;
} good[] = {
	{"5.7 unmasked text", false, S("\x81\x05Hello"), "T:Hello "},
	{"5.7 masked text", true, S("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "T:Hello "},
	{"5.7 fragmented text", false, S("\x01\x03Hel\x80\x02lo"), "T:Hello "},
	{"5.7 ping", false, S("\x89\x05Hello"), "I:Hello "},
	{"5.7 masked pong", true, S("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "O:Hello "},
	{"empty", false, S("\x82\x00\x81\x00\x89\x00"), "B: T: I: "},
	{"empty masked", true, S("\x82\x80....\x8a\x80...."), "B: O: "},
	{"two messages", false, S("\x82\x01x\x82\x01y"), "B:x B:y "},
	{"pings between fragments", false,
		S("\x02\x01x\x89\x01p\x00\x01y\x8a\x01q\x89\x00\x80\x01z\x82\x01w"),
		"I:p O:q I: B:xyz B:w "},
	{"empty fragments", false, S("\x02\x00\x00\x00\x00\x01x\x00\x00\x80\x00\x82\x00"),
		"B:x B: "},
	{"empty fragments between", false, S("\x02\x01x\x00\x00\x89\x00\x00\x00\x80\x02yz"),
		"I: B:xyz "},
	{"long fragments move down", false,
		S("\x02\x03"
		  "abc\x00\x09"
		  "defghijkl\x00\x01m\x80\x05nopqr\x82\x02st"),
		"B:abcdefghijklmnopqr B:st "},
	{"masked fragments, each with its key", true,
		S("\x02\x81\x01\x02\x03\x04y\x89\x81\x01\x01\x01\x01q\x80\x82\x04\x03\x02\x01|y"),
		"I:p B:xxz "},
	{"UTF-8 across fragments", false, S("\x01\x01\xc3\x80\x01\xa9"), "T:\xc3\xa9 "},
	{"UTF-8 at its edges", false,
		S("\x81\x0d\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\xe0\xa0\x80"),
		"T:\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\xe0\xa0\x80 "},
	{"binary is not text", false, S("\x82\x02\xff\xfe"), "B:\xff\xfe "},
	{"close", false, S("\x88\x00"), "C1005: "},
	{"close with code", false, S("\x88\x02\x03\xe8"), "C1000: "},
	{"close with reason", false, S("\x88\x05\x03\xf0\xc3\xa9!"), "C1008:\xc3\xa9! "},
	{"close with a private code", false, S("\x88\x02\x13\x87"), "C4999: "},
	{"close inside a message", false, S("\x02\x01x\x88\x00"), "C1005: "},
};

static void good_inputs(void **state)
{
	for (const struct good *g = good; g < good + ARRAY_LEN(good); g++) {
		struct ws_rx rx = {.masked = g->masked, .limit = WS_MESSAGE_MAX};
		for (size_t step = 1; step <= g->n; step++) {
			struct seen seen = feed(rx, g->in, g->n, step);
			if (strcmp(seen.text, g->out) != 0 || seen.result != WS_MORE)
				fail_msg("%s, step %zu: \"%s\" then %s", g->name, step, seen.text,
					ws_error_name(seen.result));
		}
		/* Every prefix asks for more, or ends where a frame does; none is an error. */
		for (size_t n = 1; n < g->n; n++)
			assert_int_equal(feed(rx, g->in, n, n).result, WS_MORE);
	}
}

static const struct bad {
	int error;
	bool masked;
	const char *in;
	size_t n;
	const char *before;
} bad[] = {
	{WS_E_RESERVED_BITS, false, S("\xc2\x00"), ""},
	{WS_E_RESERVED_BITS, false, S("\xa2\x00"), ""},
	{WS_E_RESERVED_BITS, false, S("\x82\x00\x99\x00"), "B: "},
	{WS_E_RESERVED_OPCODE, false, S("\x83\x00"), ""},
	{WS_E_RESERVED_OPCODE, false, S("\x87\x00"), ""},
	{WS_E_RESERVED_OPCODE, false, S("\x8b\x00"), ""},
	{WS_E_RESERVED_OPCODE, false, S("\x8f\x00"), ""},
	{WS_E_MASKED, false, S("\x82\x80...."), ""},
	{WS_E_UNMASKED, true, S("\x82\x00"), ""},
	{WS_E_UNMASKED, true, S("\x89\x00"), ""},
	{WS_E_CONTROL_SIZE, false, S("\x89\x7e\x00\x7e"), ""},
	{WS_E_CONTROL_SIZE, false, S("\x88\x7f"), ""},
	{WS_E_CONTROL_SPLIT, false, S("\x09\x00"), ""},
	{WS_E_CONTROL_SPLIT, false, S("\x08\x00"), ""},
	{WS_E_CONTINUATION, false, S("\x80\x00"), ""},
	{WS_E_CONTINUATION, false, S("\x00\x00"), ""},
	{WS_E_CONTINUATION, false, S("\x02\x00\x80\x00\x80\x00"), "B: "},
	{WS_E_INTERLEAVED, false, S("\x02\x00\x82\x00"), ""},
	{WS_E_INTERLEAVED, false, S("\x02\x00\x89\x00\x01\x00"), "I: "},
	{WS_E_LENGTH_FORM, false, S("\x82\x7e\x00\x7d"), ""},
	{WS_E_LENGTH_FORM, false, S("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"), ""},
	{WS_E_LENGTH_FORM, false, S("\x82\x7f\x80\x00\x00\x00\x00\x01\x00\x00"), ""},
	{WS_E_TOO_BIG, false, S("\x82\x7e\x04\x01"), ""}, /* the limit here is 1,024 */
	{WS_E_TOO_BIG, false, S("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"), ""},
	{WS_E_TOO_BIG, false, S("\x02\x02xx\x00\x7e\x03\xff"), ""},
	{WS_E_TOO_BIG, false, S("\x02\x02xx\x00\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"), ""},
	{WS_E_UTF8, false, S("\x81\x01\xff"), ""},
	{WS_E_UTF8, false, S("\x81\x01\x80"), ""},
	{WS_E_UTF8, false, S("\x81\x01\xc3"), ""},
	{WS_E_UTF8, false, S("\x81\x02\xc0\xaf"), ""},
	{WS_E_UTF8, false, S("\x81\x03\xed\xa0\x80"), ""},
	{WS_E_UTF8, false, S("\x81\x03\xe0\x9f\xbf"), ""},
	{WS_E_UTF8, false, S("\x81\x04\xf0\x8f\xbf\xbf"), ""},
	{WS_E_UTF8, false, S("\x81\x04\xf4\x90\x80\x80"), ""},
	{WS_E_UTF8, false, S("\x81\x04\xf5\x80\x80\x80"), ""},
	{WS_E_UTF8, false, S("\x81\x03\xe2\x82x"), ""},
	{WS_E_UTF8, false, S("\x01\x01\xc3\x80\x01x"), ""},
	{WS_E_UTF8, false, S("\x88\x03\x03\xe8\xff"), ""},
	{WS_E_CLOSE_SIZE, false, S("\x88\x01\x03"), ""},
	{WS_E_CLOSE_CODE, false, S("\x88\x02\x00\x00"), ""},
	{WS_E_CLOSE_CODE, false, S("\x88\x02\x03\xe7"), ""}, /* 999 */
	{WS_E_CLOSE_CODE, false, S("\x88\x02\x03\xec"), ""}, /* 1004 */
	{WS_E_CLOSE_CODE, false, S("\x88\x02\x03\xed"), ""}, /* 1005 */
	{WS_E_CLOSE_CODE, false, S("\x88\x02\x03\xee"), ""}, /* 1006 */
	{WS_E_CLOSE_CODE, false, S("\x88\x02\x03\xf7"), ""}, /* 1015 */
	{WS_E_CLOSE_CODE, false, S("\x88\x02\x07\xd0"), ""}, /* 2000 */
	{WS_E_CLOSE_CODE, false, S("\x88\x02\x0b\xb7"), ""}, /* 2999 */
	{WS_E_CLOSE_CODE, false, S("\x88\x02\x13\x88"), ""}, /* 5000 */
	{WS_E_CLOSE_CODE, false, S("\x88\x02\xff\xff"), ""},
};

static void violations(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct bad *b = &bad[i];
		struct ws_rx rx = {.masked = b->masked, .limit = WS_MESSAGE_MAX_UNPROVEN};
		for (size_t step = 1; step <= b->n; step++) {
			struct seen seen = feed(rx, b->in, b->n, step);
			if (seen.result != b->error || strcmp(seen.text, b->before) != 0)
				fail_msg("row %zu, step %zu: \"%s\" then %s", i, step, seen.text,
					ws_error_name(seen.result));
		}
	}
}

static void errors_have_names_and_codes(void **state)
{
	for (int e = WS_E_RESERVED_BITS; e <= WS_E_CLOSE_CODE; e++) {
		assert_string_not_equal(ws_error_name(e), "no error");
		assert_int_not_equal(ws_close_code(e), 1000);
	}
	assert_int_equal(ws_close_code(WS_E_TOO_BIG), 1009);
	assert_int_equal(ws_close_code(WS_E_UTF8), 1007);
	assert_string_equal(ws_error_name(WS_MORE), "no error");
	assert_string_equal(ws_error_name(-5), "no error");
}

static void text_is_refused_on_a_link(void **state)
{
	struct ws_rx rx = {.binary_only = true, .limit = 100};
	assert_int_equal(feed(rx, S("\x81\x05Hello"), 1).result, WS_E_TEXT);
	assert_int_equal(feed(rx, S("\x01\x01x"), 1).result, WS_E_TEXT);
	assert_string_equal(feed(rx, S("\x02\x01x\x80\x01y"), 1).text, "B:xy ");
}

static void the_limit_may_be_raised_in_between(void **state)
{
	static uint8_t in[4 + 2000 + 2] = {0x82, 126, 2000 >> 8, 2000 & 0xff};
	struct ws_rx rx = {.limit = WS_MESSAGE_MAX_UNPROVEN};
	struct ws_event ev;
	assert_int_equal(ws_rx_next(&rx, in, sizeof in, &ev), WS_E_TOO_BIG);
	rx.limit = 1999;
	assert_int_equal(ws_rx_next(&rx, in, sizeof in, &ev), WS_E_TOO_BIG);
	rx.limit = 2000;
	assert_int_equal(ws_rx_next(&rx, in, sizeof in, &ev), 0);
	assert_int_equal(ev.size, 2000);
	assert_int_equal(ev.consumed, 2004);
}

/* The promise about the buffer: so much room is enough however the peer cuts its messages. */
static void a_bounded_buffer_is_enough(void **state)
{
	enum { LIMIT = 500, ROOM = LIMIT + WS_HEADER_MAX + WS_CONTROL_MAX };
	struct ws_rx rx = {.masked = true, .limit = LIMIT};
	uint8_t wire[64 * 1024], buffer[ROOM];
	size_t n = 0, have = 0, messages = 0, pings = 0;

	for (unsigned m = 0; m < 20; m++) {
		for (size_t i = 0; i < LIMIT;) {
			size_t part = MIN(1 + (i * 7 + m) % 90, LIMIT - i), at = n;
			n += ws_write_header(wire + n, WS_OP_BINARY, part, true, 0x01020304 * m);
			wire[at] = (uint8_t)((i ? 0 : 2) | (i + part == LIMIT ? 0x80 : 0));
			for (size_t k = 0; k < part; k++)
				wire[n + k] = (uint8_t)(i + k + m);
			ws_mask(wire + n, part, 0x01020304 * m);
			n += part;
			i += part;
			for (unsigned k = 0; k < m % 3; k++) {
				n += ws_write_header(wire + n, WS_OP_PING, WS_CONTROL_MAX, true, 0);
				memset(wire + n, 'p', WS_CONTROL_MAX);
				n += WS_CONTROL_MAX;
				assert_true(n < sizeof wire - 500);
			}
		}
	}
	for (size_t fed = 0; fed < n;) {
		size_t piece = MIN(ROOM - have, n - fed);
		assert_true(piece > 0);
		memcpy(buffer + have, wire + fed, piece);
		fed += piece;
		have += piece;
		struct ws_event ev;
		int r;
		do {
			r = ws_rx_next(&rx, buffer, have, &ev);
			if (r == 0 && ev.type == WS_MESSAGE) {
				assert_int_equal(ev.size, LIMIT);
				for (size_t i = 0; i < LIMIT; i++)
					assert_int_equal(ev.payload[i], (uint8_t)(i + messages));
				messages++;
			} else if (r == 0) {
				assert_int_equal(ev.type, WS_PING);
				pings++;
			}
			assert_true(r == 0 || r == WS_MORE);
			have -= ev.consumed;
			memmove(buffer, buffer + ev.consumed, have);
		} while (r == 0);
	}
	assert_int_equal(messages, 20);
	assert_true(pings > 100);
	assert_int_equal(have, 0);
}

static void headers(void **state)
{
	static const struct {
		size_t payload;
		bool masked;
		const char *header;
		size_t n;
	} rows[] = {
		{0, false, S("\x82\x00")},
		{125, false, S("\x82\x7d")},
		{126, false, S("\x82\x7e\x00\x7e")},
		{256, false, S("\x82\x7e\x01\x00")}, /* 5.7 */
		{65535, false, S("\x82\x7e\xff\xff")},
		{65536, false, S("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00")}, /* 5.7 */
		{5, true, S("\x82\x85\x37\xfa\x21\x3d")},
		{300, true, S("\x82\xfe\x01\x2c\x37\xfa\x21\x3d")},
		{65536, true, S("\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00\x37\xfa\x21\x3d")},
	};
	uint32_t key;
	memcpy(&key, "\x37\xfa\x21\x3d", 4);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t at[WS_HEADER_MAX];
		size_t n = ws_write_header(at, WS_OP_BINARY, rows[i].payload, rows[i].masked, key);
		assert_int_equal(n, rows[i].n);
		assert_int_equal(n, ws_header_size(rows[i].payload, rows[i].masked));
		assert_memory_equal(at, rows[i].header, n);
	}
	uint8_t at[WS_HEADER_MAX];
	ws_write_header(at, WS_OP_PING, 0, false, 0);
	assert_int_equal(at[0], 0x89);
}

/* Each length form, written and read back. */
static void round_trip(void **state)
{
	static const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 70000};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		size_t h = ws_header_size(sizes[i], true);
		uint8_t *p = malloc(h + sizes[i]);
		ws_write_header(p, WS_OP_BINARY, sizes[i], true, 0x55aa1234);
		memset(p + h, 'x', sizes[i]);
		ws_mask(p + h, sizes[i], 0x55aa1234);

		struct ws_rx rx = {.masked = true, .limit = 70000};
		struct ws_event ev;
		assert_int_equal(ws_rx_next(&rx, p, h - 1, &ev), WS_MORE);
		assert_true(ev.missing >= 1 && ev.missing <= 1 + sizes[i]);
		if (sizes[i]) {
			assert_int_equal(ws_rx_next(&rx, p, h, &ev), WS_MORE);
			assert_int_equal(ev.missing, sizes[i]);
		}
		assert_int_equal(ev.consumed, 0);
		assert_int_equal(ws_rx_next(&rx, p, h + sizes[i], &ev), 0);
		assert_ptr_equal(ev.payload, p + h); /* in place */
		assert_int_equal(ev.size, sizes[i]);
		assert_int_equal(ev.consumed, h + sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(ev.payload[k], 'x');
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_inputs),
		cmocka_unit_test(violations),
		cmocka_unit_test(errors_have_names_and_codes),
		cmocka_unit_test(text_is_refused_on_a_link),
		cmocka_unit_test(the_limit_may_be_raised_in_between),
		cmocka_unit_test(a_bounded_buffer_is_enough),
		cmocka_unit_test(headers),
		cmocka_unit_test(round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
