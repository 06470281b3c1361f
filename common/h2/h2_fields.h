/* SPDX-License-Identifier: MIT */
#pragma once
/* Lines of HTTP/1 as fields of HTTP/2. They borrow from the text, which was judged: each line is whole. */
#include <nghttp2/nghttp2.h>

#include "base/str.h"
#include "h2/h2.h"

#define H2_FIELDS_FIRST 64 /* of a head; with more of them memory is taken */

struct h2_fields {
	nghttp2_nv *v;
	size_t n, cap;
	nghttp2_nv first[H2_FIELDS_FIRST];
	uint8_t flags;
};

/* `flags`: whether nghttp2 copies them. Deinit it. */
void h2_fields_init(struct h2_fields *f, uint8_t flags);
void h2_fields_deinit(struct h2_fields *f);

/* 0 or -ENOMEM. */
int h2_fields_add(struct h2_fields *f, struct str name, struct str value);

/*
 * The next line from `*at` on, whose name is changed to lower case where it stands; `*at` is behind it then. False: it
 * is the empty one, or there is none.
 */
bool h2_line_next(uint8_t **at, const uint8_t *end, struct str *name_out, struct str *value_out);

/* Whether that field speaks of an HTTP/1 connection, and is left out (RFC 9113, 8.2.2). */
bool h2_field_is_of_connection(struct str name);

/* All lines from `p` on, but for those of a connection. 0 or -ENOMEM. */
int h2_fields_add_lines(struct h2_fields *f, uint8_t *p, const uint8_t *end);
