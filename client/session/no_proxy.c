/* SPDX-License-Identifier: MIT */
#include "client/session/no_proxy.h"

#include "base/error.h"
#include "wire/cidr.h"

static struct str without_dots(struct str s)
{
	if (s.n && s.p[0] == '.')
		s = (struct str){s.p + 1, s.n - 1};
	if (s.n && s.p[s.n - 1] == '.')
		s.n--;
	return s;
}

/* Whether `name` is `domain` or ends in "." and `domain`. */
static bool is_below(struct str name, struct str domain)
{
	if (!domain.n || name.n < domain.n)
		return false;
	size_t front = name.n - domain.n;
	struct str tail = {name.p + front, domain.n};
	return str_eq_nocase(tail, domain) && (front == 0 || name.p[front - 1] == '.');
}

/* Takes ":port" off, unless the colon is an IPv6 address's own. False: for another port. */
static bool take_port(struct str *item, uint16_t port)
{
	const char *colon = memrchr(item->p, ':', item->n);
	if (!colon)
		return true;
	size_t n = (size_t)(colon - item->p);
	bool bracketed = n && item->p[n - 1] == ']';
	if (!bracketed && memchr(item->p, ':', n))
		return true;
	uint16_t wanted;
	if (!hostname_port((struct str){colon + 1, item->n - n - 1}, &wanted))
		return true;
	item->n = n;
	return wanted == port;
}

static struct str without_brackets(struct str s)
{
	if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return s;
	return (struct str){s.p + 1, s.n - 2};
}

static bool item_matches(struct str item, const struct url *remote)
{
	if (!take_port(&item, remote->port))
		return false;
	struct address address;
	char text[URL_DIAL_SIZE];
	struct str host = str_from(url_dial_host(remote, text));
	if (!address_parse_zoned(host, &address))
		return is_below(without_dots(host), without_dots(item));
	struct cidr net;
	struct error ignored;
	return cidr_parse(without_brackets(item), &net, &ignored) == 0 && cidr_has(&net, &address);
}

bool no_proxy_matches(struct str list, const struct url *remote)
{
	static const char separators[] = ", \t";
	if (str_eq(list, STR("*")))
		return true;
	while (list.n) {
		struct str item = {list.p, 0};
		while (item.n < list.n && !memchr(separators, list.p[item.n], 3))
			item.n++;
		if (item.n && item_matches(item, remote))
			return true;
		size_t step = item.n < list.n ? item.n + 1 : item.n;
		list = (struct str){list.p + step, list.n - step};
	}
	return false;
}

bool no_proxy_is_local(const struct url *remote)
{
	struct address address;
	struct str host = str_from(remote->host);
	if (address_parse_ip(host, &address))
		return address_is_loopback(&address);
	return is_below(without_dots(host), STR("localhost")); /* RFC 6761, 6.3 */
}
