/* SPDX-License-Identifier: MIT */
/*
 * The mux's frames. One table says what each type may look like, and frame_read_header() holds
 * every frame against it, so no reader of a payload meets one of another size.
 */
#include "base/macros.h"
#include "wire/frame.h"

enum scope { SCOPE_LINK, SCOPE_STREAM };

static const struct type {
	const char *name; /* NULL: no such type */
	bool critical;
	enum scope scope;
	uint16_t min, max; /* bytes of payload */
} types[] = {
	/* Indexed by the type without its top bit. An OPEN without addresses has 13 bytes. */
	[1] = {"OPEN", true, SCOPE_STREAM, 13, FRAME_OPEN_MAX},
	[2] = {"DATA", true, SCOPE_STREAM, 1, FRAME_PAYLOAD_MAX}, /* empty: rule 20 */
	[3] = {"DATAGRAM", false, SCOPE_STREAM, 0, FRAME_DATAGRAM_MAX},
	[4] = {"FIN", true, SCOPE_STREAM, 8, 8},
	[5] = {"RESET", true, SCOPE_STREAM, 9, 9},
	[6] = {"WINDOW", true, SCOPE_STREAM, 4, 4},
	[7] = {"PING", true, SCOPE_LINK, 8, 8},
	[8] = {"PONG", false, SCOPE_LINK, 8, 8},
	[9] = {"GOAWAY", true, SCOPE_LINK, 5, 5},
	[10] = {"CONTROL", true, SCOPE_LINK, 2, FRAME_CONTROL_MAX}, /* "{}" */
	[11] = {"REUSE", false, SCOPE_STREAM, 8, 8},
};

static const struct type *type_find(uint8_t number)
{
	uint8_t i = number & (uint8_t)~FRAME_CRITICAL;
	if (i >= ARRAY_LEN(types) || !types[i].name ||
		types[i].critical != ((number & FRAME_CRITICAL) != 0))
		return NULL;
	return &types[i];
}

int frame_read_header(const uint8_t *p, size_t n, struct frame *frame_out)
{
	if (n < FRAME_HEADER)
		return FRAME_E_TRUNCATED;
	struct frame f = {
		.type = p[0],
		.size = bytes_be16(p + 2),
		.stream = bytes_be32(p + 4),
		.payload = p + FRAME_HEADER,
	};
	if (n - FRAME_HEADER < f.size)
		return FRAME_E_TRUNCATED;

	const struct type *type = type_find(f.type);
	if (!type) {
		if (f.type & FRAME_CRITICAL)
			return FRAME_E_UNKNOWN;
		*frame_out = f;
		return FRAME_SKIP;
	}
	if (f.size < type->min || f.size > type->max)
		return FRAME_E_SIZE;
	if ((f.stream != 0) != (type->scope == SCOPE_STREAM))
		return FRAME_E_STREAM;
	*frame_out = f;
	return 0;
}

static size_t ip_size(uint8_t family)
{
	return family == 6 ? 16 : family == 4 ? 4 : 0;
}

static void read_addr(struct bytes_reader *r, struct frame_addr *addr)
{
	addr->family = bytes_u8(r);
	addr->port = bytes_u16(r);
	if (addr->family == 4 || addr->family == 6)
		bytes_copy(r, addr->ip, ip_size(addr->family));
	else if (addr->family != 0 || addr->port != 0)
		r->bad = true;
}

static bool consumer_clean(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= '0' && p[i] <= '9') || p[i] == '-'))
			return false;
	return true;
}

/* It ends up in a log, and in a header that an upstream believes. */
static void read_tail(struct bytes_reader *r, struct frame_open *open)
{
	open->link = bytes_u32(r);
	size_t n = bytes_u8(r);
	const uint8_t *name = n <= FRAME_CONSUMER_MAX ? bytes_take(r, n) : NULL;
	if (!open->link || !n || !name || !consumer_clean(name, n))
		r->bad = true;
	else {
		memcpy(open->consumer, name, n);
		open->consumer[n] = '\0';
	}
}

int frame_read_open(const struct frame *f, struct frame_open *open_out)
{
	struct bytes_reader r = {.p = f->payload, .n = f->size};
	frame_open_init(open_out);
	open_out->kind = bytes_u8(&r);
	open_out->service = bytes_u32(&r);
	read_addr(&r, &open_out->visitor);
	read_addr(&r, &open_out->local);
	open_out->tls = bytes_u8(&r);
	open_out->alpn = bytes_u8(&r);
	if (r.n)
		read_tail(&r, open_out);
	return bytes_at_end(&r) ? 0 : FRAME_E_OPEN;
}

int frame_read_window(const struct frame *f, uint32_t *increment_out)
{
	uint32_t increment = bytes_be32(f->payload);
	if (increment == 0 || increment > FRAME_CREDIT_MAX)
		return FRAME_E_INCREMENT;
	*increment_out = increment;
	return 0;
}

static void put_addr(struct bytes_writer *w, const struct frame_addr *addr)
{
	bytes_put_u8(w, addr->family);
	bytes_put_u16(w, addr->port);
	bytes_put(w, addr->ip, ip_size(addr->family));
}

size_t frame_write_open(uint8_t *at, uint32_t stream, const struct frame_open *open)
{
	struct bytes_writer w = {.p = at + FRAME_HEADER, .cap = FRAME_OPEN_MAX};
	bytes_put_u8(&w, open->kind);
	bytes_put_u32(&w, open->service);
	put_addr(&w, &open->visitor);
	put_addr(&w, &open->local);
	bytes_put_u8(&w, open->tls);
	bytes_put_u8(&w, open->alpn);
	if (open->link) {
		size_t n = strlen(open->consumer);
		bytes_put_u32(&w, open->link);
		bytes_put_u8(&w, (uint8_t)n);
		bytes_put(&w, open->consumer, n);
	}
	frame_write_header(at, FRAME_OPEN, w.n, stream);
	return FRAME_HEADER + w.n;
}

