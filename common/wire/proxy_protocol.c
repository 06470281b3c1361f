/* SPDX-License-Identifier: MIT */
/*
 * The PROXY protocol, read and written. Readers of other programs differ in what they forgive; whoever
 * can write such a header decides who a visitor is, so nothing is forgiven here that the text does not
 * ask for.
 */
#include "wire/proxy_protocol.h"

#include <assert.h>
#include <stdio.h>

#include "base/macros.h"
#include "base/str.h"
#include "wire/bytes.h"

#define V2_HEAD 16 /* bytes: signature, version and command, family and transport, length */

static const uint8_t v1_signature[] = {'P', 'R', 'O', 'X', 'Y'};
static const uint8_t v2_signature[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49,
	0x54, 0x0a};

enum { V2_LOCAL = 0x20, V2_PROXY = 0x21 };
/* Family and transport in one byte. */
enum { V2_UNSPEC = 0x00, V2_TCP4 = 0x11, V2_TCP6 = 0x21 };
enum { V2_FAMILY_UNIX = 3, V2_TRANSPORT_DGRAM = 2 }; /* the last ones there are */

enum tlv {
	TLV_ALPN = 0x01,
	TLV_CRC32C = 0x03,
	TLV_SSL = 0x20,
	TLV_SSL_VERSION = 0x21, /* inside TLV_SSL */
	TLV_CONSUMER = 0xe1,    /* 2.2.8: for applications */
	TLV_AZURE = 0xee,       /* Azure's: a byte that says what, and that */
};
#define AZURE_LINK_ID 0x01

#define V1_LINE_MAX    107  /* bytes, with CR LF (2.1) */
#define TLV_HEAD       3    /* bytes: type, length */
#define SSL_CLIENT     0x01 /* the visitor came over TLS */
#define SSL_UNVERIFIED 1    /* not zero: no certificate of the visitor's was verified */

/* ---- Reading ---- */

/* Numbers without zeros in front, so that there is one spelling for each. */
static bool read_port(struct str text, uint16_t *out)
{
	uint32_t v = 0;
	if (text.n == 0 || text.n > 5 || (text.n > 1 && text.p[0] == '0'))
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		v = v * 10 + (uint32_t)(text.p[i] - '0');
	}
	*out = (uint16_t)v;
	return v <= UINT16_MAX;
}

/* inet_pton() refuses zeros in front; the protocol's name says which of the families it must be. */
static bool read_ip(struct str text, bool v6, struct address *out)
{
	/* Nor has a zone any meaning here. */
	if (text.n == 0 || text.p[0] == '[' || memchr(text.p, '%', text.n) ||
		(memchr(text.p, ':', text.n) != NULL) != v6)
		return false;
	return address_parse_ip(text, out);
}

/* The next word, which ends before a space or at the line's end; the space is stepped over. */
static struct str word(struct str *line)
{
	const char *space = line->n ? memchr(line->p, ' ', line->n) : NULL;
	struct str w = {line->p, space ? (size_t)(space - line->p) : line->n};
	size_t step = w.n + (space != NULL);
	line->p += step;
	line->n -= step;
	return w;
}

/* Section 2.1. */
static int read_v1(const uint8_t *p, size_t n, struct proxy_header *out)
{
	size_t end = sizeof v1_signature;
	if (n > end && p[end] != ' ')
		return PROXY_HEADER_E_MALFORMED;
	n = MIN(n, V1_LINE_MAX);
	while (end < n && p[end] != '\r' && p[end] != '\n')
		end++;
	if (end < n && p[end] == '\n')
		return PROXY_HEADER_E_MALFORMED;
	if (end + 2 > n)
		return n == V1_LINE_MAX ? PROXY_HEADER_E_MALFORMED : PROXY_HEADER_MORE;
	if (p[end + 1] != '\n')
		return PROXY_HEADER_E_MALFORMED;

	struct proxy_header h = {.size = end + 2};
	struct str line = {(const char *)p + sizeof v1_signature + 1,
		end - sizeof v1_signature - 1};
	struct str protocol = word(&line);
	if (str_eq(protocol, STR("UNKNOWN"))) {
		h.local = true; /* the rest of the line must be ignored */
		*out = h;
		return 0;
	}
	bool v6 = str_eq(protocol, STR("TCP6"));
	if (!v6 && !str_eq(protocol, STR("TCP4")))
		return PROXY_HEADER_E_MALFORMED;
	if (!read_ip(word(&line), v6, &h.source) || !read_ip(word(&line), v6, &h.destination) ||
		!read_port(word(&line), &h.source.port) || !read_port(line, &h.destination.port))
		return PROXY_HEADER_E_MALFORMED;
	*out = h;
	return 0;
}

