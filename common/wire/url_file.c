/* SPDX-License-Identifier: MIT */
#include "wire/url_file.h"

#include <errno.h>
#include <stdlib.h>

#include "wire/http1_scan.h"

bool url_is_file(struct str text)
{
	return text.n >= 5 && strncasecmp(text.p, "file:", 5) == 0;
}

/* Whether each '%' begins an encoding, and none is of a NUL. */
static bool is_encoded(struct str path)
{
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] != '%')
			continue;
		const uint8_t *hex = (const uint8_t *)path.p + i + 1;
		if (path.n - i < 3 || !(http1_class[hex[0]] & http1_class[hex[1]] & HTTP1_C_HEX) ||
			(hex[0] == '0' && hex[1] == '0'))
			return false;
	}
	return true;
}

/* A relative path has no place in such a URL: "file://dist" is a machine of that name. */
static int refuse_relative(struct str text, struct str rest, const char *what, struct error *err)
{
	bool home = rest.n && rest.p[0] == '~';
	while (rest.n >= 2 && memcmp(rest.p, home ? "~/" : "./", 2) == 0)
		rest = (struct str){rest.p + 2, rest.n - 2};
	if (str_eq(rest, STR(".")) || str_eq(rest, STR("~")))
		rest.n = 0;
	return error_set(err, -EINVAL,
		"%s \"%.*s\" does not begin with a folder's whole path: write file:///srv/www, or "
		"file://%s/%.*s",
		what, STR_ARG(text), home ? "$HOME" : "$PWD", STR_ARG(rest));
}

int url_parse_file(struct str text, const char *what, struct url *out, struct error *err)
{
	struct str path = {text.p + 5, text.n - 5}, here = STR("localhost");
	if (path.n >= 2 && memcmp(path.p, "//", 2) == 0)
		path = (struct str){path.p + 2, path.n - 2};
	if (path.n > here.n && path.p[here.n] == '/' &&
		str_eq_nocase((struct str){path.p, here.n}, here))
		path = (struct str){path.p + here.n, path.n - here.n};
	for (size_t i = 0; i < path.n; i++)
		if ((unsigned char)path.p[i] < ' ' || path.p[i] == 0x7f)
			return error_set(err, -EINVAL,
				"%s has a control character in its path: percent-encode it", what);
	if (!path.n || path.p[0] != '/')
		return refuse_relative(text, path, what, err);
	if (memchr(path.p, '?', path.n) || memchr(path.p, '#', path.n) || !is_encoded(path))
		return error_set(err, -EINVAL,
			"%s \"%.*s\" has a %%, ? or # that is part of no folder's path as it "
			"stands: "
			"write %%25, %%3F or %%23",
			what, STR_ARG(text));
	while (path.n > 0 && path.p[path.n - 1] == '/')
		path.n--;
	if (!path.n)
		return error_set(err, -EINVAL,
			"%s \"%.*s\" is everything that this machine has: name a folder in it",
			what, STR_ARG(text));
	*out = (struct url){.scheme = URL_FILE, .folder = path};
	return 0;
}

char *url_folder(const struct url *u)
{
	char *path = malloc(u->folder.n + 1), *to = path;
	for (size_t i = 0; path && i < u->folder.n; i++) {
		const uint8_t *c = (const uint8_t *)u->folder.p + i;
		*to++ = (char)(*c == '%' ? http1_hex(c[1]) << 4 | http1_hex(c[2]) : *c);
		i += *c == '%' ? 2 : 0;
	}
	if (path)
		*to = '\0';
	return path;
}
