/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One strict parser of the heads of HTTP/1 messages, requests and responses (RFC 9112; rules 32 to
 * 35 and 40). It checks syntax and framing and leaves routing and rewriting to others, but prepares
 * them: names are numbered, what must not be passed on is marked, the host is canonical.
 */
#include "wire/http1_error.h"
#include "wire/http1_head.h"

#define HTTP1_REQUEST_MAX  (32 * 1024) /* bytes of a request's head: four times nginx's line */
#define HTTP1_RESPONSE_MAX (64 * 1024) /* bytes of a response's: cookies and policies are long */

/*
 * Parses the `n` bytes that are there. 0: complete; HTTP1_MORE; or an HTTP1_E_* (of a request, the
 * connection ends after its answer; of a response, it is 502). `limit` is the largest head in bytes.
 * `*scanned` is 0 before the first call of a head and belongs to the parser until its last: bytes
 * that were looked at are not searched again, so one byte at a time costs no more than all at once.
 * A response needs the method it answers: one to HEAD has no body, nor has a 2xx to CONNECT.
 */
int http1_parse_request(struct http1_head *h, const uint8_t *p, size_t n, size_t limit,
	size_t *scanned);
int http1_parse_response(struct http1_head *h, const uint8_t *p, size_t n, size_t limit,
	enum http1_method asked, size_t *scanned);
