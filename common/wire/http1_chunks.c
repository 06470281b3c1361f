/* SPDX-License-Identifier: MIT */
#include "wire/http1_chunks.h"

#include "base/macros.h"
#include "wire/http1_field.h"
#include "wire/http1_scan.h"

enum state {
	SIZE,   /* at the start of a size line */
	ZERO,   /* behind zeros; the last one is held */
	DIGITS, /* behind the digits of a size, `count` of them */
	PADDING,
	EXTENSION,
	QUOTED, /* in a quoted value of an extension */
	QUOTED_PAIR,
	SIZE_LF, /* behind the CR of a size line */
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER, /* at the start of a line behind the last chunk */
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	LAST_LF, /* behind the CR of the empty line */
	DONE,
};

/* Beside the results of a step: the byte has no place in the canonical form. */
#define LEFT_OUT (-1)

static int go(struct http1_chunks *c, enum state next)
{
	c->state = (uint8_t)next;
	c->count = 0;
	return HTTP1_OK;
}

static int leave_out(struct http1_chunks *c, enum state next)
{
	bool digit = next == ZERO;
	c->state = (uint8_t)next;
	if (++c->surplus > HTTP1_SURPLUS_MAX)
		return digit ? HTTP1_E_CHUNK_SIZE : HTTP1_E_CHUNK_EXTENSION;
	return LEFT_OUT;
}

static bool is_hex(uint8_t b)
{
	return http1_class[b] & HTTP1_C_HEX;
}

static bool is_blank(uint8_t b)
{
	return b == ' ' || b == '\t';
}

static bool is_control(uint8_t b)
{
	return (b < 0x20 && b != '\t') || b == 0x7f;
}

/* The zero that is held is a size, because no digit follows. */
static void zero_is_size(struct http1_chunks *c)
{
	c->state = DIGITS;
	c->count = 1;
}

static void size_ends(struct http1_chunks *c)
{
	if (c->surplus)
		c->surplus -= (uint16_t)MIN(c->surplus, c->left + HTTP1_SURPLUS_FREE);
	go(c, c->left > 0 ? DATA : TRAILER);
}

/* `behind`: the byte that follows, or NULL where it has not come. */
static int size_byte(struct http1_chunks *c, uint8_t b, const uint8_t *behind)
{
	if (is_hex(b)) {
		if (b == '0' && c->state != DIGITS && (!behind || is_hex(*behind)))
			return leave_out(c, ZERO);
		if (c->count == HTTP1_SIZE_DIGITS_MAX)
			return HTTP1_E_CHUNK_SIZE;
		c->state = DIGITS;
		c->left = c->left << 4 | http1_hex(b);
		c->count++;
		return HTTP1_OK;
	}
	if (c->state == DIGITS && b == '\r')
		return go(c, SIZE_LF);
	if (c->state == DIGITS && (b == ';' || is_blank(b)))
		return leave_out(c, b == ';' ? EXTENSION : PADDING);
	return HTTP1_E_CHUNK_SIZE;
}

/* Between size and extension. Without an extension it is none of the grammar: not from visitors. */
static int padding_byte(struct http1_chunks *c, uint8_t b)
{
	if (is_blank(b) || b == ';')
		return leave_out(c, b == ';' ? EXTENSION : PADDING);
	return b == '\r' && c->padded ? go(c, SIZE_LF) : HTTP1_E_CHUNK_SIZE;
}

/*
 * What an extension says is nobody's business, but its end is: a line that ends within quotes goes on
 * for a reader that looks at them first.
 */
static int extension_byte(struct http1_chunks *c, uint8_t b)
{
	if (b == '\r' && c->state == EXTENSION)
		return go(c, SIZE_LF);
	if (is_control(b))
		return HTTP1_E_CHUNK_EXTENSION;
	if (c->state == EXTENSION)
		return leave_out(c, b == '"' ? QUOTED : EXTENSION);
	if (c->state == QUOTED && b == '"')
		return leave_out(c, EXTENSION);
	return leave_out(c, c->state == QUOTED && b == '\\' ? QUOTED_PAIR : QUOTED);
}

struct str http1_chunks_fault(const struct http1_chunks *c)
{
	size_t n = c->state == TRAILER_NAME ? MIN(c->count, sizeof c->name) : 0;
	return (struct str){c->name, n};
}

/*
 * A trailer is a field that the receiver may take for one of the head. What frames, routes or vouches
 * for a message is refused there, or a visitor could slip it past the rules for heads.
 */
static int name_byte(struct http1_chunks *c, uint8_t b)
{
	if (b == ':') {
		struct str name = http1_chunks_fault(c);
		if (c->count == 0)
			return HTTP1_E_NAME;
		if (http1_field_flags[http1_field_id(name)] != 0)
			return HTTP1_E_TRAILER;
		return go(c, TRAILER_VALUE);
	}
	if (!(http1_class[b] & HTTP1_C_TOKEN))
		return c->count == 0 && is_blank(b) ? HTTP1_E_FOLD : HTTP1_E_NAME;
	if (c->count < sizeof c->name)
		c->name[c->count] = (char)b;
	c->count++;
	return HTTP1_OK;
}

static int trailer_byte(struct http1_chunks *c, uint8_t b)
{
	if (c->state == TRAILER && b == '\r')
		return go(c, LAST_LF);
	if (++c->trailers > HTTP1_TRAILERS_MAX)
		return HTTP1_E_TRAILERS_TOO_LARGE;
	if (c->state == TRAILER)
		go(c, TRAILER_NAME);
	if (c->state == TRAILER_NAME)
		return name_byte(c, b);
	if (b == '\r')
		return go(c, TRAILER_LF);
	return is_control(b) ? HTTP1_E_CONTROL : HTTP1_OK;
}

