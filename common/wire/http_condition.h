/* SPDX-License-Identifier: MIT */
#pragma once
/* What a request makes its answer depend on (RFC 9110, 13), evaluated for GET and HEAD. */
#include <stdbool.h>
#include <stdint.h>

#include "wire/http1.h"

/* Of what would be sent. */
struct http_validators {
	struct str etag;  /* a strong one, with its quotes */
	int64_t modified; /* seconds since 1970 */
	int64_t now;
};

enum http_condition {
	HTTP_CONDITION_HOLDS,
	HTTP_CONDITION_NOT_MODIFIED, /* 304 */
	HTTP_CONDITION_FAILED,       /* 412 */
};

/* If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since, in the order of 13.2.2. */
enum http_condition http_condition_evaluate(const struct http1_head *h,
	const struct http_validators *v);

/*
 * If-Range (13.1.5): false, the whole is sent instead of the part. A date counts when what it dates did not
 * change within the second of the answer, as a second change would have the same date.
 */
bool http_condition_range(const struct http1_head *h, const struct http_validators *v);

/*
 * The value of the first field of that name, in lower case, which is none of enum http1_id; a null one: there is
 * none. The search begins at `*at`, which is then set after the field that was found.
 */
struct str http_condition_field(const struct http1_head *h, struct str name, size_t *at);
