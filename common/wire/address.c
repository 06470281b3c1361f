/* SPDX-License-Identifier: MIT */
#include "wire/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void from_v4(struct address *a, const void *in)
{
	*a = (struct address){.family = ADDRESS_V4};
	memcpy(a->bytes, in, 4);
}

static void from_v6(struct address *a, const struct in6_addr *in)
{
	if (IN6_IS_ADDR_V4MAPPED(in)) {
		from_v4(a, in->s6_addr + 12);
		return;
	}
	*a = (struct address){.family = ADDRESS_V6};
	memcpy(a->bytes, in->s6_addr, 16);
}

bool address_is_link_local(const struct address *a)
{
	return a->family == ADDRESS_V6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/* What an interface's name may be here: nothing that ends or bends what it is written into. */
static bool is_zone(struct str zone)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-._~@:";
	for (size_t i = 0; i < zone.n; i++)
		if (!memchr(allowed, zone.p[i], sizeof allowed - 1))
			return false;
	return zone.n > 0 && zone.n < ADDRESS_ZONE_SIZE;
}

bool address_take_zone(struct str *text, bool url, struct str *zone_out)
{
	const char *mark = text->n ? memchr(text->p, '%', text->n) : NULL;
	if (!mark) {
		*zone_out = STR_NULL;
		return true;
	}
	struct str zone = {mark + 1, (size_t)(text->p + text->n - mark - 1)};
	if (url && zone.n > 2 && memcmp(zone.p, "25", 2) == 0)
		zone = (struct str){zone.p + 2, zone.n - 2};
	if (!is_zone(zone))
		return false;
	text->n = (size_t)(mark - text->p);
	*zone_out = zone;
	return true;
}

static bool parse(struct str text, struct address *out, struct str *zone_out)
{
	char z[INET6_ADDRSTRLEN];
	struct in_addr v4;
	struct in6_addr v6;
	bool brackets = text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']';
	if (brackets)
		text = (struct str){text.p + 1, text.n - 2};
	if (!address_take_zone(&text, brackets, zone_out) || text.n == 0 || text.n >= sizeof z ||
		memchr(text.p, '\0', text.n))
		return false;
	memcpy(z, text.p, text.n);
	z[text.n] = '\0';
	struct address a;
	if (!brackets && inet_pton(AF_INET, z, &v4) == 1)
		from_v4(&a, &v4);
	else if (inet_pton(AF_INET6, z, &v6) == 1)
		from_v6(&a, &v6);
	else
		return false;
	if (zone_out->n && !address_is_link_local(&a))
		return false;
	*out = a;
	return true;
}

bool address_parse_ip(struct str text, struct address *out)
{
	struct str zone;
	return parse(text, out, &zone);
}

/* A name, or else the number: an interface may be called 7. */
static uint32_t interface_index(struct str zone)
{
	char name[ADDRESS_ZONE_SIZE];
	snprintf(name, sizeof name, "%.*s", STR_ARG(zone));
	unsigned index = if_nametoindex(name);
	if (index || strspn(name, "0123456789") != zone.n)
		return index;
	unsigned long number = strtoul(name, NULL, 10);
	return number <= UINT32_MAX && if_indextoname((unsigned)number, (char[IF_NAMESIZE]){0})
		       ? (uint32_t)number
		       : 0;
}

bool address_parse_zoned(struct str text, struct address *out)
{
	struct str zone;
	struct address a;
	if (!parse(text, &a, &zone))
		return false;
	if (zone.n) {
		a.zone = interface_index(zone);
		if (!a.zone)
			return false;
	}
	*out = a;
	return true;
}

bool address_parse(struct str text, struct address *out)
{
	size_t digits = 0;
	uint32_t port = 0, unit = 1;
	while (digits < text.n && digits < 5) {
		char c = text.p[text.n - 1 - digits];
		if (c < '0' || c > '9')
			break;
		port += (uint32_t)(c - '0') * unit;
		unit *= 10;
		digits++;
	}
	if (digits == 0 || digits == text.n || text.p[text.n - 1 - digits] != ':' ||
		port > UINT16_MAX)
		return false;
	struct str ip = {text.p, text.n - 1 - digits};
	/* Without brackets nobody can tell an IPv6 address' last group from a port. */
	if (ip.n == 0 || (ip.p[0] != '[' && memchr(ip.p, ':', ip.n)))
		return false;
	struct address a;
	if (!address_parse_ip(ip, &a))
		return false;
	a.port = (uint16_t)port;
	*out = a;
	return true;
}

size_t address_format_ip(const struct address *a, char out[ADDRESS_TEXT_SIZE])
{
	if (a->family == ADDRESS_NONE)
		strcpy(out, "-");
	else
		inet_ntop(a->family == ADDRESS_V4 ? AF_INET : AF_INET6, a->bytes, out,
			ADDRESS_TEXT_SIZE);
	return strlen(out);
}

