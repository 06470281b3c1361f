/* SPDX-License-Identifier: MIT */
/* How a client's exchanges end: by the peer, by their owner, by what is no HTTP/2. */
#include "client_pair.h"
#include "wire/http1_error.h"

/* ---- Ends ---- */

static void test_resets(void **state)
{
	static const struct {
		bool headed;
		enum h2_error code;
		enum h2_client_outcome outcome;
	} rows[] = {
		{false, H2_REFUSED_STREAM, H2_CLIENT_REFUSED},
		{false, H2_INTERNAL_ERROR, H2_CLIENT_RESET},
		{false, H2_CANCEL, H2_CLIENT_RESET},
		{false, H2_NO_ERROR, H2_CLIENT_RESET},
		{true, H2_CANCEL, H2_CLIENT_RESET},
		{true, H2_NO_ERROR, H2_CLIENT_RESET},
		{true, H2_REFUSED_STREAM, H2_CLIENT_RESET},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p;
		pair_init(&p);
		pair_ask(&p, POST);
		if (rows[i].headed)
			pair_answer(&p, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", false);
		pair_talk(&p);
		h2_reset(&p.streams[0], rows[i].code);
		pair_talk(&p);
		assert_int_equal(h2_client_outcome(&p.client), rows[i].outcome);
		assert_int_equal(p.client.stream.code, rows[i].code);
		/* It was the stream alone. */
		assert_true(h2_client_end(&p.client));
		buf_deinit(&p.answer);
		pair_ask(&p, ASK);
		pair_answer(&p, "HTTP/1.1 200 OK\r\n\r\n", true);
		pair_talk(&p);
		pair_expect(&p, H2_CLIENT_WHOLE, OK_EMPTY);
		pair_deinit(&p);
	}
}

/* A response that is whole before its request is a response: what follows of the request is not wanted. */
static void test_early(void **state)
{
	struct pair p;
	pair_init(&p);
	pair_ask(&p, CHUNKED "1\r\na\r\n");
	pair_answer(&p, "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n", true);
	pair_talk(&p);
	pair_expect(&p, H2_CLIENT_WHOLE,
		"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n");
	assert_int_equal(pair_ask_in(&p, "1\r\nb\r\n", 6, 6), 6);
	assert_true(h2_client_end(&p.client));
	pair_ask(&p, ASK);
	pair_answer(&p, "HTTP/1.1 200 OK\r\n\r\n", true);
	pair_talk(&p);
	pair_expect(&p, H2_CLIENT_WHOLE, OK_EMPTY);
	pair_deinit(&p);
}

/* The owner gives an exchange up, wherever it stands: the next one is not touched by what still comes. */
static void test_given_up(void **state)
{
	for (unsigned where = 0; where < 4; where++) {
		struct pair p;
		pair_init(&p);
		p.greedy = where > 2;
		pair_ask(&p, where ? CHUNKED "1\r\na\r\n" : "POST / HT");
		if (where > 1) {
			pair_answer(&p, "HTTP/1.1 200 OK\r\n\r\n", false);
			pair_pass(&p, "late");
		}
		if (where > 2)
			pair_talk(&p);
		assert_true(h2_client_end(&p.client));
		buf_deinit(&p.answer);
		p.greedy = true;
		pair_ask(&p, ASK);
		if (where)
			assert_non_null(strstr(pair_text(&p.heard), "[closed 8]"));
		pair_answer(&p, "HTTP/1.1 200 OK\r\n\r\n", true);
		pair_talk(&p);
		pair_expect(&p, H2_CLIENT_WHOLE, OK_EMPTY);
		pair_deinit(&p);
	}
}

static void test_goaway(void **state)
{
	struct pair p;
	pair_init(&p);
	pair_ask(&p, ASK);
	h2_goaway(&p.server, H2_NO_ERROR);
	pair_talk(&p);
	assert_int_equal(h2_client_outcome(&p.client), H2_CLIENT_OPEN);
	pair_answer(&p, "HTTP/1.1 200 OK\r\n\r\n", true);
	pair_talk(&p);
	pair_expect(&p, H2_CLIENT_WHOLE, OK_EMPTY);
	assert_false(h2_client_end(&p.client));
	pair_deinit(&p);

	/* It came before the request: nothing is sent. */
	pair_init(&p);
	pair_talk(&p);
	h2_goaway(&p.server, H2_NO_ERROR);
	h2_client_begin(&p.client, STR("http"));
	pair_talk(&p);
	pair_expect(&p, H2_CLIENT_REFUSED, "");
	assert_false(h2_client_hungry(&p.client));
	pair_deinit(&p);

	/* The two crossed: the request was above the last stream. */
	pair_init(&p);
	pair_talk(&p);
	h2_goaway(&p.server, H2_NO_ERROR);
	assert_int_equal(h2_output(&p.server), 0);
	h2_client_begin(&p.client, STR("http"));
	pair_ask_in(&p, ASK, sizeof(ASK) - 1, SIZE_MAX);
	pair_to_client(&p);
	pair_expect(&p, H2_CLIENT_REFUSED, "");
	assert_false(h2_client_end(&p.client));
	pair_deinit(&p);
}

/* ---- What is no HTTP/2, or no message ---- */

/* SETTINGS, then HEADERS of stream 1 with these bytes of HPACK. */
static size_t headers(uint8_t *to, const char *block, size_t n, uint8_t flags)
{
	static const uint8_t settings[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
	memcpy(to, settings, 9);
	memcpy(to + 9, (uint8_t[]){0, 0, (uint8_t)n, 1, flags, 0, 0, 0, 1}, 9);
	memcpy(to + 18, block, n);
	return 18 + n;
}

static void test_faults(void **state)
{
#define BLOCK(text) text, sizeof(text) - 1
	static const struct {
		const char *bytes;
		size_t n;
		bool block;
	} rows[] = {
		{BLOCK("HTTP/1.1 400 Bad Request\r\n\r\n"), false},
		{BLOCK("SSH-2.0-OpenSSH_9.2\r\n"), false},
		{BLOCK("\x00\x00\x00\x01\x04\x00\x00\x00\x01"), false}, /* no SETTINGS first */
		{BLOCK("\x88\x00\x01:\x01x"), true}, /* a second pseudo-field, behind */
		{BLOCK("\x88\x00\x01"
		       "a\x03x\r\n"),
			true}, /* line end in a value */
		{BLOCK("\x88\x00\x0a"
		       "connection\x01x"),
			true}, /* of a connection */
		{BLOCK("\x00\x01"
		       "a\x01x"),
			true},                             /* no status */
		{BLOCK("\x82\x88"), true},                 /* a request's field */
		{BLOCK("\xff\xff\xff\xff\xff\xff"), true}, /* no HPACK */
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t step = 1; step < 30; step += 28) {
			uint8_t bytes[100];
			size_t n = rows[i].n;
			struct pair p;
			pair_init(&p);
			h2_client_begin(&p.client, STR("http"));
			pair_ask_in(&p, ASK, sizeof(ASK) - 1, SIZE_MAX);
			if (rows[i].block)
				n = headers(bytes, rows[i].bytes, n, 4);
			else
				memcpy(bytes, rows[i].bytes, n);
			for (size_t at = 0; at < n; at += step)
				h2_client_input(&p.client, bytes + at, MIN(step, n - at), 0);
			enum h2_client_outcome outcome = h2_client_outcome(&p.client);
			assert_true(outcome == H2_CLIENT_BROKEN || outcome == H2_CLIENT_RESET);
			assert_int_equal(buf_len(&p.client.answer), 0);
			if (!rows[i].block)
				assert_false(h2_client_end(&p.client));
			pair_deinit(&p);
		}
}

/* A head above the limit, and interim ones without an end, are refused before they cost memory. */
static void test_flood(void **state)
{
	struct pair p;
	pair_init(&p);
	p.greedy = false;
	pair_ask(&p, ASK);
	for (unsigned i = 0; i < 5000 && !p.client.broken; i++) {
		pair_answer(&p,
			"HTTP/1.1 103 H\r\nX: 0123456789012345678901234567890123456789\r\n\r\n",
			false);
		pair_talk(&p);
	}
	assert_int_equal(h2_client_outcome(&p.client), H2_CLIENT_BROKEN);
	assert_true(buf_len(&p.client.answer) < 100000);
	pair_deinit(&p);

	/* So is one whose body follows all the same. */
	pair_init(&p);
	pair_ask(&p, ASK);
	uint8_t head[LIMIT + 1000];
	int n = snprintf((char *)head, sizeof(head), "HTTP/1.1 200 OK\r\nX: %0*d\r\n\r\n", LIMIT,
		1);
	assert_int_equal(h2_answer(&p.streams[0], head, (size_t)n, false), 0);
	pair_pass(&p, "body");
	pair_finish(&p, "");
	pair_talk(&p);
	pair_expect(&p, H2_CLIENT_BROKEN, "");
	assert_int_equal(p.client.error, HTTP1_E_TOO_LARGE);
	pair_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resets),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_goaway),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_flood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
