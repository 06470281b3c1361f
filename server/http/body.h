/* SPDX-License-Identifier: MIT */
#pragma once
/* How far one message's body has passed. */
#include "wire/http1.h"
#include "wire/http1_chunks.h"

struct body {
	uint8_t kind; /* enum http1_body; UNTIL_CLOSE is also what follows a 101 */
	bool done;
	uint64_t left;              /* bytes, of HTTP1_BODY_LENGTH */
	struct http1_chunks chunks; /* of HTTP1_BODY_CHUNKED */
};

static inline void body_begin(struct body *b, enum http1_body kind, uint64_t length)
{
	*b = (struct body){.kind = kind, .left = length, .done = kind == HTTP1_BODY_NONE};
	if (kind == HTTP1_BODY_CHUNKED)
		http1_chunks_init(&b->chunks);
}
