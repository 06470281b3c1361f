/*
 * The head parser and the chunk walker on any bytes, in memory of exactly their size. What is claimed:
 * a head that arrives byte by byte parses like one that arrives whole, its views lie inside it, and
 * a chunked body ends at the same place however it is cut.
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

#define LIMIT 2048 /* small, so that the fuzzer gets there */

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

static void check_head(bool response, const uint8_t *p, size_t n)
{
	static struct http1_head whole, pieces; /* too large for a fuzzer's stack under ASan */
	size_t scanned = 0;
	int r = parse(&whole, response, p, n, &scanned);
	if (r == HTTP1_OK) {
		CLAIM(whole.size <= n && whole.size <= LIMIT);
		check_views(&whole, p);
	}
	scanned = 0;
	int q = HTTP1_MORE;
	for (size_t m = 1; m <= n && q == HTTP1_MORE; m++)
		q = parse(&pieces, response, p, m, &scanned);
	/*
	 * Known only when the end is in sight: what is wrong in a line. So pieces may still want more
	 * where the whole was refused, and meet the limit instead; they never accept it.
	 */
	CLAIM((r == HTTP1_OK) == (q == HTTP1_OK));
	if (r == HTTP1_OK)
		CLAIM(whole.size == pieces.size && whole.body == pieces.body &&
			whole.n_fields == pieces.n_fields && whole.length == pieces.length);
}

static void check_chunks(const uint8_t *p, size_t n)
{
	struct http1_chunks c;
	size_t whole = 0, at = 0, next = 0, used;
	http1_chunks_init(&c);
	int r = n > 0 ? http1_chunks_walk(&c, p, n, &whole) : HTTP1_MORE;

	http1_chunks_init(&c);
	int q = HTTP1_MORE;
	while (at < n && q == HTTP1_MORE) {
		used = 0;
		q = http1_chunks_walk(&c, p + at, 1, &used);
		at += used;
	}
	CLAIM(q == r && (r > HTTP1_MORE || at == whole));

	http1_chunks_init(&c);
	q = HTTP1_MORE;
	while (next < n && q == HTTP1_MORE) {
		struct str piece = STR_NULL;
		used = 0;
		q = http1_chunks_next(&c, p + next, n - next, &used, &piece);
		CLAIM(piece.n <= used);
		CLAIM(piece.n == 0 || (const uint8_t *)piece.p + piece.n == p + next + used);
		next += used;
	}
	CLAIM(q == r && (r > HTTP1_MORE || next == whole));
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
