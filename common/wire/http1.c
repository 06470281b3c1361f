/* SPDX-License-Identifier: MIT */
/*
 * Lines into fields, in one pass over the bytes. A head that arrives in pieces is parsed at its first
 * piece (so that what is wrong is noticed early) and then only searched for its end, from where the
 * last search stopped; the second and last pass runs when the end is there. What the fields mean
 * together is checked in http1_check.c.
 */
#include "wire/http1.h"

#include <endian.h>

#include "wire/http1_check.h"
#include "wire/http1_scan.h"

static const uint8_t *skip_class(const uint8_t *p, const uint8_t *end, uint8_t class)
{
	while (p < end && (http1_class[*p] & class))
		p++;
	return p;
}

/*
 * The first control character other than a tab, or the end. Eight bytes at a time: the word trick
 * may take a byte behind a hit for another hit, never one before it, so the lowest is exact.
 */
static const uint8_t *skip_text(const uint8_t *p, const uint8_t *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	while (end - p >= 8) {
		uint64_t w;
		memcpy(&w, p, 8);
		w = le64toh(w);
		uint64_t del = w ^ (ones * 0x7f);
		uint64_t hit = ((w - ones * 0x20) & ~w) | ((del - ones) & ~del);
		hit &= ones * 0x80;
		if (!hit) {
			p += 8;
			continue;
		}
		p += __builtin_ctzll(hit) / 8;
		if (*p != '\t')
			return p;
		p++;
	}
	while (p < end && ((*p >= 0x20 && *p != 0x7f) || *p == '\t'))
		p++;
	return p;
}

static struct str view(const uint8_t *from, const uint8_t *to)
{
	return (struct str){(const char *)from, (size_t)(to - from)};
}

/* Steps over CR LF, or says why it is none. */
static int line_end(const uint8_t **p, const uint8_t *end, int otherwise)
{
	const uint8_t *q = *p;
	if (q == end)
		return HTTP1_MORE;
	if (*q != '\r')
		return *q == '\n' ? HTTP1_E_LINE_END : otherwise;
	if (q + 1 == end)
		return HTTP1_MORE;
	if (q[1] != '\n')
		return HTTP1_E_LINE_END;
	*p = q + 2;
	return HTTP1_OK;
}

/* "HTTP/1.0" or "HTTP/1.1", which must be followed by something before it is checked. */
static int parse_version(struct http1_head *h, const uint8_t **p, const uint8_t *end)
{
	static const char prefix[] = "HTTP/";
	const uint8_t *q = *p;
	for (size_t i = 0; i < 8; i++, q++) {
		if (q == end)
			return HTTP1_MORE;
		bool digit = *q >= '0' && *q <= '9';
		if (i < 5 ? *q != prefix[i] : i == 6 ? *q != '.' : !digit)
			return *q == '\n' || *q == '\r' ? HTTP1_E_LINE_END : HTTP1_E_START_LINE;
	}
	if (q[-3] != '1' || q[-1] > '1')
		return HTTP1_E_VERSION;
	h->minor = (uint8_t)(q[-1] - '0');
	*p = q;
	return HTTP1_OK;
}

/* What stands where a single space should. */
static int no_space(uint8_t c)
{
	return c == '\r' || c == '\n' ? HTTP1_E_LINE_END : HTTP1_E_START_LINE;
}

static int parse_request_line(struct http1_head *h, const uint8_t **p, const uint8_t *end)
{
	const uint8_t *method = *p;
	/* RFC 9112, 2.2: some old clients send an empty line behind a body. One is forgiven. */
	if (method < end && *method == '\r') {
		int r = line_end(&method, end, 0);
		if (r)
			return r;
	}
	const uint8_t *q = skip_class(method, end, HTTP1_C_TOKEN);
	if (q == end)
		return HTTP1_MORE;
	if (*q != ' ' || q == method)
		return no_space(*q);
	h->method_name = view(method, q);

	const uint8_t *target = ++q;
	q = skip_class(q, end, HTTP1_C_TARGET);
	if (q == end)
		return HTTP1_MORE;
	if (*q != ' ')
		return *q == '\r' || *q == '\n' ? HTTP1_E_START_LINE : HTTP1_E_TARGET;
	if (q == target)
		return HTTP1_E_START_LINE;
	h->target = view(target, q);

	q++;
	int r = parse_version(h, &q, end);
	if (r == HTTP1_OK)
		r = line_end(&q, end, HTTP1_E_START_LINE);
	*p = q;
	return r;
}

static int parse_status_line(struct http1_head *h, const uint8_t **p, const uint8_t *end)
{
	const uint8_t *q = *p;
	int r = parse_version(h, &q, end);
	if (r)
		return r;
	if (q == end)
		return HTTP1_MORE;
	if (*q != ' ')
		return no_space(*q);
	q++;
	h->status = 0;
	for (size_t i = 0; i < 3; i++, q++) {
		if (q == end)
			return HTTP1_MORE;
		if (*q < (i ? '0' : '1') || *q > '9')
			return no_space(*q);
		h->status = (uint16_t)(h->status * 10 + (*q - '0'));
	}
	if (q == end)
		return HTTP1_MORE;
	/* The space belongs there even without a reason, but its absence leaves no doubt. */
	if (*q != ' ' && *q != '\r')
		return no_space(*q);
	const uint8_t *reason = *q == ' ' ? ++q : q;
	q = skip_text(q, end);
	h->reason = view(reason, q);
	r = line_end(&q, end, HTTP1_E_CONTROL);
	*p = q;
	return r;
}

