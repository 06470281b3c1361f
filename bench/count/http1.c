/* SPDX-License-Identifier: MIT */
/* Heads parsed, and a chunked body walked along in pieces as they are read. */
#include <stdio.h>

#include "base/macros.h"
#include "case.h"
#include "heads.h"
#include "wire/http1.h"
#include "wire/http1_chunks.h"

#define CHUNK 4096        /* bytes: what many servers write at once */
#define PIECE (64u << 10) /* bytes that are walked at once */

static struct {
	struct http1_head head;
	/* A MiB in chunks, with "1000\r\n" and "\r\n" around each and "0\r\n\r\n" behind the last. */
	char body[MIB + MIB / CHUNK * 8 + 5];
	size_t size;
} it = {.head = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT)};

static void prepare_nothing(void)
{
}

static size_t parse_requests(struct str text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t scanned = 0;
		if (http1_parse_request(&it.head, (const uint8_t *)text.p, text.n,
			    HTTP1_REQUEST_MAX, &scanned) != HTTP1_OK)
			return i;
	}
	return n;
}

static size_t parse_curl(size_t n)
{
	return parse_requests(STR(HEAD_CURL), n);
}

static size_t parse_browser(size_t n)
{
	return parse_requests(STR(HEAD_BROWSER), n);
}

static size_t parse_answer(size_t n)
{
	const struct str text = STR(HEAD_ANSWER);
	for (size_t i = 0; i < n; i++) {
		size_t scanned = 0;
		if (http1_parse_response(&it.head, (const uint8_t *)text.p, text.n,
			    HTTP1_RESPONSE_MAX, HTTP1_GET, &scanned) != HTTP1_OK)
			return i;
	}
	return n;
}

static void put(const char *text, size_t n)
{
	memcpy(it.body + it.size, text, n);
	it.size += n;
}

static void prepare_chunks(void)
{
	static const char data[CHUNK];
	for (size_t i = 0; i < MIB / CHUNK; i++) {
		put("1000\r\n", 6);
		put(data, sizeof(data));
		put("\r\n", 2);
	}
	put("0\r\n\r\n", 5);
	count_expect(it.size == sizeof(it.body), "the body is not as long as it should be");
}

static size_t walk_chunks(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct http1_chunks chunks;
		http1_chunks_init(&chunks);
		int r = HTTP1_MORE;
		for (size_t at = 0, used; at < it.size && r == HTTP1_MORE; at += used) {
			struct str run;
			size_t piece = MIN(PIECE, it.size - at);
			r = http1_chunks_next(&chunks, (const uint8_t *)it.body + at, piece, &used,
				&run);
			if (r > HTTP1_MORE || run.n != piece)
				return i;
		}
		if (r != HTTP1_OK)
			return i;
	}
	return n;
}

const struct count_case http1_cases[] = {
	{"http1/request-curl", "request", 4000, prepare_nothing, parse_curl},
	{"http1/request-browser", "request", 4000, prepare_nothing, parse_browser},
	{"http1/answer", "answer", 4000, prepare_nothing, parse_answer},
	{"http1/chunks", "MiB", 64, prepare_chunks, walk_chunks},
	{0},
};
