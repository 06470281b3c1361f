/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A message's head on its way from fields (RFC 9113, 8.3) to the text that HTTP/1.1 has for it. The parser of that
 * text is its judge; here only that is refused which the text could not say: two hosts that differ, a line end
 * in a response's field, or more bytes than there may be. Trailers become lines in the same way.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* A head that came; its text lives as long as the call that hands it over. */
struct h2_message {
	int32_t id;
	struct str text;
	/* Lines of fields in it: who reads another number of them, or does not read all of it, was misled. */
	size_t n_fields;
	int error;       /* an HTTP1_E_* that was met: then `text` is not whole */
	bool end;        /* no body follows */
	bool chunked;    /* of a response: its body is in chunks, for all that the text says */
	unsigned status; /* of a response; 0: of a request */
};

enum h2_head_kind { H2_HEAD_REQUEST, H2_HEAD_RESPONSE, H2_HEAD_TRAILERS };

/* Where in h2_head::values one stands. */
struct h2_span {
	size_t at, n;
	bool there;
};

enum h2_pseudo { H2_METHOD, H2_SCHEME, H2_AUTHORITY, H2_PATH, H2_STATUS, H2_PSEUDOS };

/* One for a connection: the fields of a message come in one piece. */
struct h2_head {
	size_t limit; /* bytes of a head's text */
	enum h2_head_kind kind;
	struct buf text, cookies;
	struct buf values; /* of the pseudo-fields */
	struct h2_span pseudo[H2_PSEUDOS];
	size_t n_fields;
	size_t bytes; /* of all fields, as they would be without HPACK */
	int error;
	bool begun, hosted, framed;
};

void h2_head_init(struct h2_head *h, size_t limit);
void h2_head_deinit(struct h2_head *h);
/* Memory that it holds, in bytes. */
size_t h2_head_memory(const struct h2_head *h);

/* Fields of such a head follow. */
void h2_head_begin(struct h2_head *h, enum h2_head_kind kind);
/*
 * One of them, in the order in which they came. False: they take so many bytes that nothing but harm can be
 * meant (H2_HEAD_FLOOD times the limit).
 */
bool h2_head_field(struct h2_head *h, struct str name, struct str value);
/* A field that is malformed. */
void h2_head_spoil(struct h2_head *h, int http1_error);
/* All of a request's have come. */
void h2_head_end(struct h2_head *h, bool end, struct h2_message *out);
/*
 * All of a response's have come, to HEAD if `head_only`. How long its body is the text says as HTTP/1.1 has to: in
 * chunks, where no Content-Length came.
 */
void h2_head_end_response(struct h2_head *h, bool end, bool head_only, struct h2_message *out);
/* The same for trailers: their lines; empty where one of them was malformed or there were too many. */
struct str h2_head_trailers(const struct h2_head *h);

#define H2_HEAD_FLOOD 4
