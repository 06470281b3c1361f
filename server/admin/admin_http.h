/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The admin API as HTTP/1.1 over a stream of bytes: requests as they come, one after another, and the head of an
 * answer. Knows no streams: bytes in, bytes out.
 */
#include "base/buf.h"
#include "base/error.h"
#include "server/admin/admin.h"
#include "wire/http1_chunks.h"

#define ADMIN_HTTP_HEAD_MAX \
	(8 << 10) /* bytes: a path, a query, and what curl sends; nobody logs in by a field */
#define ADMIN_HTTP_FIELDS_MAX 64 /* of a head */

enum admin_http_state { ADMIN_HTTP_HEAD, ADMIN_HTTP_LENGTH, ADMIN_HTTP_CHUNKS, ADMIN_HTTP_WHOLE };

/* Zeroed, it waits for a request. */
struct admin_http {
	enum admin_http_state state;
	bool last;      /* no request follows this one */
	bool head_only; /* HEAD: asked as GET is, and answered without the body */
	struct buf head;
	size_t scanned; /* http1_parse_request()'s */
	uint64_t left;  /* of a body with a length */
	struct http1_chunks chunks;
	struct buf body;
};

enum admin_http_result {
	ADMIN_HTTP_MORE,  /* every byte is used, and the request is not whole */
	ADMIN_HTTP_READY, /* it is whole and in the api_request; the bytes behind it are not used */
	ADMIN_HTTP_REFUSED, /* it cannot be asked; where it ends is not known */
};

/* Takes bytes of a request. `reason_out` and `err` are set with ADMIN_HTTP_REFUSED. */
enum admin_http_result admin_http_take(struct admin_http *h, const uint8_t *p, size_t n,
	struct api_request *rq, size_t *used_out, enum api_reason *reason_out, struct error *err);

/* Whether a part of a request has come. */
bool admin_http_begun(const struct admin_http *h);

/* Bytes of memory that it holds. */
size_t admin_http_memory(const struct admin_http *h);

/* Appends the answer to the request that it took last, head and body. 0 or -ENOMEM. */
int admin_http_answer(const struct admin_http *h, const struct api_request *rq, struct buf *out);

/* Wipes; it waits for the next request. Accepts zeroed memory. */
void admin_http_deinit(struct admin_http *h);
