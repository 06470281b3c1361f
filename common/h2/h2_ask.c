/* SPDX-License-Identifier: MIT */
/* A client's request: an HTTP/1.1 head as fields (RFC 9113, 8.3.1). */
#include <errno.h>
#include <string.h>

#include "h2/h2_fields.h"
#include "h2/h2_internal.h"

static struct str until(const uint8_t **at, const uint8_t *end, char stop)
{
	const uint8_t *p = *at, *to = memchr(p, stop, (size_t)(end - p));
	if (!to)
		to = end;
	*at = to < end ? to + 1 : end;
	return (struct str){(const char *)p, (size_t)(to - p)};
}

/* Of a judged head: digits that fit. */
static uint64_t number(struct str digits)
{
	uint64_t n = 0;
	for (size_t i = 0; i < digits.n; i++)
		n = n * 10 + (uint64_t)(digits.p[i] - '0');
	return n;
}

static int add_line(struct h2_fields *f, struct str name, struct str value,
	struct h2_framing *framing)
{
	if (str_eq(name, STR("content-length")))
		framing->length = number(value);
	framing->chunked |= str_eq(name, STR("transfer-encoding"));
	if (str_eq(name, STR("host")) || h2_field_is_of_connection(name))
		return 0;
	/* The one thing that it may say here (RFC 9113, 8.2.2). */
	if (str_eq(name, STR("te")) && !str_eq_nocase(value, STR("trailers")))
		return 0;
	return h2_fields_add(f, name, value);
}

/* Host, which names the authority, is to stand among the pseudo-fields. */
static struct str host_of(uint8_t *lines, const uint8_t *end)
{
	struct str name, value;
	while (h2_line_next(&lines, end, &name, &value))
		if (str_eq(name, STR("host")))
			return value;
	return STR_NULL;
}

static int add_head(struct h2_fields *f, struct str scheme, uint8_t *text, const uint8_t *end,
	struct h2_framing *framing)
{
	const uint8_t *at = text;
	struct str method = until(&at, end, ' '), target = until(&at, end, ' '), name, value;
	uint8_t *lines = memchr(text, '\n', (size_t)(end - text));
	if (!lines || !target.n)
		return -EPROTO;
	lines++;
	struct str host = host_of(lines, end);
	int r = h2_fields_add(f, STR(":method"), method);
	r = r ? r : h2_fields_add(f, STR(":scheme"), scheme);
	if (!r && host.n)
		r = h2_fields_add(f, STR(":authority"), host);
	r = r ? r : h2_fields_add(f, STR(":path"), target);
	while (!r && h2_line_next(&lines, end, &name, &value))
		r = add_line(f, name, value, framing);
	return r;
}

/* nghttp2 copies the fields: it may keep the request back until the peer takes another stream. */
static int submit(struct h2_stream *s, struct h2 *h, const struct h2_fields *f, bool end)
{
	const nghttp2_data_provider body = {{.ptr = s}, h2_read_data};
	int32_t id = nghttp2_submit_request(h->session, NULL, f->v, f->n, end ? NULL : &body, s);
	s->id = id;
	return id > 0 ? 0 : id == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO;
}

int h2_ask(struct h2_stream *s, struct h2 *h, struct str scheme, uint8_t *text, size_t n,
	struct h2_framing *framing_out)
{
	struct h2_fields f;
	struct h2_framing framing = {0};
	*s = (struct h2_stream){.h2 = h};
	list_init(&s->ready);
	h2_fields_init(&f, NGHTTP2_NV_FLAG_NONE);
	int r = add_head(&f, scheme, text, text + n, &framing);
	if (!r)
		r = submit(s, h, &f, !framing.chunked && !framing.length);
	if (!r) {
		s->head_only = n > 5 && memcmp(text, "HEAD ", 5) == 0;
		h->requests++;
		*framing_out = framing;
	}
	s->closed = r < 0;
	h2_fields_deinit(&f);
	return r;
}
