/* SPDX-License-Identifier: MIT */
#include "panel/panel_fields.h"

#include "wire/hostname.h"

bool panel_fields_host(struct str host, const struct address *at, char *const *names,
	size_t n_names)
{
	char name[HOSTNAME_SIZE], own[HOSTNAME_SIZE];
	size_t n, own_n;
	uint16_t port;
	struct address address;
	if (hostname_with_port(host, name, &n, &port) != HOSTNAME_OK)
		return false;
	struct str canonical = {name, n};
	if (str_eq(canonical, STR("localhost")))
		return true;
	if (address_parse_ip(canonical, &address))
		return address_same_ip(&address, at);
	for (size_t i = 0; i < n_names; i++)
		if (hostname_canonical(str_from(names[i]), own, &own_n) == HOSTNAME_OK &&
			str_eq(canonical, (struct str){own, own_n}))
			return true;
	return false;
}

static bool begins(struct str text, struct str with, struct str *rest)
{
	if (text.n < with.n || strncasecmp(text.p, with.p, with.n) != 0)
		return false;
	*rest = (struct str){text.p + with.n, text.n - with.n};
	return true;
}

bool panel_fields_origin(struct str origin, struct str host, bool tls)
{
	struct str rest;
	if (!begins(origin, STR("https://"), &rest) &&
		(tls || !begins(origin, STR("http://"), &rest)))
		return false;
	return rest.n && str_eq_nocase(rest, host);
}

static struct str trim(struct str s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = (struct str){s.p + 1, s.n - 1};
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

bool panel_fields_json(struct str content_type)
{
	const char *semicolon = content_type.n ? memchr(content_type.p, ';', content_type.n) : NULL;
	if (semicolon)
		content_type.n = (size_t)(semicolon - content_type.p);
	return str_eq_nocase(trim(content_type), STR("application/json"));
}

struct str panel_fields_cookie(struct str cookies, const char *name)
{
	size_t length = strlen(name);
	while (cookies.n) {
		const char *end = memchr(cookies.p, ';', cookies.n);
		struct str pair = {cookies.p, end ? (size_t)(end - cookies.p) : cookies.n};
		size_t used = pair.n + (end != NULL);
		cookies = (struct str){cookies.p + used, cookies.n - used};
		pair = trim(pair);
		if (pair.n > length && pair.p[length] == '=' && memcmp(pair.p, name, length) == 0)
			return (struct str){pair.p + length + 1, pair.n - length - 1};
	}
	return STR_NULL;
}

struct str panel_fields_bearer(struct str authorization)
{
	struct str rest;
	return begins(authorization, STR("Bearer "), &rest) ? trim(rest) : STR_NULL;
}
