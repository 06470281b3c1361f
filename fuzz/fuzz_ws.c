/* SPDX-License-Identifier: MIT */
/*
 * The WebSocket codec fed with anything, cut anywhere. First byte: bit 0 masked, bit 1 binary only,
 * bit 2 the small limit, the rest how the bytes are cut. What comes out may not depend on the cuts.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "wire/ws.h"

/* A running hash of all events, FNV-1a. */
static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const uint8_t *)p)[i]) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t feed(struct ws_rx rx, const uint8_t *data, size_t size, size_t step)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	uint8_t *buffer = malloc(1);
	size_t have = 0;
	int r = WS_MORE;

	for (size_t fed = 0; fed < size && r == WS_MORE;) {
		size_t piece = MIN(step, size - fed);
		/* Exactly as large as what is in it, and at another address each time. */
		uint8_t *fresh = malloc(have + piece);
		memcpy(fresh, buffer, have);
		memcpy(fresh + have, data + fed, piece);
		free(buffer);
		buffer = fresh;
		have += piece;
		fed += piece;

		struct ws_event ev;
		uint8_t *p = buffer;
		while ((r = ws_rx_next(&rx, p, have, &ev)) == 0 || r == WS_MORE) {
			if (ev.consumed > have)
				abort();
			if (r == 0) {
				int head[3] = {(int)ev.type, ev.text, ev.close_code};
				if (ev.size > rx.limit && ev.type == WS_MESSAGE)
					abort();
				h = mix(mix(h, head, sizeof head), &ev.size, sizeof ev.size);
				h = mix(h, ev.payload, ev.size);
				memset(ev.payload, 0, ev.size); /* which the owner may */
			}
			p += ev.consumed;
			have -= ev.consumed;
			if (r == WS_MORE)
				break;
		}
		if (r == WS_MORE && (ev.missing == 0 || (step == 1 && have > rx.limit + 200)))
			abort();
		memmove(buffer, p, have);
	}
	free(buffer);
	return mix(h, &r, sizeof r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct ws_rx rx = {
		.masked = data[0] & 1,
		.binary_only = data[0] & 2,
		.limit = data[0] & 4 ? WS_MESSAGE_MAX_UNPROVEN : WS_MESSAGE_MAX,
	};
	size_t step = 1 + (data[0] >> 3);
	uint64_t whole = feed(rx, data + 1, size - 1, size);
	if (feed(rx, data + 1, size - 1, step) != whole)
		abort();
	if (size < 4096 && feed(rx, data + 1, size - 1, 1) != whole)
		abort();
	return 0;
}