size_t address_format(const struct address *a, char out[ADDRESS_TEXT_SIZE])
{
	bool v6 = a->family == ADDRESS_V6;
	char ip[ADDRESS_TEXT_SIZE];
	size_t n = address_format_ip(a, ip);
	if (a->family == ADDRESS_NONE) {
		memcpy(out, ip, n + 1);
		return n;
	}
	return (size_t)snprintf(out, ADDRESS_TEXT_SIZE, "%s%.45s%s:%u", v6 ? "[" : "", ip,
		v6 ? "]" : "", (unsigned)a->port);
}

struct address address_from_sockaddr(const struct sockaddr *sa)
{
	struct address a = {.family = ADDRESS_NONE};
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, sa, sizeof in);
		from_v4(&a, &in.sin_addr);
		a.port = ntohs(in.sin_port);
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, sa, sizeof in6);
		from_v6(&a, &in6.sin6_addr);
		a.port = ntohs(in6.sin6_port);
		if (address_is_link_local(&a))
			a.zone = in6.sin6_scope_id;
	}
	return a;
}

socklen_t address_to_sockaddr(const struct address *a, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof *out);
	if (a->family == ADDRESS_V4) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};
		memcpy(&in.sin_addr, a->bytes, 4);
		memcpy(out, &in, sizeof in);
		return sizeof in;
	}
	if (a->family == ADDRESS_V6) {
		struct sockaddr_in6 in6 = {
			.sin6_family = AF_INET6,
			.sin6_port = htons(a->port),
			.sin6_scope_id = a->zone,
		};
		memcpy(&in6.sin6_addr, a->bytes, 16);
		memcpy(out, &in6, sizeof in6);
		return sizeof in6;
	}
	return 0;
}

bool address_same_ip(const struct address *a, const struct address *b)
{
	return a->family == b->family && a->zone == b->zone &&
	       memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

uint64_t address_network(const struct address *a)
{
	uint8_t bytes[8] = {0};
	if (address_is_link_local(a)) {
		/* Its 64 bits in 48, so that fe80::/16 stays in front. */
		memcpy(bytes, a->bytes, 2);
		memcpy(bytes + 2, a->bytes + 10, 6);
		bytes[2] ^= a->bytes[8];
		bytes[3] ^= a->bytes[9];
	} else if (a->family == ADDRESS_V6)
		memcpy(bytes, a->bytes, 8);
	else
		memcpy(bytes + 4, a->bytes, 4);
	uint64_t network;
	memcpy(&network, bytes, sizeof(network));
	return network;
}

bool address_is_loopback(const struct address *a)
{
	static const uint8_t one[16] = {[15] = 1};
	if (a->family == ADDRESS_V4)
		return a->bytes[0] == 127;
	return a->family == ADDRESS_V6 && memcmp(a->bytes, one, sizeof one) == 0;
}

bool address_is_global(const struct address *a)
{
	/* First bytes of networks that are not, of IPv4. */
	static const struct {
		uint32_t network, mask;
	} not_global[] = {
		{0x00000000, 0xff000000}, /* this network */
		{0x0a000000, 0xff000000}, /* private */
		{0x64400000, 0xffc00000}, /* carriers' own */
		{0x7f000000, 0xff000000}, /* loopback */
		{0xa9fe0000, 0xffff0000}, /* link-local, and clouds' metadata */
		{0xac100000, 0xfff00000}, /* private */
		{0xc0000000, 0xffffff00}, /* of protocols */
		{0xc0000200, 0xffffff00}, /* documentation */
		{0xc0a80000, 0xffff0000}, /* private */
		{0xc6120000, 0xfffe0000}, /* measurements */
		{0xc6336400, 0xffffff00}, /* documentation */
		{0xcb007100, 0xffffff00}, /* documentation */
		{0xe0000000, 0xe0000000}, /* multicast, reserved, broadcast */
	};
	if (a->family == ADDRESS_V6)
		return (a->bytes[0] & 0xe0) == 0x20 && /* but for documentation and 6to4 */
		       !(a->bytes[0] == 0x20 && a->bytes[1] == 0x01 && a->bytes[2] == 0x0d &&
			       a->bytes[3] == 0xb8) &&
		       !(a->bytes[0] == 0x20 && a->bytes[1] == 0x02);
	uint32_t v4 = (uint32_t)a->bytes[0] << 24 | (uint32_t)a->bytes[1] << 16 |
		      (uint32_t)a->bytes[2] << 8 | a->bytes[3];
	for (size_t i = 0; i < sizeof not_global / sizeof not_global[0]; i++)
		if ((v4 & not_global[i].mask) == not_global[i].network)
			return false;
	return a->family == ADDRESS_V4;
}
