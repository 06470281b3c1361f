/* SPDX-License-Identifier: MIT */
#include "wire/cidr.h"

#include <errno.h>
#include <stdlib.h>

static bool parse_bits(struct str digits, unsigned max, unsigned *bits_out)
{
	unsigned v = 0;
	if (digits.n == 0 || digits.n > 3)
		return false;
	for (size_t i = 0; i < digits.n; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return false;
		v = v * 10 + (unsigned)(digits.p[i] - '0');
	}
	*bits_out = v;
	return v <= max;
}

/* The address with every bit behind the first `bits` cleared. */
static struct address mask(const struct address *a, unsigned bits)
{
	struct address m = *a;
	m.port = 0;
	for (unsigned i = 0; i < sizeof m.bytes; i++) {
		unsigned keep = bits > i * 8 ? bits - i * 8 : 0;
		if (keep < 8)
			m.bytes[i] &= (uint8_t)(0xff00u >> keep);
	}
	return m;
}

int cidr_parse(struct str text, struct cidr *out, struct error *err)
{
	const char *slash = text.n > 0 ? memchr(text.p, '/', text.n) : NULL;
	struct str ip = {text.p, slash ? (size_t)(slash - text.p) : text.n};
	struct address a;
	if (memchr(ip.p ? ip.p : "", '%', ip.n) && address_parse_ip(ip, &a) &&
		!address_parse_zoned(ip, &a))
		return error_set(err, -EINVAL, "\"%.*s\": this machine has no such interface",
			STR_ARG(text));
	if (!address_parse_zoned(ip, &a))
		return error_set(err, -EINVAL,
			"\"%.*s\" is not a network: write it like 10.0.0.0/8 or fd00::/8",
			STR_ARG(text));
	/* An IPv4 network in IPv6 clothes counts the 96 bits of its prefix. */
	bool mapped = a.family == ADDRESS_V4 && memchr(ip.p, ':', ip.n);
	unsigned max = a.family == ADDRESS_V4 ? 32 : 128, extra = mapped ? 96 : 0,
		 bits = max + extra;
	struct str digits = slash ? (struct str){slash + 1, text.n - ip.n - 1} : STR_NULL;
	if (slash && (!parse_bits(digits, max + extra, &bits) || bits < extra))
		return error_set(err, -EINVAL,
			"\"%.*s\": the length behind the slash is not a number from %u to %u",
			STR_ARG(text), extra, max + extra);
	bits -= extra;
	struct address net = mask(&a, bits);
	if (!address_same_ip(&net, &a)) {
		char z[ADDRESS_TEXT_SIZE];
		address_format_ip(&net, z);
		return error_set(err, -EINVAL,
			"\"%.*s\" has bits set behind its length: did you mean %s/%u?",
			STR_ARG(text), z, bits);
	}
	*out = (struct cidr){net, (uint8_t)bits};
	return 0;
}

bool cidr_has(const struct cidr *c, const struct address *a)
{
	if (a->family == ADDRESS_NONE || a->family != c->net.family)
		return false;
	if (c->net.zone && c->net.zone != a->zone)
		return false;
	unsigned whole = c->bits / 8, rest = c->bits % 8;
	if (memcmp(a->bytes, c->net.bytes, whole) != 0)
		return false;
	return rest == 0 ||
	       ((a->bytes[whole] ^ c->net.bytes[whole]) & (0xff00u >> rest) & 0xff) == 0;
}

static struct str trim(struct str s)
{
	while (s.n > 0 && isspace((unsigned char)s.p[0]))
		s.p++, s.n--;
	while (s.n > 0 && isspace((unsigned char)s.p[s.n - 1]))
		s.n--;
	return s;
}

int cidr_list_add(struct cidr_list *l, struct str text, struct error *err)
{
	size_t before = l->n;
	struct str rest = trim(text);
	while (rest.n > 0) {
		const char *comma = memchr(rest.p, ',', rest.n);
		struct str one = {rest.p, comma ? (size_t)(comma - rest.p) : rest.n};
		size_t used = one.n + (comma != NULL);
		rest = (struct str){rest.p + used, rest.n - used};

		struct cidr c;
		int r = cidr_parse(trim(one), &c, err);
		struct cidr *items = NULL;
		if (r == 0) {
			items = reallocarray(l->items, l->n + 1, sizeof *items);
			if (!items)
				r = error_set(err, -ENOMEM, "no memory for a list of networks");
		}
		if (r) {
			l->n = before;
			return r;
		}
		l->items = items;
		l->items[l->n++] = c;
	}
	return 0;
}

bool cidr_list_has(const struct cidr_list *l, const struct address *a)
{
	for (size_t i = 0; i < l->n; i++)
		if (cidr_has(&l->items[i], a))
			return true;
	return false;
}

void cidr_list_deinit(struct cidr_list *l)
{
	free(l->items);
	*l = CIDR_LIST_NULL;
}