/* CRC32c (RFC 4960, appendix B). Bit by bit: few senders have it, and it is once a connection. */
static uint32_t crc32c(uint32_t crc, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

/* Section 2.2.3: of all of the header, the checksum's own four bytes being zeros. */
static bool checksum_fits(const uint8_t *p, size_t size, const uint8_t *checksum)
{
	static const uint8_t zeros[4];
	const uint8_t *behind = checksum + sizeof zeros;
	uint32_t crc = crc32c(UINT32_MAX, p, (size_t)(checksum - p));
	crc = crc32c(crc, zeros, sizeof zeros);
	crc = crc32c(crc, behind, (size_t)(p + size - behind));
	return ~crc == bytes_be32(checksum);
}

/* What stands behind the addresses of the whole header p. */
static bool check_tlvs(struct bytes_reader r, const uint8_t *p, size_t size)
{
	const uint8_t *checksum = NULL;
	while (r.n > 0 && !r.bad) {
		uint8_t type = bytes_u8(&r);
		uint16_t n = bytes_u16(&r);
		const uint8_t *value = bytes_take(&r, n);
		if (type != TLV_CRC32C)
			continue;
		if (n != 4 || checksum)
			return false;
		checksum = value;
	}
	return !r.bad && (!checksum || checksum_fits(p, size, checksum));
}

static struct address take_ip(struct bytes_reader *r, bool v6)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	bytes_copy(r, v6 ? (void *)&in6.sin6_addr : (void *)&in.sin_addr, v6 ? 16 : 4);
	/* By way of a socket's form, where ::ffff:1.2.3.4 becomes the IPv4 address that it is. */
	return address_from_sockaddr(v6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in);
}

/* Section 2.2. */
static int read_v2(const uint8_t *p, size_t n, struct proxy_header *out)
{
	size_t at = sizeof v2_signature;
	if (n > at && p[at] != V2_LOCAL && p[at] != V2_PROXY)
		return PROXY_HEADER_E_MALFORMED;
	if (n < V2_HEAD)
		return PROXY_HEADER_MORE;
	bool local = p[at] == V2_LOCAL;
	uint8_t family = p[at + 1];
	struct proxy_header h = {.size = V2_HEAD + (size_t)bytes_be16(p + at + 2)};
	/* The family is "ignored" with LOCAL. */
	if (h.size > PROXY_HEADER_READ_MAX ||
		(!local && (family >> 4 > V2_FAMILY_UNIX || (family & 15) > V2_TRANSPORT_DGRAM)))
		return PROXY_HEADER_E_MALFORMED;
	if (n < h.size)
		return PROXY_HEADER_MORE;

	h.local = local || (family != V2_TCP4 && family != V2_TCP6);
	if (!h.local) {
		struct bytes_reader r = {.p = p + V2_HEAD, .n = h.size - V2_HEAD};
		h.source = take_ip(&r, family == V2_TCP6);
		h.destination = take_ip(&r, family == V2_TCP6);
		h.source.port = bytes_u16(&r);
		h.destination.port = bytes_u16(&r);
		if (!check_tlvs(r, p, h.size))
			return PROXY_HEADER_E_MALFORMED;
	}
	*out = h;
	return 0;
}

int proxy_header_read(const uint8_t *p, size_t n, struct proxy_header *out)
{
	if (n == 0)
		return PROXY_HEADER_MORE;
	bool v1 = p[0] == v1_signature[0];
	size_t size = v1 ? sizeof v1_signature : sizeof v2_signature;
	if (memcmp(p, v1 ? v1_signature : v2_signature, MIN(n, size)) != 0)
		return PROXY_HEADER_E_NOT;
	if (n < size)
		return PROXY_HEADER_MORE;
	return v1 ? read_v1(p, n, out) : read_v2(p, n, out);
}

/* ---- Writing ---- */

static bool known(const struct address *visitor, const struct address *local)
{
	return visitor->family != ADDRESS_NONE && local->family != ADDRESS_NONE;
}

static bool both_v4(const struct address *visitor, const struct address *local)
{
	return visitor->family == ADDRESS_V4 && local->family == ADDRESS_V4;
}

static void format_ip(const struct address *a, bool v6, char out[ADDRESS_TEXT_SIZE + 7])
{
	bool mapped = v6 && a->family == ADDRESS_V4;
	strcpy(out, mapped ? "::ffff:" : "");
	address_format_ip(a, out + strlen(out));
}

