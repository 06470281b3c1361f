#pragma once
/*
 * A walker along a chunked body (RFC 9112, 7.1), for both directions: it says where the message ends
 * and whether every byte of its framing is clean, so that chunks can pass as they came; and it points
 * out the data in it for a visitor that understands no chunks. Any cut of the bytes gives the same.
 * Data costs one step a chunk, not one a byte.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "wire/http1_error.h"

#define HTTP1_SIZE_DIGITS_MAX 15         /* hex digits of a size: below 2^60, nothing overflows */
#define HTTP1_EXTENSION_MAX   256        /* bytes a chunk: nobody uses them (rule 40) */
#define HTTP1_TRAILERS_MAX    (8 * 1024) /* bytes of all trailer fields: checksums and statuses */

/* Longer than every name that is known, so that a cut name is never taken for one. */
#define HTTP1_TRAILER_NAME_KEPT 32

struct http1_chunks {
	uint64_t left;     /* the size being read, then the bytes of data that are left */
	uint32_t trailers; /* bytes of trailer fields so far */
	uint16_t count;    /* digits, bytes of an extension or of a trailer's name */
	uint8_t state;
	char name[HTTP1_TRAILER_NAME_KEPT];
};

static inline void http1_chunks_init(struct http1_chunks *c)
{
	*c = (struct http1_chunks){0};
}

/*
 * Walks over at most `n` bytes. HTTP1_MORE: all of them belong to the message, whose end is not
 * reached; HTTP1_OK: the message ended behind the first `*used_out`, and the walker is done; or an
 * HTTP1_E_*, after which `*used_out` is unchanged and the walker is of no more use.
 */
int http1_chunks_walk(struct http1_chunks *c, const uint8_t *p, size_t n, size_t *used_out);

/*
 * The same, but stops behind each run of data: HTTP1_MORE with `*used_out` possibly less than `n`,
 * and `*data_out` the last bytes of what was used, or empty. Call again with the rest until it is
 * used up.
 */
int http1_chunks_next(struct http1_chunks *c, const uint8_t *p, size_t n, size_t *used_out,
	struct str *data_out);
