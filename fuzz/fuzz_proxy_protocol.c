/* SPDX-License-Identifier: MIT */
/*
 * The first bytes of a connection from a balancer. What is claimed: the outcome is there with the first
 * byte that decides it and does not change with what follows; nothing waits beyond the limit; and what
 * was read, written in either version, is read again as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "wire/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

/* Reads from memory of exactly that size. */
static int read_exact(const uint8_t *p, size_t n, struct proxy_header *out)
{
	uint8_t *copy = malloc(MAX(n, 1));
	CLAIM(copy);
	memcpy(copy, p, n);
	*out = (struct proxy_header){0};
	int r = proxy_header_read(copy, n, out);
	free(copy);
	return r;
}

static void claim_same(const struct proxy_header *a, const struct proxy_header *b)
{
	CLAIM(a->local == b->local && a->source.port == b->source.port &&
		a->destination.port == b->destination.port &&
		address_same_ip(&a->source, &b->source) &&
		address_same_ip(&a->destination, &b->destination));
}

static void write_again(const struct proxy_header *h, uint8_t what)
{
	static const char protocol[UINT8_MAX];
	uint8_t at[PROXY_HEADER_MAX];
	struct proxy_header back;
	struct proxy_header_facts facts = {.visitor = &h->source,
		.local = &h->destination,
		.tls = (enum frame_tls)(what >> 1 & 3),
		.alpn = {protocol, what},
		.link = what & 8 ? UINT32_MAX : 0,
		.consumer = "web"};
	size_t n = what & 1 ? proxy_header_write_v1(at, &h->source, &h->destination)
			    : proxy_header_write_v2(at, &facts);
	CLAIM(n <= sizeof at);
	CLAIM(read_exact(at, n, &back) == 0 && back.size == n);
	claim_same(h, &back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header whole, part;
	int r = read_exact(data, size, &whole);
	CLAIM(r != PROXY_HEADER_MORE || size < PROXY_HEADER_READ_MAX);
	for (size_t n = 0; n < MIN(size, PROXY_HEADER_READ_MAX + 1); n++) {
		int earlier = read_exact(data, n, &part);
		CLAIM(earlier == r || earlier == PROXY_HEADER_MORE);
		if (earlier == 0)
			claim_same(&whole, &part);
		CLAIM((earlier == 0) == (r == 0 && n >= whole.size));
	}
	if (r)
		return 0;
	CLAIM(whole.size > 0 && whole.size <= size && whole.size <= PROXY_HEADER_READ_MAX);
	CLAIM(whole.local == (whole.source.family == ADDRESS_NONE));
	CLAIM(whole.local == (whole.destination.family == ADDRESS_NONE));
	for (uint8_t what = 0; what < 16; what++)
		write_again(&whole, what);
	return 0;
}
