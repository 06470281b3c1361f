/* SPDX-License-Identifier: MIT */
/*
 * The head parser and the chunk walker on any bytes, in memory of exactly their size. What is claimed:
 * a head that arrives byte by byte parses like one that arrives whole, its views lie inside it, and
 * a chunked body ends at the same place however it is cut, and what is passed on of it is the same, in a
 * form that is passed on as it stands.
 */
#include <stdlib.h>

#include "base/macros.h"
#include "wire/http1.h"
#include "wire/http1_chunks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

#define LIMIT  2048 /* small, so that the fuzzer gets there */
#define FIELDS 20

static int parse(struct http1_head *h, bool response, const uint8_t *p, size_t n, size_t *scanned)
{
	return response ? http1_parse_response(h, p, n, LIMIT, HTTP1_GET, scanned)
			: http1_parse_request(h, p, n, LIMIT, scanned);
}

static void check_views(const struct http1_head *h, const uint8_t *p)
{
	const char *at = h->fields[0].name.p, *end = (const char *)p + h->size;
	CLAIM(h->n_fields == 0 || at > (const char *)p);
	for (size_t i = 0; i < h->n_fields; i++) {
		const struct http1_field *f = &h->fields[i];
		struct str line = http1_line(h, i);
		CLAIM(line.p == at && f->value.p > at &&
			f->value.p + f->value.n <= at + line.n - 2);
		CLAIM(memcmp(line.p + line.n - 2, "\r\n", 2) == 0);
		CLAIM(!memchr(line.p, '\n', line.n - 1) && !memchr(line.p, '\0', line.n));
		at += line.n;
	}
	CLAIM(end - at == 2);
}

static struct http1_head at_once = HTTP1_HEAD_OF(FIELDS), in_pieces = HTTP1_HEAD_OF(FIELDS);

static void check_head(bool response, const uint8_t *p, size_t n)
{
	size_t scanned = 0;
	int r = parse(&at_once, response, p, n, &scanned);
	if (r == HTTP1_OK) {
		CLAIM(at_once.size <= n && at_once.size <= LIMIT);
		check_views(&at_once, p);
	} else if (r > HTTP1_MORE && at_once.at_fault.n) {
		const uint8_t *name = (const uint8_t *)at_once.at_fault.p;
		CLAIM(name >= p && name + at_once.at_fault.n <= p + n);
	}
	scanned = 0;
	int q = HTTP1_MORE;
	for (size_t m = 1; m <= n && q == HTTP1_MORE; m++)
		q = parse(&in_pieces, response, p, m, &scanned);
	/*
	 * Known only when the end is in sight: what is wrong in a line. So pieces may still want more
	 * where the whole was refused, and meet the limit instead; they never accept it.
	 */
	CLAIM((r == HTTP1_OK) == (q == HTTP1_OK));
	if (r == HTTP1_OK)
		CLAIM(at_once.size == in_pieces.size && at_once.body == in_pieces.body &&
			at_once.n_fields == in_pieces.n_fields &&
			at_once.length == in_pieces.length);
}

/* What is passed on of a body that comes in pieces of `step` bytes. */
static int walk(struct http1_chunks *c, const uint8_t *p, size_t n, size_t step, uint8_t *out,
	size_t *used_out, size_t *wrote_out)
{
	size_t at = 0, had = 0;
	int r = HTTP1_MORE;
	while (at < n && r == HTTP1_MORE) {
		size_t used, wrote, piece = MIN(step, n - at), room = piece + http1_chunks_held(c);
		r = http1_chunks_copy(c, p + at, piece, out + had, room, &used, &wrote);
		if (r > HTTP1_MORE)
			break;
		CLAIM(used <= piece && wrote <= room && (r == HTTP1_OK || used == piece));
		at += used;
		had += wrote;
	}
	*used_out = at;
	*wrote_out = had;
	return r;
}

/* A message that ends: what was passed on of it is passed on as it stands, wherever a write stops. */
static void check_canonical(const uint8_t *p, size_t n)
{
	struct http1_chunks c;
	size_t used, wrote;
	struct str run;
	uint8_t *rest = malloc(n + 1);
	CLAIM(rest);
	http1_chunks_init(&c);
	CLAIM(http1_chunks_next(&c, p, n, &used, &run) == HTTP1_OK);
	CLAIM(run.p == (const char *)p && run.n == n && used == n);
	for (size_t cut = 0; cut <= n; cut++) {
		http1_chunks_init(&c);
		http1_chunks_passed(&c, p, cut);
		walk(&c, p + cut, n - cut, SIZE_MAX, rest, &used, &wrote);
		CLAIM(wrote == n - cut && memcmp(rest, p + cut, wrote) == 0);
	}
	free(rest);
}

static void check_chunks(const uint8_t *p, size_t n)
{
	struct http1_chunks c;
	size_t whole, pieces, n_whole, n_pieces;
	uint8_t *a = malloc(n + 1), *b = malloc(n + 1);
	CLAIM(a && b);
	for (unsigned how = 0; how < 4; how++) {
		http1_chunks_init(&c);
		c.data_only = how & 1;
		c.padded = how & 2;
		int r = walk(&c, p, n, SIZE_MAX, a, &whole, &n_whole);
		http1_chunks_init(&c);
		c.data_only = how & 1;
		c.padded = how & 2;
		int q = walk(&c, p, n, 1, b, &pieces, &n_pieces);
		CLAIM(q == r && (r > HTTP1_MORE || pieces == whole));
		CLAIM(r > HTTP1_MORE || (n_pieces == n_whole && memcmp(a, b, n_whole) == 0));
		if (r == HTTP1_OK && !c.data_only)
			check_canonical(a, n_whole);
	}
	free(a);
	free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	/* The first byte chooses what the rest is. */
	unsigned kind = data[0] % 3;
	uint8_t *copy = malloc(MAX(size - 1, 1));
	CLAIM(copy);
	memcpy(copy, data + 1, size - 1);
	if (kind == 2)
		check_chunks(copy, size - 1);
	else
		check_head(kind == 1, copy, size - 1);
	free(copy);
	return 0;
}