/* What stands where a name and its colon should. */
static int bad_name(const uint8_t *line, const uint8_t *q)
{
	if (*q == '\n' || *q == '\r')
		return HTTP1_E_LINE_END;
	if (q == line && (*q == ' ' || *q == '\t'))
		return HTTP1_E_FOLD;
	return HTTP1_E_NAME;
}

static int parse_fields(struct http1_head *h, const uint8_t **p, const uint8_t *end)
{
	const uint8_t *q = *p;
	struct http1_field *f = h->fields, *limit = f + h->fields_max;
	uint64_t seen = 0, repeated = 0;
	for (;; f++) {
		if (q == end)
			return HTTP1_MORE;
		f->name = view(q, q);
		if (*q == '\r')
			break;
		if (f == limit)
			return HTTP1_E_FIELDS;

		const uint8_t *name = q;
		q = skip_class(q, end, HTTP1_C_TOKEN);
		if (q == end)
			return HTTP1_MORE;
		if (*q != ':' || q == name) {
			bool folded = q == name && f > h->fields;
			h->at_fault = folded ? f[-1].name : view(name, q);
			return bad_name(name, q);
		}
		f->name = view(name, q);

		const uint8_t *value = ++q;
		q = skip_text(q, end);
		f->value = http1_trim(view(value, q));
		int r = line_end(&q, end, HTTP1_E_CONTROL);
		if (r) {
			h->at_fault = r > HTTP1_MORE ? f->name : STR_NULL;
			return r;
		}

		f->id = (uint8_t)http1_field_id(f->name);
		f->hop = (http1_field_flags[f->id] & HTTP1_HOP) != 0;
		uint64_t bit = UINT64_C(1) << f->id;
		repeated |= seen & bit;
		seen |= bit;
	}
	h->n_fields = (size_t)(f - h->fields);
	h->seen = seen;
	h->repeated = repeated;
	int r = line_end(&q, end, 0);
	*p = q;
	return r;
}

/*
 * Whether bytes from `*scanned` on hold the empty line, or something wrong that makes a whole parse
 * worth while. `*scanned` is behind the last byte that was looked at.
 */
static bool end_in_sight(const uint8_t *p, size_t n, size_t *scanned)
{
	const uint8_t *q = p + *scanned, *lf;
	while (q < p + n && (lf = memchr(q, '\n', (size_t)(p + n - q)))) {
		size_t at = (size_t)(lf - p);
		if (at < 1 || p[at - 1] != '\r' || (at >= 2 && p[at - 2] == '\n'))
			return true;
		q = lf + 1;
	}
	*scanned = n;
	return false;
}

static int parse(struct http1_head *h, const uint8_t *p, size_t n, size_t limit, bool response,
	size_t *scanned)
{
	size_t m = n < limit ? n : limit;
	int r = HTTP1_MORE;
	if (*scanned == 0 || end_in_sight(p, m, scanned)) {
		const uint8_t *q = p;
		memset(h, 0, offsetof(struct http1_head, fields_max));
		r = response ? parse_status_line(h, &q, p + m) : parse_request_line(h, &q, p + m);
		if (r == HTTP1_OK)
			r = parse_fields(h, &q, p + m);
		h->size = (size_t)(q - p);
		*scanned = m;
	}
	if (r != HTTP1_MORE || n < limit)
		return r;
	h->at_fault = STR_NULL; /* it may be another head's: nothing was parsed */
	return HTTP1_E_TOO_LARGE;
}

/* After the checks: notes the field that an error is about. */
static int blame(struct http1_head *h, int code)
{
	static const uint8_t about[HTTP1_N_RESULTS] = {
		[HTTP1_E_HOST] = HTTP1_HOST,
		[HTTP1_E_HOST_DIFFERS] = HTTP1_HOST,
		[HTTP1_E_LENGTH] = HTTP1_CONTENT_LENGTH,
		[HTTP1_E_CODING] = HTTP1_TRANSFER_ENCODING,
		[HTTP1_E_BOTH_LENGTHS] = HTTP1_TRANSFER_ENCODING,
		[HTTP1_E_CODING_IN_1_0] = HTTP1_TRANSFER_ENCODING,
		[HTTP1_E_CONNECTION] = HTTP1_CONNECTION,
		[HTTP1_E_CONNECTION_NAMES] = HTTP1_CONNECTION,
		[HTTP1_E_MAX_FORWARDS] = HTTP1_MAX_FORWARDS,
		[HTTP1_E_EXPECT] = HTTP1_EXPECT,
	};
	const struct http1_field *f = code ? http1_find(h, about[code]) : NULL;
	if (f)
		h->at_fault = f->name;
	return code;
}

int http1_parse_request(struct http1_head *h, const uint8_t *p, size_t n, size_t limit,
	size_t *scanned)
{
	int r = parse(h, p, n, limit, false, scanned);
	return r ? r : blame(h, http1_check_request(h));
}

int http1_parse_response(struct http1_head *h, const uint8_t *p, size_t n, size_t limit,
	enum http1_method asked, size_t *scanned)
{
	int r = parse(h, p, n, limit, true, scanned);
	return r ? r : blame(h, http1_check_response(h, asked));
}
