/* SPDX-License-Identifier: MIT */
#pragma once
/* The part of a file that a Range field asks for (RFC 9110, 14.2). */
#include <stdint.h>

#include "base/str.h"

enum http_range {
	HTTP_RANGE_NONE, /* the field is to be ignored, and all is sent */
	HTTP_RANGE_PART,
	HTTP_RANGE_UNSATISFIABLE, /* 416 */
};

/*
 * `value` is the field's, of something that has `size` bytes. A list of several ranges is ignored, as a server
 * may (14.2): many small ones would be more bytes than the whole has. Of HTTP_RANGE_PART there is
 * at least one byte.
 */
enum http_range http_range_parse(struct str value, uint64_t size, uint64_t *first_out,
	uint64_t *n_out);
