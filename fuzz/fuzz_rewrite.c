/* SPDX-License-Identifier: MIT */
/*
 * Fields that name a place, and targets for the access log, whatever stands in them, in memory of exactly
 * their size. What is claimed: as many bytes are written as were counted, a head has as many lines as before,
 * one in which nothing changed is the same, and what was led back once stays as it is.
 */
#include <stdlib.h>

#include "base/macros.h"
#include "server/base/access_query.h"
#include "server/http/rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static size_t lines(const uint8_t *p, size_t n)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += p[i] == '\n';
	return count;
}

static void places(struct rewrite *rw, unsigned kind, struct str head)
{
	bool https = kind & 1;
	*rw = (struct rewrite){0};
	rewrite_visitor(&rw->visitor, head, STR("a.test"), https);
	rewrite_upstream(&rw->upstream, kind & 2, STR("in:81"), kind & 4 ? "/p/q" : "");
	rw->upstream.either = (kind & 2) != (kind & 1) << 1;
}

static void check_request(unsigned kind, struct str head)
{
	struct rewrite rw;
	bool changed, again;
	if (!memchr(head.p, '\n', head.n))
		return;
	places(&rw, kind, head);
	size_t n = rewrite_request(&rw, kind & 8, head, NULL, &changed);
	uint8_t *out = malloc(n), *room = malloc(head.n);
	CLAIM(out && room);
	CLAIM(rewrite_request(&rw, kind & 8, head, out, &again) == n && again == changed);
	CLAIM(changed || (n == head.n && memcmp(out, head.p, n) == 0));
	CLAIM(lines(out, n) == lines((const uint8_t *)head.p, head.n));
	rewrite_leaves(&rw, head, room);
	free(out);
	free(room);
}

static void check_answer(unsigned kind, struct str value)
{
	static const struct str names[] = {{"Location", 8}, {"Refresh", 7}, {"Link", 4},
		{"Set-Cookie", 10}, {"Access-Control-Allow-Origin", 27}, {"Other", 5}};
	struct str name = names[kind / 8 % ARRAY_LEN(names)];
	struct rewrite rw;
	places(&rw, kind, STR("GET / HTTP/1.1\r\n\r\n"));
	size_t n = rewrite_answer(&rw, name, value, NULL);
	uint8_t *out = malloc(MAX(n, 1)), *again = malloc(MAX(n, 1));
	CLAIM(out && again);
	CLAIM(rewrite_answer(&rw, name, value, out) == n);
	CLAIM(lines(out, n) == lines((const uint8_t *)value.p, value.n));
	/* With a path, what is taken off once may stand there a second time. */
	if (!(kind & 4)) {
		struct str back = {(const char *)out, n};
		CLAIM(rewrite_answer(&rw, name, back, NULL) == n);
		CLAIM(rewrite_answer(&rw, name, back, again) == n && memcmp(again, out, n) == 0);
	}
	free(out);
	free(again);
}

static void check_target(unsigned kind, struct str target)
{
	char *room = malloc(ACCESS_TARGET_SIZE);
	CLAIM(room);
	struct str shown =
		access_target(target, kind & 1 ? ACCESS_QUERY_MASK : ACCESS_QUERY_DROP, room);
	CLAIM(shown.p == target.p ? shown.n <= target.n : shown.n <= ACCESS_TARGET_SIZE);
	free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	/* The first byte chooses what the rest is, the second how it is looked at. */
	char *copy = malloc(MAX(size - 2, 1));
	CLAIM(copy);
	memcpy(copy, data + 2, size - 2);
	struct str text = {copy, size - 2};
	switch (data[0] % 3) {
	case 0:
		check_request(data[1], text);
		break;
	case 1:
		check_answer(data[1], text);
		break;
	default:
		check_target(data[1], text);
	}
	free(copy);
	return 0;
}