/* One byte of framing; there is never much of it. HTTP1_OK, LEFT_OUT or an error. */
static int frame_byte(struct http1_chunks *c, uint8_t b, const uint8_t *behind)
{
	switch ((enum state)c->state) {
	case SIZE:
	case ZERO:
	case DIGITS:
		return size_byte(c, b, behind);
	case PADDING:
		return padding_byte(c, b);
	case EXTENSION:
	case QUOTED:
	case QUOTED_PAIR:
		return extension_byte(c, b);
	case SIZE_LF:
		if (b != '\n')
			return HTTP1_E_LINE_END;
		size_ends(c);
		return HTTP1_OK;
	case DATA_CR:
		return b == '\r' ? go(c, DATA_LF) : HTTP1_E_CHUNK_END;
	case DATA_LF:
		return b == '\n' ? go(c, SIZE) : HTTP1_E_CHUNK_END;
	case TRAILER:
	case TRAILER_NAME:
	case TRAILER_VALUE:
		return trailer_byte(c, b);
	case TRAILER_LF:
		return b == '\n' ? go(c, TRAILER) : HTTP1_E_LINE_END;
	case LAST_LF:
		return b == '\n' ? go(c, DONE) : HTTP1_E_LINE_END;
	case DATA:
	case DONE:
		break;
	}
	return HTTP1_OK;
}

/*
 * The short way: steps over the line end behind data, or over a whole size line in its canonical form.
 * 0: neither stands there in one piece.
 */
static size_t plain_line(struct http1_chunks *c, const uint8_t *p, size_t n)
{
	size_t digits = 0;
	uint64_t size = 0;
	if (c->state == SIZE && p[0] != '0')
		while (digits < n && digits < HTTP1_SIZE_DIGITS_MAX && is_hex(p[digits]))
			size = size << 4 | http1_hex(p[digits++]);
	if ((digits == 0 && c->state != DATA_CR) || n - digits < 2 || p[digits] != '\r' ||
		p[digits + 1] != '\n')
		return 0;
	if (digits == 0) {
		go(c, SIZE);
	} else {
		c->left = size;
		size_ends(c);
	}
	return digits + 2;
}

/* Whether the byte between these states is a part of a trailer's line. */
static bool is_trailer(uint8_t before, uint8_t after)
{
	return before >= TRAILER && before <= TRAILER_LF && after != LAST_LF;
}

bool http1_chunks_trailing(const struct http1_chunks *c)
{
	return c->state >= TRAILER;
}

int http1_chunks_next(struct http1_chunks *c, const uint8_t *p, size_t n, size_t *used_out,
	struct str *run_out)
{
	size_t i = 0, from = 0, to = 0;
	while (i < n && c->state != DONE) {
		size_t step = 1;
		bool passed = !c->data_only;
		if (c->state == DATA) {
			step = (size_t)MIN(n - i, c->left);
			c->left -= step;
			if (c->left == 0)
				go(c, DATA_CR);
			passed = true;
		} else if (c->state == ZERO && !is_hex(p[i])) {
			/* The piece before ended behind it, and is gone. */
			zero_is_size(c);
			if (!passed)
				continue;
			*used_out = i;
			*run_out = STR("0");
			return HTTP1_MORE;
		} else {
			uint8_t before = c->state;
			size_t line = plain_line(c, p + i, n - i);
			int r = line ? HTTP1_OK : frame_byte(c, p[i], i + 1 < n ? p + i + 1 : NULL);
			if (r > HTTP1_OK)
				return r;
			passed = passed ||
				 (c->trailers_too && line == 0 && is_trailer(before, c->state));
			step = line ? line : 1;
			passed &= r != LEFT_OUT;
		}
		i += step;
		if (passed) {
			from = to > from ? from : i - step;
			to = i;
		} else if (to > from) {
			break;
		}
	}
	*used_out = i;
	*run_out = (struct str){(const char *)p + from, to - from};
	return c->state == DONE ? HTTP1_OK : HTTP1_MORE;
}

int http1_chunks_copy(struct http1_chunks *c, const uint8_t *p, size_t n, uint8_t *out, size_t room,
	size_t *used_out, size_t *wrote_out)
{
	size_t used = 0, wrote = 0;
	int r;
	do {
		size_t step;
		struct str run;
		r = http1_chunks_next(c, p + used, n - used, &step, &run);
		if (r > HTTP1_MORE)
			return r;
		if (run.n)
			memmove(out + wrote, run.p, run.n);
		used += step;
		wrote += run.n;
	} while (r == HTTP1_MORE && used < n && wrote < room);
	*used_out = used;
	*wrote_out = wrote;
	return r;
}

bool http1_chunks_held(const struct http1_chunks *c)
{
	return c->state == ZERO;
}

void http1_chunks_passed(struct http1_chunks *c, const uint8_t *p, size_t n)
{
	size_t used;
	struct str run;
	http1_chunks_next(c, p, n, &used, &run);
	/* A zero at the end was passed on because what follows it was there. */
	if (n > 0 && c->state == ZERO)
		zero_is_size(c);
}

bool http1_chunks_end(const struct http1_chunks *c, const uint8_t *p, size_t n)
{
	struct http1_chunks ahead = *c;
	int r = HTTP1_MORE;
	for (size_t at = 0, used; at < n && r == HTTP1_MORE; at += used) {
		struct str run;
		r = http1_chunks_next(&ahead, p + at, n - at, &used, &run);
		if (r > HTTP1_MORE)
			break;
	}
	return r == HTTP1_OK;
}