size_t frame_write_fin(uint8_t *at, uint32_t stream, uint64_t written)
{
	frame_write_header(at, FRAME_FIN, 8, stream);
	bytes_set_be64(at + FRAME_HEADER, written);
	return FRAME_HEADER + 8;
}

size_t frame_write_reuse(uint8_t *at, uint32_t stream, uint64_t taken)
{
	frame_write_header(at, FRAME_REUSE, 8, stream);
	bytes_set_be64(at + FRAME_HEADER, taken);
	return FRAME_HEADER + 8;
}

size_t frame_write_reset(uint8_t *at, uint32_t stream, enum frame_reset reason, uint64_t written)
{
	frame_write_header(at, FRAME_RESET, 9, stream);
	at[FRAME_HEADER] = (uint8_t)reason;
	bytes_set_be64(at + FRAME_HEADER + 1, written);
	return FRAME_HEADER + 9;
}

size_t frame_write_window(uint8_t *at, uint32_t stream, uint32_t increment)
{
	frame_write_header(at, FRAME_WINDOW, 4, stream);
	bytes_set_be32(at + FRAME_HEADER, increment);
	return FRAME_HEADER + 4;
}

size_t frame_write_ping(uint8_t *at, const uint8_t opaque[8])
{
	frame_write_header(at, FRAME_PING, 8, 0);
	memcpy(at + FRAME_HEADER, opaque, 8);
	return FRAME_HEADER + 8;
}

size_t frame_write_pong(uint8_t *at, const uint8_t opaque[8])
{
	frame_write_header(at, FRAME_PONG, 8, 0);
	memcpy(at + FRAME_HEADER, opaque, 8);
	return FRAME_HEADER + 8;
}

size_t frame_write_goaway(uint8_t *at, uint32_t last, enum frame_goaway reason)
{
	frame_write_header(at, FRAME_GOAWAY, 5, 0);
	bytes_set_be32(at + FRAME_HEADER, last);
	at[FRAME_HEADER + 4] = (uint8_t)reason;
	return FRAME_HEADER + 5;
}

const char *frame_type_name(uint8_t type)
{
	const struct type *t = type_find(type);
	return t ? t->name : "unknown";
}

const char *frame_reset_name(uint8_t reason)
{
	static const char *const names[] = {
		[FRAME_RESET_NONE] = "done",
		[FRAME_RESET_REFUSED] = "refused",
		[FRAME_RESET_DIAL_TIMEOUT] = "dial_timeout",
		[FRAME_RESET_UNREACHABLE] = "unreachable",
		[FRAME_RESET_DNS] = "dns",
		[FRAME_RESET_BUSY] = "busy",
		[FRAME_RESET_NO_MEMORY] = "no_memory",
		[FRAME_RESET_LINK_LOST] = "link_lost",
		[FRAME_RESET_ABORTED] = "aborted",
		[FRAME_RESET_PROTOCOL] = "protocol",
		[FRAME_RESET_TIMEOUT] = "timeout",
		[FRAME_RESET_DENIED] = "denied",
		[FRAME_RESET_UNKNOWN_SERVICE] = "unknown_service",
		[FRAME_RESET_CANCELLED] = "cancelled",
		[FRAME_RESET_TLS] = "tls",
		[FRAME_RESET_SURPLUS] = "surplus",
	};
	return reason < ARRAY_LEN(names) ? names[reason] : "unknown";
}

struct frame_addr frame_addr_of(const struct address *a)
{
	struct frame_addr f = {.family = a->family, .port = a->family ? a->port : 0};
	memcpy(f.ip, a->bytes, sizeof(f.ip));
	return f;
}

struct address frame_addr_address(const struct frame_addr *f)
{
	struct address a = {.family = f->family, .port = f->port};
	memcpy(a.bytes, f->ip, sizeof(a.bytes));
	return a;
}

bool frame_reset_is_dial(uint8_t reason)
{
	return reason == FRAME_RESET_REFUSED || reason == FRAME_RESET_DIAL_TIMEOUT ||
	       reason == FRAME_RESET_UNREACHABLE || reason == FRAME_RESET_DNS ||
	       reason == FRAME_RESET_BUSY || reason == FRAME_RESET_TLS;
}

const char *frame_goaway_name(uint8_t reason)
{
	static const char *const names[] = {
		[FRAME_GOAWAY_SHUTDOWN] = "shutdown",
		[FRAME_GOAWAY_IDS] = "ids",
		[FRAME_GOAWAY_REPLACED] = "replaced",
		[FRAME_GOAWAY_DENIED] = "denied",
		[FRAME_GOAWAY_PROTOCOL] = "protocol",
		[FRAME_GOAWAY_NO_MEMORY] = "no_memory",
	};
	return reason < ARRAY_LEN(names) ? names[reason] : "unknown";
}

const char *frame_error_name(int error)
{
	static const char *const names[] = {
		[FRAME_E_TRUNCATED] = "a frame that its message cuts off",
		[FRAME_E_UNKNOWN] = "a critical frame of unknown type",
		[FRAME_E_SIZE] = "a frame of a size that its type cannot have",
		[FRAME_E_STREAM] = "a frame with a stream id that its type cannot have",
		[FRAME_E_OPEN] = "an OPEN with malformed addresses or a malformed tail",
		[FRAME_E_INCREMENT] = "a WINDOW of nothing or too much",
	};
	if (error < FRAME_E_TRUNCATED || (size_t)error >= ARRAY_LEN(names))
		return "no error";
	return names[error];
}
