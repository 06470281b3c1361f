/* SPDX-License-Identifier: MIT */
#include "h2/h2_head.h"

#include "wire/http1_error.h"
#include "wire/http_reason.h"

/* What a field counts beside name and value (RFC 9113, 6.5.2) */
#define FIELD_OVERHEAD 32

void h2_head_init(struct h2_head *h, size_t limit)
{
	*h = (struct h2_head){.limit = limit};
}

void h2_head_deinit(struct h2_head *h)
{
	buf_deinit(&h->text);
	buf_deinit(&h->cookies);
	buf_deinit(&h->values);
}

size_t h2_head_memory(const struct h2_head *h)
{
	return h->text.cap + h->cookies.cap + h->values.cap;
}

static void empty(struct buf *b)
{
	b->start = b->end = 0;
}

void h2_head_begin(struct h2_head *h, enum h2_head_kind kind)
{
	empty(&h->text);
	empty(&h->cookies);
	empty(&h->values);
	for (unsigned i = 0; i < H2_PSEUDOS; i++)
		h->pseudo[i] = (struct h2_span){0};
	h->n_fields = h->bytes = 0;
	h->error = 0;
	h->kind = kind;
	h->begun = h->hosted = h->framed = false;
}

void h2_head_spoil(struct h2_head *h, int http1_error)
{
	if (!h->error)
		h->error = http1_error;
}

/* Memory that is out refuses the request as too large: it is its own that is missing. */
static bool has_room(struct h2_head *h, struct buf *to, size_t n)
{
	if (buf_len(to) + n <= h->limit && (buf_room(to) >= n || buf_reserve(to, n) == 0))
		return true;
	h2_head_spoil(h, HTTP1_E_TOO_LARGE);
	return false;
}

static uint8_t *copy(uint8_t *at, struct str s)
{
	if (s.n)
		memcpy(at, s.p, s.n);
	return at + s.n;
}

static void put(struct h2_head *h, struct buf *to, struct str s)
{
	if (!has_room(h, to, s.n))
		return;
	copy(buf_tail(to), s);
	buf_commit(to, s.n);
}

/* There are as many as a request has fields: in one piece. */
static void put_line(struct h2_head *h, struct str name, struct str value)
{
	size_t n = name.n + value.n + 4;
	if (!has_room(h, &h->text, n))
		return;
	uint8_t *at = copy(buf_tail(&h->text), name);
	at = copy(at, STR(": "));
	at = copy(at, value);
	copy(at, STR("\r\n"));
	buf_commit(&h->text, n);
	h->n_fields++;
}

static struct str pseudo(const struct h2_head *h, enum h2_pseudo which)
{
	const struct h2_span *s = &h->pseudo[which];
	return (struct str){(const char *)buf_at(&h->values, s->at), s->n};
}

static void take_pseudo(struct h2_head *h, struct str name, struct str value)
{
	static const struct str names[H2_PSEUDOS] = {
		[H2_METHOD] = STR(":method"),
		[H2_SCHEME] = STR(":scheme"),
		[H2_AUTHORITY] = STR(":authority"),
		[H2_PATH] = STR(":path"),
		[H2_STATUS] = STR(":status"),
	};
	bool request = h->kind == H2_HEAD_REQUEST;
	unsigned i = 0;
	while (i < H2_PSEUDOS && !str_eq(name, names[i]))
		i++;
	/* One that is not known, that comes twice, or late, would mean one thing here and another elsewhere. */
	if (i == H2_PSEUDOS || h->pseudo[i].there || h->begun || h->kind == H2_HEAD_TRAILERS ||
		request == (i == H2_STATUS)) {
		h2_head_spoil(h, HTTP1_E_NAME);
		return;
	}
	h->pseudo[i] = (struct h2_span){buf_len(&h->values), value.n, true};
	put(h, &h->values, value);
}

/* The target has origin form: nghttp2 leaves it open for other schemes than ours. */
static void check_target(struct h2_head *h)
{
	struct str scheme = pseudo(h, H2_SCHEME), path = pseudo(h, H2_PATH);
	bool http = str_eq_nocase(scheme, STR("http")) || str_eq_nocase(scheme, STR("https"));
	bool origin = path.n && (path.p[0] == '/' || str_eq(path, STR("*")));
	if (!http || !origin)
		h2_head_spoil(h, HTTP1_E_TARGET);
}

/* Three digits, as the parser finds them. */
static unsigned status_of(const struct h2_head *h)
{
	struct str s = pseudo(h, H2_STATUS);
	return s.n == 3 ? (unsigned)(s.p[0] - '0') * 100 + (unsigned)(s.p[1] - '0') * 10 +
				  (unsigned)(s.p[2] - '0')
			: 0;
}

