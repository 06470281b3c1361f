#include "wire/http1_chunks.h"

#include "base/macros.h"
#include "wire/http1_field.h"
#include "wire/http1_scan.h"

enum state {
	SIZE, /* in the digits of a size, `count` of them read */
	EXTENSION,
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

static int go(struct http1_chunks *c, enum state next)
{
	c->state = (uint8_t)next;
	c->count = 0;
	return HTTP1_OK;
}

static int size_byte(struct http1_chunks *c, uint8_t b)
{
	if (http1_class[b] & HTTP1_C_HEX) {
		if (c->count == HTTP1_SIZE_DIGITS_MAX)
			return HTTP1_E_CHUNK_SIZE;
		c->left = c->left << 4 | http1_hex(b);
		c->count++;
		return HTTP1_OK;
	}
	if (c->count == 0 || (b != '\r' && b != ';'))
		return HTTP1_E_CHUNK_SIZE;
	return go(c, b == ';' ? EXTENSION : SIZE_LF);
}

static int extension_byte(struct http1_chunks *c, uint8_t b)
{
	if (b == '\r')
		return go(c, SIZE_LF);
	if (b < 0x20 || b == 0x7f || ++c->count > HTTP1_EXTENSION_MAX)
		return HTTP1_E_CHUNK_EXTENSION;
	return HTTP1_OK;
}

/*
 * A trailer is a field that the receiver may take for one of the head. What frames, routes or vouches
 * for a message is refused there, or a visitor could slip it past the rules for heads.
 */
static int name_byte(struct http1_chunks *c, uint8_t b)
{
	if (b == ':') {
		struct str name = {c->name, MIN(c->count, sizeof c->name)};
		if (c->count == 0)
			return HTTP1_E_NAME;
		if (http1_field_flags[http1_field_id(name)] != 0)
			return HTTP1_E_TRAILER;
		return go(c, TRAILER_VALUE);
	}
	if (!(http1_class[b] & HTTP1_C_TOKEN))
		return c->count == 0 && (b == ' ' || b == '\t') ? HTTP1_E_FOLD : HTTP1_E_NAME;
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
	return (b < 0x20 && b != '\t') || b == 0x7f ? HTTP1_E_CONTROL : HTTP1_OK;
}

/* One byte of framing; there is never much of it. */
static int frame_byte(struct http1_chunks *c, uint8_t b)
{
	switch ((enum state)c->state) {
	case SIZE:
		return size_byte(c, b);
	case EXTENSION:
		return extension_byte(c, b);
	case SIZE_LF:
		return b == '\n' ? go(c, c->left > 0 ? DATA : TRAILER) : HTTP1_E_LINE_END;
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

int http1_chunks_next(struct http1_chunks *c, const uint8_t *p, size_t n, size_t *used_out,
	struct str *data_out)
{
	struct str data = STR_NULL;
	size_t i = 0;
	while (i < n && c->state != DONE && data.n == 0) {
		if (c->state == DATA) {
			data = (struct str){(const char *)p + i, MIN(n - i, c->left)};
			i += data.n;
			c->left -= data.n;
			if (c->left == 0)
				go(c, DATA_CR);
			continue;
		}
		int r = frame_byte(c, p[i++]);
		if (r)
			return r;
	}
	*used_out = i;
	*data_out = data;
	return c->state == DONE ? HTTP1_OK : HTTP1_MORE;
}

int http1_chunks_walk(struct http1_chunks *c, const uint8_t *p, size_t n, size_t *used_out)
{
	size_t used = 0;
	int r;
	do {
		size_t step;
		struct str data;
		r = http1_chunks_next(c, p + used, n - used, &step, &data);
		if (r > HTTP1_MORE)
			return r;
		used += step;
	} while (r == HTTP1_MORE && used < n);
	*used_out = used;
	return r;
}
