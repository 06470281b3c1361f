/* SPDX-License-Identifier: MIT */
/* Every name that is compared with another goes through here, so that two spellings cannot differ. */
#include "wire/hostname.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>

#include "wire/address.h"

static const char *const texts[] = {
	[HOSTNAME_E_EMPTY] = "is empty",
	[HOSTNAME_E_CHARACTER] = "contains a character that no host name has",
	[HOSTNAME_E_NOT_ASCII] = "is not ASCII: write it in its xn-- form",
	[HOSTNAME_E_LABEL] = "has an empty part between dots, or one of more than 63 characters",
	[HOSTNAME_E_LONG] = "is longer than 253 characters",
	[HOSTNAME_E_LITERAL] = "is not an IPv6 address in brackets",
	[HOSTNAME_E_PORT] = "has a port that is not a number from 1 to 65535",
};

/* What a character becomes; 0: not allowed. */
static char canon(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c | 0x20);
	bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
	return plain || c == '-' || c == '.' || c == '_' ? (char)c : '\0';
}

/* "[…]", brought to the one text that inet_ntop() gives each address, without its zone. */
static int literal(struct str in, char out[HOSTNAME_SIZE], size_t *n_out)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr a;
	struct str zone, bare = {in.p + 1, in.n - 2};
	if (in.n < 2 || in.p[in.n - 1] != ']' || !address_take_zone(&bare, true, &zone) ||
		bare.n >= sizeof text || (bare.n && memchr(bare.p, '\0', bare.n)))
		return HOSTNAME_E_LITERAL;
	memcpy(text, bare.p, bare.n);
	text[bare.n] = '\0';
	if (inet_pton(AF_INET6, text, &a) != 1 || (zone.n && !IN6_IS_ADDR_LINKLOCAL(&a)))
		return HOSTNAME_E_LITERAL;
	out[0] = '[';
	inet_ntop(AF_INET6, &a, out + 1, INET6_ADDRSTRLEN);
	size_t n = 1 + strlen(out + 1);
	out[n++] = ']';
	out[n] = '\0';
	*n_out = n;
	return HOSTNAME_OK;
}

int hostname_canonical(struct str in, char out[HOSTNAME_SIZE], size_t *n_out)
{
	if (in.n > 0 && in.p[0] == '[')
		return literal(in, out, n_out);
	if (in.n > 0 && in.p[in.n - 1] == '.')
		in.n--;
	if (in.n == 0)
		return HOSTNAME_E_EMPTY;
	if (in.n > HOSTNAME_MAX)
		return HOSTNAME_E_LONG;
	size_t label = 0; /* where it starts */
	for (size_t i = 0; i < in.n; i++) {
		unsigned char c = (unsigned char)in.p[i];
		out[i] = canon(c);
		if (out[i] == '\0')
			return c < 0x80 ? HOSTNAME_E_CHARACTER : HOSTNAME_E_NOT_ASCII;
		if (c != '.')
			continue;
		if (i == label || i - label > HOSTNAME_LABEL_MAX)
			return HOSTNAME_E_LABEL;
		label = i + 1;
	}
	if (in.n == label || in.n - label > HOSTNAME_LABEL_MAX)
		return HOSTNAME_E_LABEL;
	out[in.n] = '\0';
	*n_out = in.n;
	return HOSTNAME_OK;
}

bool hostname_port(struct str digits, uint16_t *port_out)
{
	uint32_t v = 0;
	if (digits.n == 0 || digits.n > 5)
		return false;
	for (size_t i = 0; i < digits.n; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return false;
		v = v * 10 + (uint32_t)(digits.p[i] - '0');
	}
	if (v == 0 || v > UINT16_MAX)
		return false;
	*port_out = (uint16_t)v;
	return true;
}

bool hostname_is_number(struct str host)
{
	struct address whole;
	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	const char *dot = host.n ? memrchr(host.p, '.', host.n) : NULL;
	struct str last = dot ? (struct str){dot + 1, (size_t)(host.p + host.n - dot - 1)} : host;
	bool hex = last.n > 2 && last.p[0] == '0' && (last.p[1] == 'x' || last.p[1] == 'X');
	for (size_t i = hex ? 2 : 0; i < last.n; i++)
		if (hex ? !isxdigit((unsigned char)last.p[i]) : !isdigit((unsigned char)last.p[i]))
			return false;
	return last.n > 0 && !address_parse_ip(host, &whole);
}

int hostname_with_port(struct str in, char out[HOSTNAME_SIZE], size_t *n_out, uint16_t *port_out)
{
	const char *from = in.p;
	if (in.n > 0 && in.p[0] == '[') {
		from = memchr(in.p, ']', in.n);
		if (!from)
			return HOSTNAME_E_LITERAL;
	}
	uint16_t port = 0;
	const char *colon = in.n > 0 ? memchr(from, ':', (size_t)(in.p + in.n - from)) : NULL;
	struct str host = in;
	if (colon) {
		struct str digits = {colon + 1, (size_t)(in.p + in.n - colon - 1)};
		host.n = (size_t)(colon - in.p);
		if (digits.n > 0 && !hostname_port(digits, &port))
			return HOSTNAME_E_PORT;
	}
	int r = hostname_canonical(host, out, n_out);
	if (r == HOSTNAME_OK)
		*port_out = port;
	return r;
}

int hostname_claim(struct str in, char out[HOSTNAME_SIZE], size_t *n_out, struct error *err)
{
	struct str name = in;
	char text[HOSTNAME_SIZE];
	size_t n, stars = 0;
	if (name.n >= 2 && name.p[0] == '*' && name.p[1] == '.') {
		stars = 2;
		name.p += stars;
		name.n -= stars;
	}
	int r = hostname_canonical(name, text, &n);
	if (r == HOSTNAME_OK && n + stars > HOSTNAME_MAX)
		r = HOSTNAME_E_LONG;
	if (r == HOSTNAME_OK && stars > 0 && text[0] == '[')
		r = HOSTNAME_E_CHARACTER;
	if (r == HOSTNAME_E_CHARACTER && name.p[0] != '[' && memchr(name.p, ':', name.n))
		return error_set(err, -EINVAL,
			"the host name \"%.*s\" has a port or scheme: publish the name alone",
			STR_ARG(in));
	if (r == HOSTNAME_E_CHARACTER && memchr(name.p, '*', name.n))
		return error_set(err, -EINVAL,
			"the host name \"%.*s\" has a star inside: only \"*.\" in front is a "
			"wildcard",
			STR_ARG(in));
	if (r)
		return error_set(err, -EINVAL, "the host name \"%.*s\" %s", STR_ARG(in), texts[r]);
	memcpy(out, "*.", stars);
	memcpy(out + stars, text, n + 1);
	*n_out = stars + n;
	return 0;
}

bool hostname_covers(struct str wildcard, struct str name)
{
	if (wildcard.n < 3 || wildcard.p[0] != '*' || name.n <= wildcard.n - 1)
		return false;
	struct str suffix = {wildcard.p + 1, wildcard.n - 1};
	return memcmp(name.p + name.n - suffix.n, suffix.p, suffix.n) == 0;
}

const char *hostname_error_text(int code)
{
	return texts[code];
}