size_t proxy_header_write_v1(uint8_t *at, const struct address *visitor,
	const struct address *local)
{
	char line[V1_LINE_MAX + 1];
	char source[ADDRESS_TEXT_SIZE + 7], destination[ADDRESS_TEXT_SIZE + 7];
	int n;
	if (known(visitor, local)) {
		bool v6 = !both_v4(visitor, local);
		format_ip(visitor, v6, source);
		format_ip(local, v6, destination);
		n = snprintf(line, sizeof line, "PROXY %s %.39s %.39s %u %u\r\n",
			v6 ? "TCP6" : "TCP4", source, destination, (unsigned)visitor->port,
			(unsigned)local->port);
	} else {
		n = snprintf(line, sizeof line, "PROXY UNKNOWN\r\n");
	}
	memcpy(at, line, (size_t)n);
	return (size_t)n;
}

static void put_ip(struct bytes_writer *w, const struct address *a, bool v6)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	if (v6 && a->family == ADDRESS_V4)
		bytes_put(w, mapped, sizeof mapped);
	bytes_put(w, a->bytes, a->family == ADDRESS_V4 ? 4 : 16);
}

static void put_tlv(struct bytes_writer *w, enum tlv type, struct str value)
{
	bytes_put_u8(w, (uint8_t)type);
	bytes_put_u16(w, (uint16_t)value.n);
	bytes_put(w, value.p, value.n);
}

/* Section 2.2.6. */
static void put_ssl(struct bytes_writer *w, struct str version)
{
	bytes_put_u8(w, TLV_SSL);
	bytes_put_u16(w, (uint16_t)(1 + 4 + TLV_HEAD + version.n));
	bytes_put_u8(w, SSL_CLIENT);
	bytes_put_u32(w, SSL_UNVERIFIED);
	put_tlv(w, TLV_SSL_VERSION, version);
}

/* As Azure writes it: the link id is little-endian, alone of all that stands here. */
static void put_consumer(struct bytes_writer *w, uint32_t link, const char *consumer)
{
	const char value[] = {AZURE_LINK_ID, (char)link, (char)(link >> 8), (char)(link >> 16),
		(char)(link >> 24)};
	put_tlv(w, TLV_AZURE, (struct str){value, sizeof value});
	put_tlv(w, TLV_CONSUMER, str_from(consumer));
}

/* Both in one family. */
static void put_addresses(struct bytes_writer *w, const struct address *visitor,
	const struct address *local, bool v6)
{
	put_ip(w, visitor, v6);
	put_ip(w, local, v6);
	bytes_put_u16(w, visitor->port);
	bytes_put_u16(w, local->port);
}

/* The other one is known: all zeros, of its family. */
static struct address filled(const struct address *a, const struct address *other)
{
	struct address zeros = {.family = other->family};
	return a->family == ADDRESS_NONE ? zeros : *a;
}

size_t proxy_header_write_v2(uint8_t *at, const struct proxy_header_facts *facts)
{
	struct bytes_writer w = {.p = at, .n = V2_HEAD, .cap = PROXY_HEADER_MAX};
	struct address visitor = *facts->visitor, local = *facts->local;
	if (facts->link) {
		visitor = filled(&visitor, &local);
		local = filled(&local, &visitor);
	}
	bool proxied = known(&visitor, &local), v6 = !both_v4(&visitor, &local);
	memcpy(at, v2_signature, sizeof v2_signature);
	at[12] = proxied || facts->link ? V2_PROXY : V2_LOCAL;
	at[13] = !proxied ? V2_UNSPEC : v6 ? V2_TCP6 : V2_TCP4;
	if (proxied) {
		put_addresses(&w, &visitor, &local, v6);
		if (facts->alpn.n)
			put_tlv(&w, TLV_ALPN, facts->alpn);
		if (facts->tls == FRAME_TLS_1_2 || facts->tls == FRAME_TLS_1_3)
			put_ssl(&w, facts->tls == FRAME_TLS_1_2 ? STR("TLSv1.2") : STR("TLSv1.3"));
	}
	if (facts->link)
		put_consumer(&w, facts->link, facts->consumer);
	assert(!w.bad); /* 16, 36 of addresses, 258 of ALPN, 18 of TLS, 74 of the consumer */
	bytes_set_be16(at + 14, (uint16_t)(w.n - V2_HEAD));
	return w.n;
}
