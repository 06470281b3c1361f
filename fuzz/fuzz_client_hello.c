/* SPDX-License-Identifier: MIT */
/*
 * The first bytes of a TLS connection. What is claimed: the outcome is there with the first byte that
 * decides it and does not change with what follows; nothing waits beyond the limit; how records cut the
 * message changes nothing; and a name that is read is canonical.
 */
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "wire/bytes.h"
#include "wire/client_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

/* Reads from memory of exactly that size. */
static int read_exact(const uint8_t *p, size_t n, struct client_hello *out)
{
	uint8_t *copy = malloc(MAX(n, 1));
	CLAIM(copy);
	memcpy(copy, p, n);
	*out = (struct client_hello){0};
	int r = client_hello_read(copy, n, out);
	free(copy);
	return r;
}

static void claim_same(const struct client_hello *a, const struct client_hello *b)
{
	CLAIM(a->alpn == b->alpn && strcmp(a->sni, b->sni) == 0 && a->sni_size == b->sni_size);
}

/* The contents of the records, as far as they go, in records of `each` bytes. */
static size_t split_again(const uint8_t *p, size_t n, size_t each, uint8_t *to)
{
	static uint8_t contents[CLIENT_HELLO_MAX];
	size_t all = 0, size = 0;
	for (size_t at = 0; at + 5 < n && p[at] == 0x16 && p[at + 1] == 3;) {
		size_t take = MIN((size_t)bytes_be16(p + at + 3), n - at - 5);
		memcpy(contents + all, p + at + 5, take);
		all += take;
		at += 5 + take;
	}
	if (all < 4)
		return 0;
	all = MIN(all, 4 + (size_t)(bytes_be32(contents) & 0xffffff));
	for (size_t at = 0; at < all; at += each) {
		size_t take = MIN(each, all - at);
		memcpy(to + size, "\x16\3\1", 3);
		bytes_set_be16(to + size + 3, (uint16_t)take);
		memcpy(to + size + 5, contents + at, take);
		size += 5 + take;
	}
	return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[6 * CLIENT_HELLO_MAX];
	struct client_hello whole, part;
	int r = read_exact(data, size, &whole);
	CLAIM(r != CLIENT_HELLO_MORE || size < CLIENT_HELLO_MAX);
	size_t step = size / 256 + 1;
	for (size_t n = 0; n < size; n += step) {
		int earlier = read_exact(data, n, &part);
		CLAIM(earlier == r || earlier == CLIENT_HELLO_MORE);
		if (earlier == 0)
			claim_same(&whole, &part);
	}
	if (r)
		return 0;
	CLAIM(strlen(whole.sni) == whole.sni_size);
	if (whole.sni_size) {
		char canonical[HOSTNAME_SIZE];
		size_t n;
		CLAIM(hostname_canonical(str_from(whole.sni), canonical, &n) == HOSTNAME_OK);
		CLAIM(strcmp(canonical, whole.sni) == 0);
	}
	for (size_t each = 1; each <= 512; each *= 8) {
		size_t n = split_again(data, MIN(size, CLIENT_HELLO_MAX), each, again);
		if (n == 0 || n > CLIENT_HELLO_MAX)
			continue;
		CLAIM(read_exact(again, n, &part) == 0);
		claim_same(&whole, &part);
	}
	return 0;
}
