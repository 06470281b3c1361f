/* SPDX-License-Identifier: MIT */
/* What a peer does that nobody does in good faith. */
#include <stdlib.h>

#include "base/clock.h"
#include "both_ends.h"

#define WINDOW 65535

static uint64_t now = CLOCK_S;

/* A frame of these bytes to the server. 0, or < 0 as h2_input() and h2_output(). */
static int send_frame(struct ends *e, uint8_t type, uint8_t flags, uint32_t id, const void *p,
	size_t n)
{
	uint8_t f[1024] = {(uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, type, flags,
		(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
	assert_true(H2_FRAME_HEAD + n <= sizeof(f));
	if (n)
		memcpy(f + H2_FRAME_HEAD, p, n);
	int r = h2_input(&e->server, f, H2_FRAME_HEAD + n, now);
	return r ? r : h2_output(&e->server);
}

/* GET https://a/ in HPACK */
static const uint8_t get[] = {0x82, 0x87, 0x84, 0x41, 0x01, 'a'};
#define END (NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS)

/* Looks for GOAWAY in what the server says: the client knows nothing of these streams. */
static void hear(struct ends *e)
{
	struct buf *out = &e->server.out;
	while (buf_len(out) >= H2_FRAME_HEAD) {
		const uint8_t *f = buf_head(out);
		size_t n = (size_t)f[0] << 16 | (size_t)f[1] << 8 | f[2];
		assert_true(buf_len(out) >= H2_FRAME_HEAD + n);
		if (f[3] == NGHTTP2_GOAWAY)
			e->goaway = f[H2_FRAME_HEAD + 7];
		buf_consume(out, H2_FRAME_HEAD + n);
	}
}

/* The request that came last is forgotten, as an owner does with one that is over. */
static void forget(struct ends *e)
{
	if (!e->n_served)
		return;
	h2_stream_forget(&e->served[0]->stream);
	free(e->served[0]);
	e->n_served = 0;
}

static void begin(struct ends *e)
{
	ends_init(e, WINDOW);
	ends_talk(e);
}

static void test_skipped_id(void **state)
{
	struct ends e;
	begin(&e);
	assert_int_equal(send_frame(&e, NGHTTP2_HEADERS, END, 1, get, sizeof(get)), 0);
	assert_int_equal(send_frame(&e, NGHTTP2_HEADERS, END, 9, get, sizeof(get)), 0);
	assert_true(h2_alive(&e.server) && !e.server.ending);
	send_frame(&e, NGHTTP2_HEADERS, END, 5, get, sizeof(get));
	hear(&e);
	assert_int_equal(e.goaway, H2_PROTOCOL_ERROR);
	assert_int_equal(e.n_served, 2);
	ends_deinit(&e);
}

static void test_late(void **state)
{
	for (unsigned type = NGHTTP2_DATA; type <= NGHTTP2_HEADERS; type++) {
		struct ends e;
		begin(&e);
		send_frame(&e, NGHTTP2_HEADERS, END, 1, get, sizeof(get));
		ends_answer(e.served[0], "HTTP/1.1 204 No Content\r\n\r\n", true);
		send_frame(&e, (uint8_t)type, END, 1, get, sizeof(get));
		hear(&e);
		assert_int_equal(e.goaway, H2_STREAM_CLOSED);
		ends_deinit(&e);
	}
}

/* What was under way when we reset the stream is no fault of the peer's. */
static void test_behind_our_reset(void **state)
{
	struct ends e;
	begin(&e);
	send_frame(&e, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, get, sizeof(get));
	h2_reset(&e.served[0]->stream, H2_CANCEL);
	assert_int_equal(h2_output(&e.server), 0);
	assert_true(e.served[0]->closed);
	send_frame(&e, NGHTTP2_DATA, 0, 1, "body", 4);
	send_frame(&e, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, "body", 4);
	hear(&e);
	assert_int_equal(e.goaway, UINT32_MAX);
	ends_deinit(&e);
}

static void test_streams_max(void **state)
{
	struct ends e;
	begin(&e);
	for (uint32_t i = 0; i <= H2_STREAMS_MAX; i++)
		send_frame(&e, NGHTTP2_HEADERS, END, 2 * i + 1, get, sizeof(get));
	assert_int_equal(e.n_served, H2_STREAMS_MAX);
	ends_deinit(&e);
}

/* Requests that are given up at once (CVE-2023-44487). */
static void test_rapid_reset(void **state)
{
	static const uint8_t cancel[] = {0, 0, 0, H2_CANCEL};
	struct ends e;
	begin(&e);
	unsigned n = 0;
	for (uint32_t id = 1; !e.server.ending && h2_alive(&e.server) && n < 1000; id += 2, n++) {
		if (send_frame(&e, NGHTTP2_HEADERS, END, id, get, sizeof(get)) ||
			send_frame(&e, NGHTTP2_RST_STREAM, 0, id, cancel, sizeof(cancel)))
			break;
		forget(&e);
	}
	assert_in_range(n, 100, 300);
	hear(&e);
	assert_int_not_equal(e.goaway, UINT32_MAX);
	ends_deinit(&e);
}

/* So many pairs of a stream that we have to reset, as its window overflows, and a good one; how many were taken. */
static unsigned make_resets(struct ends *e, unsigned pairs, uint64_t each)
{
	static const uint8_t much[] = {0x7f, 0xff, 0xff, 0xff};
	unsigned n = 0;
	for (uint32_t id = 1; !e->server.ending && n < pairs; id += 4, n++) {
		send_frame(e, NGHTTP2_HEADERS, END, id, get, sizeof(get));
		send_frame(e, NGHTTP2_WINDOW_UPDATE, 0, id, much, sizeof(much));
		forget(e);
		if (e->server.ending)
			break;
		send_frame(e, NGHTTP2_HEADERS, END, id + 2, get, sizeof(get));
		ends_answer(e->served[0], "HTTP/1.1 204 No Content\r\n\r\n", true);
		forget(e);
		now += each;
	}
	return n;
}

/* Streams that the peer makes us reset (CVE-2025-8671), among as many good ones. */
static void test_made_resets(void **state)
{
	struct ends e;
	begin(&e);
	assert_int_equal(make_resets(&e, 1000, 0), 200);
	hear(&e);
	assert_int_equal(e.goaway, H2_ENHANCE_YOUR_CALM);
	ends_deinit(&e);
}

static void test_made_resets_slowly(void **state)
{
	struct ends e;
	begin(&e);
	assert_int_equal(make_resets(&e, 1000, CLOCK_S / 50), 1000);
	hear(&e);
	assert_int_equal(e.goaway, UINT32_MAX);
	ends_deinit(&e);
}

static void test_continuations(void **state)
{
	struct ends e;
	begin(&e);
	int r = send_frame(&e, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, get, sizeof(get));
	unsigned n = 0;
	while (r == 0 && h2_alive(&e.server) && n++ < 1000)
		r = send_frame(&e, NGHTTP2_CONTINUATION, 0, 1, "", 0);
	assert_in_range(n, 1, 20);
	assert_int_equal(e.n_served, 0);
	ends_deinit(&e);
}

/* 4 KiB in the table, which one byte names again and again. */
static void test_compressed_flood(void **state)
{
	uint8_t head[1000];
	size_t n = sizeof(get);
	memcpy(head, get, n);
	head[n++] = 0x40; /* a new name, put into the table */
	head[n++] = 1;
	head[n++] = 'x';
	head[n++] = 0x7f;
	head[n++] = 0x80 | (400 - 127) % 128;
	head[n++] = (400 - 127) / 128;
	memset(head + n, 'v', 400);
	n += 400;
	memset(head + n, 0xbe, sizeof(head) - n); /* the youngest of the table */
	struct ends e;
	begin(&e);
	send_frame(&e, NGHTTP2_HEADERS, END, 1, head, sizeof(head));
	hear(&e);
	assert_int_equal(e.n_served, 0);
	assert_int_equal(e.goaway, H2_ENHANCE_YOUR_CALM);
	ends_deinit(&e);
}

static void test_pings(void **state)
{
	static const uint8_t ping[1000 * 17];
	uint8_t *p = test_malloc(sizeof(ping));
	for (size_t i = 0; i < sizeof(ping); i += 17) {
		memset(p + i, 0, 17);
		p[i + 2] = 8;
		p[i + 3] = NGHTTP2_PING;
	}
	struct ends e;
	begin(&e);
	int r = h2_input(&e.server, p, sizeof(ping), now);
	assert_true(r < 0 || buf_len(&e.server.out) < sizeof(ping));
	test_free(p);
	ends_deinit(&e);
}

static void test_not_http2(void **state)
{
	struct ends e;
	ends_init(&e, WINDOW);
	assert_true(h2_input(&e.server, (const uint8_t *)"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27,
			    now) < 0);
	ends_deinit(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_skipped_id),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_behind_our_reset),
		cmocka_unit_test(test_streams_max),
		cmocka_unit_test(test_rapid_reset),
		cmocka_unit_test(test_made_resets),
		cmocka_unit_test(test_made_resets_slowly),
		cmocka_unit_test(test_continuations),
		cmocka_unit_test(test_compressed_flood),
		cmocka_unit_test(test_pings),
		cmocka_unit_test(test_not_http2),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
