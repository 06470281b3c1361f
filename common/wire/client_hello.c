/* SPDX-License-Identifier: MIT */
/*
 * The message is first put together from its records, then taken apart by one cursor. What decides
 * where a connection goes must have one reading: lengths fit exactly, nothing stands there twice.
 */
#include "wire/client_hello.h"

#include "base/macros.h"
#include "wire/alpn.h"
#include "wire/bytes.h"

#define RECORD_HEAD         5 /* bytes: type, version, length (RFC 8446, 5.1) */
#define RECORD_HANDSHAKE    22
#define RECORD_MAX          16384 /* bytes of a record's content: RFC 8446, 5.1 */
#define MESSAGE_HEAD        4     /* bytes: type, 24 bits of length (RFC 8446, 4) */
#define MESSAGE_CLIENT      1
#define EXTENSION_NAME      0  /* RFC 6066, 3 */
#define EXTENSION_ALPN      16 /* RFC 7301, 3.1 */
#define NAME_TYPE_HOST_NAME 0

/*
 * The version has been frozen at 3.1 for a first ClientHello and 3.3 for the rest; clients that offer no
 * more than TLS 1.1 may say 3.2.
 */
static int read_record_head(const uint8_t *p, size_t n, bool first, size_t *size_out)
{
	if ((n > 0 && p[0] != RECORD_HANDSHAKE) || (n > 1 && p[1] != 3) ||
		(n > 2 && (p[2] < 1 || p[2] > 3)))
		return first ? CLIENT_HELLO_E_NOT_TLS : CLIENT_HELLO_E_MALFORMED;
	if (n < RECORD_HEAD)
		return CLIENT_HELLO_MORE;
	*size_out = bytes_be16(p + 3);
	/* Empty ones are forbidden, or there could be any number of them. */
	return *size_out == 0 || *size_out > RECORD_MAX ? CLIENT_HELLO_E_MALFORMED : 0;
}

/* The first `want` bytes of the records' contents; and how many the last record has behind them. */
static int gather(const uint8_t *p, size_t n, uint8_t *to, size_t want, size_t *rest_out)
{
	size_t at = 0, have = 0, size = 0, take = 0;
	while (have < want) {
		int r = read_record_head(p + at, n - at, at == 0, &size);
		if (r)
			return r;
		at += RECORD_HEAD;
		take = MIN(MIN(size, n - at), want - have);
		memcpy(to + have, p + at, take);
		at += take;
		have += take;
		if (have < want && take < size)
			return CLIENT_HELLO_MORE;
	}
	*rest_out = size - take;
	return 0;
}

/* A vector with its length in front, of one or two bytes, as a reader of its own. */
static struct bytes_reader vector(struct bytes_reader *r, bool wide)
{
	size_t n = wide ? bytes_u16(r) : bytes_u8(r);
	const uint8_t *p = bytes_take(r, n);
	return (struct bytes_reader){.p = p, .n = p ? n : 0, .bad = !p};
}

/* RFC 6066, 3: a list of one name for each type, and there is one type. */
static bool read_name(struct bytes_reader r, struct client_hello *c, bool *host_out)
{
	struct bytes_reader list = vector(&r, true);
	uint8_t type = bytes_u8(&list);
	struct bytes_reader name = vector(&list, true);
	if (!bytes_at_end(&r) || !bytes_at_end(&list) || type != NAME_TYPE_HOST_NAME || name.n == 0)
		return false;
	struct str text = {(const char *)name.p, name.n};
	/* "Literal IPv4 and IPv6 addresses are not permitted" */
	*host_out =
		text.p[0] != '[' && hostname_canonical(text, c->sni, &c->sni_size) == HOSTNAME_OK;
	return true;
}

static bool read_alpn(struct bytes_reader r, struct client_hello *c)
{
	struct bytes_reader list = vector(&r, true);
	if (!bytes_at_end(&r) || list.bad || list.n == 0)
		return false;
	unsigned n = 0;
	bool acme = false;
	while (list.n > 0) {
		struct bytes_reader protocol = vector(&list, false);
		if (protocol.bad || protocol.n == 0)
			return false;
		acme = str_eq((struct str){(const char *)protocol.p, protocol.n}, STR(ALPN_ACME));
		n++;
	}
	c->acme = acme && n == 1;
	c->alpn = true;
	return true;
}

static bool read_extensions(struct bytes_reader r, struct client_hello *c, bool *host_out)
{
	bool named = false;
	while (r.n > 0) {
		uint16_t type = bytes_u16(&r);
		struct bytes_reader data = vector(&r, true);
		if (data.bad)
			return false;
		if (type == EXTENSION_NAME) {
			if (named || !read_name(data, c, host_out))
				return false;
			named = true;
		} else if (type == EXTENSION_ALPN) {
			if (c->alpn || !read_alpn(data, c))
				return false;
		}
	}
	return true;
}

/* `*host_out` turns false when it asks for what is no host name. */
static bool read_message(struct bytes_reader r, struct client_hello *c, bool *host_out)
{
	uint8_t major = bytes_u8(&r);
	bytes_u8(&r);
	bytes_take(&r, 32); /* random */
	struct bytes_reader session = vector(&r, false);
	struct bytes_reader ciphers = vector(&r, true);
	struct bytes_reader compressions = vector(&r, false);
	if (r.bad || major != 3 || session.n > 32 || ciphers.n == 0 || ciphers.n % 2 != 0 ||
		compressions.n == 0)
		return false;
	if (r.n == 0) /* TLS 1.2 without extensions (RFC 5246, 7.4.1.2) */
		return true;
	struct bytes_reader extensions = vector(&r, true);
	return !extensions.bad && bytes_at_end(&r) && read_extensions(extensions, c, host_out);
}

static int read_all(const uint8_t *p, size_t n, struct client_hello *out)
{
	uint8_t head[MESSAGE_HEAD], message[CLIENT_HELLO_MAX];
	size_t rest;
	int r = gather(p, n, head, sizeof head, &rest);
	if (r)
		return r;
	size_t size = MESSAGE_HEAD + (bytes_be32(head) & 0xffffff);
	if (head[0] != MESSAGE_CLIENT || size > CLIENT_HELLO_MAX - RECORD_HEAD)
		return CLIENT_HELLO_E_MALFORMED;
	r = gather(p, n, message, size, &rest);
	if (r)
		return r;
	struct client_hello c = {0};
	struct bytes_reader body = {.p = message + MESSAGE_HEAD, .n = size - MESSAGE_HEAD};
	/* A client has nothing to say in that record any more: keys may change behind it. */
	bool host = true;
	if (rest > 0 || !read_message(body, &c, &host))
		return CLIENT_HELLO_E_MALFORMED;
	if (!host)
		return CLIENT_HELLO_E_NAME;
	*out = c;
	return 0;
}

int client_hello_read(const uint8_t *p, size_t n, struct client_hello *out)
{
	int r = read_all(p, MIN(n, CLIENT_HELLO_MAX), out);
	return r == CLIENT_HELLO_MORE && n >= CLIENT_HELLO_MAX ? CLIENT_HELLO_E_MALFORMED : r;
}