/* Behind the pseudo-fields: the line that the status stands for. */
static void begin_response(struct h2_head *h)
{
	struct str status = pseudo(h, H2_STATUS);
	const char *reason = http_reason(status_of(h));
	if (status.n != 3)
		h2_head_spoil(h, HTTP1_E_START_LINE);
	put(h, &h->text, STR("HTTP/1.1 "));
	put(h, &h->text, status);
	put(h, &h->text, STR(" "));
	put(h, &h->text, str_from(reason ? reason : "Unknown"));
	put(h, &h->text, STR("\r\n"));
}

/* The same of a request: the lines that they stand for. */
static void begin_request(struct h2_head *h)
{
	struct str method = pseudo(h, H2_METHOD), path = pseudo(h, H2_PATH);
	bool connect = str_eq(method, STR("CONNECT"));
	if (!connect)
		check_target(h);
	put(h, &h->text, method);
	put(h, &h->text, STR(" "));
	put(h, &h->text, connect ? STR("/") : path);
	put(h, &h->text, STR(" HTTP/1.1\r\n"));
	if (h->pseudo[H2_AUTHORITY].there)
		put_line(h, STR("Host"), pseudo(h, H2_AUTHORITY));
}

static void begin_text(struct h2_head *h)
{
	if (h->begun)
		return;
	h->begun = true;
	if (h->kind == H2_HEAD_REQUEST)
		begin_request(h);
	else if (h->kind == H2_HEAD_RESPONSE)
		begin_response(h);
}

/* Host stands first or is :authority (RFC 9113, 8.3.1). */
static void take_host(struct h2_head *h, struct str value)
{
	if (h->hosted)
		h2_head_spoil(h, HTTP1_E_HOST);
	else if (!h->pseudo[H2_AUTHORITY].there)
		put_line(h, STR("Host"), value);
	else if (!str_eq_nocase(value, pseudo(h, H2_AUTHORITY)))
		h2_head_spoil(h, HTTP1_E_HOST_DIFFERS);
	h->hosted = true;
}

/* Crumbs, that HPACK may know them one by one (RFC 9113, 8.2.3): one field again. */
static void take_cookie(struct h2_head *h, struct str value)
{
	if (buf_len(&h->cookies))
		put(h, &h->cookies, STR("; "));
	put(h, &h->cookies, value);
}

/* A line end in it would be two fields to whom the response goes; nghttp2 has looked for it before. */
static bool is_one_line(struct str value)
{
	return !value.n || (!memchr(value.p, '\r', value.n) && !memchr(value.p, '\n', value.n));
}

bool h2_head_field(struct h2_head *h, struct str name, struct str value)
{
	h->bytes += name.n + value.n + FIELD_OVERHEAD;
	if (h->error)
		return h->bytes <= H2_HEAD_FLOOD * h->limit;
	if (name.n && name.p[0] == ':') {
		take_pseudo(h, name, value);
		return true;
	}
	begin_text(h);
	if (h->kind != H2_HEAD_REQUEST) {
		h->framed |= str_eq(name, STR("content-length"));
		if (!is_one_line(value))
			h2_head_spoil(h, HTTP1_E_CONTROL);
		put_line(h, name, value);
	} else if (str_eq(name, STR("host"))) {
		take_host(h, value);
	} else if (str_eq(name, STR("cookie"))) {
		take_cookie(h, value);
	} else {
		h->framed |= str_eq(name, STR("content-length"));
		put_line(h, name, value);
	}
	return true;
}

static void hand_over(const struct h2_head *h, bool end, struct h2_message *out)
{
	out->text = (struct str){(const char *)buf_head(&h->text), buf_len(&h->text)};
	out->n_fields = h->n_fields;
	out->error = h->error;
	out->end = end;
}

void h2_head_end(struct h2_head *h, bool end, struct h2_message *out)
{
	begin_text(h);
	if (buf_len(&h->cookies))
		put_line(h, STR("Cookie"),
			(struct str){(const char *)buf_head(&h->cookies), buf_len(&h->cookies)});
	/* Where nothing says how long it is, the front makes chunks of it. */
	if (!end && !h->framed)
		put_line(h, STR("Transfer-Encoding"), STR("chunked"));
	put(h, &h->text, STR("\r\n"));
	hand_over(h, end, out);
}

void h2_head_end_response(struct h2_head *h, bool end, bool head_only, struct h2_message *out)
{
	begin_text(h);
	out->status = status_of(h);
	bool bodiless = head_only || out->status < 200 || out->status == 204 || out->status == 304;
	out->chunked = !h->framed && !bodiless && !end;
	if (out->chunked)
		put_line(h, STR("Transfer-Encoding"), STR("chunked"));
	else if (!h->framed && !bodiless)
		put_line(h, STR("Content-Length"), STR("0"));
	put(h, &h->text, STR("\r\n"));
	hand_over(h, end || (bodiless && out->status >= 200), out);
}

struct str h2_head_trailers(const struct h2_head *h)
{
	if (h->error)
		return STR_NULL;
	return (struct str){(const char *)buf_head(&h->text), buf_len(&h->text)};
}
