/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The cookie by which a visitor comes back to the origin that it had (origin_group::affinity). It says which origin by
 * a keyed hash (origin::tag): nothing is kept for a visitor, and nothing of the origin shows. It is a wish: where that
 * origin cannot serve, another does, and the visitor gets its cookie.
 *
 * Over TLS it is "__Host-tunnel-origin" (RFC 6265bis, 4.1.3.2), which no other host and no plain text can set.
 */
#include "base/buf.h"
#include "server/route/origin.h"
#include "wire/http1_head.h"

#define AFFINITY_COOKIE_SIZE 128 /* of all of Set-Cookie's value, with a NUL */

struct origin_group;

/*
 * What the visitor's cookie says, in `tag_out`, or "" there: it has none. Whether Cookie has to be changed, as ours goes
 * no further: then the cookies that are left are appended to `left`. < 0: memory is out.
 */
int affinity_read(const struct http1_head *h, bool secure, char tag_out[ORIGIN_TAG_SIZE],
	struct buf *left);

/* Whether a cache that many share may store the response: then it says nothing to one visitor. */
bool affinity_is_shared(const struct http1_head *response);

/* Set-Cookie's value for the origin of that tag. */
void affinity_write(const struct origin_group *g, const char *tag, bool secure,
	char out[AFFINITY_COOKIE_SIZE]);
