/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A walker along a chunked body (RFC 9112, 7.1), for both directions: it says where the message ends
 * and which of its bytes are passed on, so that it leaves in the one form that every reader reads in
 * the same way: sizes without leading zeros, no extensions. A body that comes in that form passes in
 * whole pieces; what the form leaves out is stepped over. For a visitor that understands no chunks
 * the data alone is passed on. Any cut of the bytes gives the same. Data costs one step a chunk, not
 * one a byte.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "wire/http1_error.h"

#define HTTP1_SIZE_DIGITS_MAX 15         /* hex digits of a size: below 2^60, nothing overflows */
#define HTTP1_TRAILERS_MAX    (8 * 1024) /* bytes of all trailer fields: checksums and statuses */

/*
 * Bytes of a body's size lines that may be dropped: without a limit a visitor could keep us busy with bytes
 * that go nowhere. A chunk earns its own size, and HTTP1_SURPLUS_FREE for those who pad sizes to 16 digits.
 */
#define HTTP1_SURPLUS_MAX  (16 * 1024)
#define HTTP1_SURPLUS_FREE 16

/* Longer than every name that is known, so that a cut name is never taken for one. */
#define HTTP1_TRAILER_NAME_KEPT 32

struct http1_chunks {
	uint64_t left;     /* the size being read, then the bytes of data that are left */
	uint16_t trailers; /* bytes of trailer fields so far */
	uint16_t surplus;  /* bytes that were left out and not earned */
	uint16_t count;    /* digits of a size, bytes of a trailer's name */
	uint8_t state;
	bool data_only : 1;    /* pass on the data, without what frames it and without trailers */
	bool trailers_too : 1; /* but with the lines of trailers, in runs of their own */
	bool padded : 1;       /* take white space after a size that no extension follows */
	char name[HTTP1_TRAILER_NAME_KEPT];
};

static inline void http1_chunks_init(struct http1_chunks *c)
{
	*c = (struct http1_chunks){0};
}

/*
 * Walks over at most `n` bytes to the end of the first run of them that is passed on. HTTP1_MORE: call
 * again with the rest, if there is any; HTTP1_OK: the message ended after the first `*used_out`, and
 * the walker is done; or an HTTP1_E_*, and the walker is of no more use. `*run_out` lies within the
 * bytes used, but for a zero that was held back at the end of the bytes before; it may be empty.
 */
int http1_chunks_next(struct http1_chunks *c, const uint8_t *p, size_t n, size_t *used_out,
	struct str *run_out);

/*
 * The same for all of the `n` bytes, or for as many as come to `room`: what is passed on is written to
 * `out`. In place (`out` is `p`) unless a byte is held; room for `n`, and for one more if it is.
 */
int http1_chunks_copy(struct http1_chunks *c, const uint8_t *p, size_t n, uint8_t *out, size_t room,
	size_t *used_out, size_t *wrote_out);

/* With `trailers_too`, behind http1_chunks_next(): its run is not data, but of a trailer. */
bool http1_chunks_trailing(const struct http1_chunks *c);

/* A zero was used, but not passed on: what follows says whether it is a size or leads one. */
bool http1_chunks_held(const struct http1_chunks *c);

/*
 * Walks over `n` bytes that were passed on as they stand: the beginning of a run of http1_chunks_next(),
 * before which the walker was as it is now.
 */
void http1_chunks_passed(struct http1_chunks *c, const uint8_t *p, size_t n);

/* Whether the message ends within these bytes. The walker stays where it is. */
bool http1_chunks_end(const struct http1_chunks *c, const uint8_t *p, size_t n);

/* After an error: the name of the trailer that it is about, as far as it was kept, or empty. */
struct str http1_chunks_fault(const struct http1_chunks *c);
