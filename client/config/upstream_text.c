/* SPDX-License-Identifier: MIT */
/*
 * The forms that are taken come first, in the order of how clear they are. What is refused is what would
 * otherwise be understood as something else: "http//host" as a host named http, "3000" as an address.
 */
#include "client/config/upstream_text.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "client/config/upstream_scheme.h"

/* What is put before a text without a scheme. */
static const char *const form_schemes[] = {
	[UPSTREAM_FORM_NONE] = "http",
	[UPSTREAM_FORM_HTTP] = "http",
	[UPSTREAM_FORM_TCP] = "tcp",
	[UPSTREAM_FORM_UDP] = "udp",
	[UPSTREAM_FORM_TLS] = "sni+tcp",
};

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "no memory");
}

/* ---- A path ---- */

static bool is_path(struct str text)
{
	return str_begins(text, "/") || str_begins(text, "./") || str_begins(text, "../") ||
	       str_eq(text, STR(".")) || str_eq(text, STR(".."));
}

/* Sockets and folders are the same whatever directory the process is in later. */
static int absolute(struct str path, char out[PATH_MAX], struct error *err)
{
	char dir[PATH_MAX] = "";
	bool relative = !str_begins(path, "/");
	if (relative && !getcwd(dir, sizeof dir))
		return error_set(err, -EINVAL,
			"\"%.*s\" is a path from the current directory, which has no name: %m",
			STR_ARG(path));
	if (str_begins(path, "./") || str_eq(path, STR(".")))
		path = (struct str){path.p + MIN(2, path.n), path.n - MIN(2, path.n)};
	int n = snprintf(out, PATH_MAX, "%s%s%.*s", dir, relative && path.n ? "/" : "",
		STR_ARG(path));
	return n < PATH_MAX
		       ? 0
		       : error_set(err, -EINVAL, "a path is longer than %d bytes", PATH_MAX - 1);
}

/* A directory, where HTTP is published: the URL of its path, percent-encoded. */
static int folder_url(const char *path, char **url_out, struct error *err)
{
	static const char scheme[] = "file://", plain[] = "/-._~ ";
	char *url = malloc(sizeof scheme + 3 * strlen(path)), *to = url;
	if (!url)
		return no_memory(err);
	to += sprintf(to, "%s", scheme);
	for (const char *c = path; *c; c++) {
		unsigned char u = (unsigned char)*c;
		bool as_is = u >= 0x80 || isalnum(u) || strchr(plain, u);
		to += sprintf(to, as_is ? "%c" : "%%%02X", u);
	}
	*url_out = url;
	return 0;
}

static bool is_folder_url(struct str text)
{
	return text.n > 5 && strncasecmp(text.p, "file:", 5) == 0;
}

static int refuse_folder(const struct typed_upstream *t, struct error *err)
{
	return error_set(err, -EINVAL, "\"%.*s\" is a folder, which tunnel http publishes",
		STR_ARG(t->text));
}

static int refuse_socket(const struct typed_upstream *t, struct error *err)
{
	return error_set(err, -EINVAL,
		"\"%.*s\" is a Unix socket, which tunnel http publishes, or tunnel tcp",
		STR_ARG(t->text));
}

static int read_path(const struct typed_upstream *t, char **url_out, struct error *err)
{
	char path[PATH_MAX];
	struct stat st;
	int r = absolute(t->text, path, err);
	if (r)
		return r;
	bool http = t->form == UPSTREAM_FORM_NONE || t->form == UPSTREAM_FORM_HTTP;
	bool found = stat(path, &st) == 0;
	/* One that is still to be built is known by its slash alone. */
	if (found ? S_ISDIR(st.st_mode) : t->text.p[t->text.n - 1] == '/')
		return http ? folder_url(path, url_out, err) : refuse_folder(t, err);
	if (t->form == UPSTREAM_FORM_UDP || t->form == UPSTREAM_FORM_TLS)
		return refuse_socket(t, err);
	if (found && !S_ISSOCK(st.st_mode))
		return error_set(err, -EINVAL,
			http ? "\"%.*s\" is a file: name the folder that it is in, or a Unix "
			       "socket on which the service listens"
			     : "\"%.*s\" is a file: a path stands for a Unix socket on which the "
			       "service listens",
			STR_ARG(t->text));
	return asprintf(url_out, "unix:%s", path) < 0 ? no_memory(err) : 0;
}

/* ---- A port alone ---- */

/* "3000", ":3000"; where there are ranges, "7000-7010". */
static bool is_port(const struct typed_upstream *t)
{
	struct str port = t->text;
	if (str_begins(port, ":"))
		port = (struct str){port.p + 1, port.n - 1};
	bool ranges = t->form == UPSTREAM_FORM_TCP || t->form == UPSTREAM_FORM_UDP;
	const char *dash = ranges && port.n ? memchr(port.p, '-', port.n) : NULL;
	struct str first = {port.p, dash ? (size_t)(dash - port.p) : port.n};
	struct str last = dash ? (struct str){dash + 1, port.n - first.n - 1} : first;
	return str_is_digits(first) && str_is_digits(last);
}

static int read_port(const struct typed_upstream *t, char **url_out, struct error *err)
{
	struct str port = t->text;
	if (str_begins(port, ":"))
		port = (struct str){port.p + 1, port.n - 1};
	uint16_t number;
	if (str_is_digits(port) && !hostname_port(port, &number))
		return error_set(err, -EINVAL,
			"\"%.*s\" is no port of this machine: those are 1 to 65535",
			STR_ARG(t->text));
	return asprintf(url_out, "%s://127.0.0.1:%.*s", form_schemes[t->form], STR_ARG(port)) < 0
		       ? no_memory(err)
		       : 0;
}

/* ---- What ssh -R, chisel and Docker have ---- */

#define FORWARD_FIELDS 4 /* [BIND:]PORT:HOST:PORT */

/* "[R:][BIND:]PORT:HOST:PORT[/udp]" and "PORT:PORT" are refused with what they are here. */
static int check_forward(const struct typed_upstream *t, struct error *err)
{
	struct str text = t->text, field[FORWARD_FIELDS];
	const char *kind = "tcp";
	if (str_begins(text, "R:"))
		text = (struct str){text.p + 2, text.n - 2};
	const char *slash = text.n ? memchr(text.p, '/', text.n) : NULL;
	struct str suffix =
		slash ? (struct str){slash, (size_t)(text.p + text.n - slash)} : STR_NULL;
	if (slash && !str_eq(suffix, STR("/tcp")) && !str_eq(suffix, STR("/udp")))
		return 0;
	if (slash)
		kind = slash + 1;
	text.n -= suffix.n;
	size_t n = 0;
	for (const char *from = text.p, *end = text.p + text.n; from <= end; n++) {
		const char *colon = from < end ? memchr(from, ':', (size_t)(end - from)) : NULL;
		if (n == FORWARD_FIELDS)
			return 0;
		field[n] = (struct str){from, (size_t)((colon ? colon : end) - from)};
		from += field[n].n + 1;
	}
	if (text.p != t->text.p && n == 1 && !str_is_digits(field[0]))
		return error_set(err, -EINVAL,
			"\"%.*s\" is chisel's, and there is no such service here: what is "
			"published "
			"is named by its URL",
			STR_ARG(t->text));
	bool reversed = text.p != t->text.p;
	struct str public = field[n <= 2 ? 0 : n - 3], port = field[n - 1];
	if ((n < 2 && !reversed) || !str_is_digits(public) || !str_is_digits(port))
		return 0;
	struct str host = n <= 2 ? STR("127.0.0.1") : field[n - 2];
	return error_set(err, -EINVAL,
		"\"%.*s\" is the form of ssh -R and chisel: write %.*s=%.3s://%.*s:%.*s for the "
		"public port %.*s, or %.*s:%.*s for a web site",
		STR_ARG(t->text), STR_ARG(public), kind, STR_ARG(host), STR_ARG(port),
		STR_ARG(public), STR_ARG(host), STR_ARG(port));
}

/* ---- All ---- */

/* "dist": a host, unless a file of that name is beside whoever types it. */
static int check_name(const struct typed_upstream *t, struct error *err)
{
	char name[HOSTNAME_SIZE];
	struct stat st;
	if (t->text.n >= sizeof name || memchr(t->text.p, ':', t->text.n) ||
		memchr(t->text.p, '/', t->text.n))
		return 0;
	snprintf(name, sizeof name, "%.*s", STR_ARG(t->text));
	if (!*name || stat(name, &st) < 0)
		return 0;
	return error_set(err, -EINVAL,
		"\"%s\" is a host here, and there is a %s of that name in this directory: write "
		"./%s "
		"for that, %s:80 for the host",
		name, S_ISDIR(st.st_mode) ? "folder" : "file", name, name);
}

/* "app.example.org=", "*.apps.example.org": what visitors ask for, and nothing that answers them. */
static int check_target(const struct typed_upstream *t, struct error *err)
{
	struct str host = t->text;
	if (!host.n && t->key.n)
		return error_set(err, -EINVAL,
			"\"%.*s\" names no upstream behind the '=': write %.*sURL", STR_ARG(t->key),
			STR_ARG(t->key));
	bool by_name = t->form != UPSTREAM_FORM_TCP && t->form != UPSTREAM_FORM_UDP;
	const char *mark = host.n ? memmem(host.p, host.n, "://", 3) : NULL;
	if (mark)
		host = (struct str){mark + 3, (size_t)(host.p + host.n - mark - 3)};
	if (t->key.n || !by_name || !str_begins(host, "*") || memchr(host.p, '=', host.n))
		return 0;
	size_t n = 0;
	while (n < host.n && !strchr(":/?#", host.p[n]))
		n++;
	return error_set(err, -EINVAL,
		"\"%.*s\" is what visitors ask for, and names no upstream: write "
		"%.*s=HOST:PORT",
		STR_ARG(t->text), (int)n, host.p);
}

/* "inlets-pro http client": the words are the other way round there. */
static bool is_side(struct str text)
{
	return str_eq(text, STR("client")) || str_eq(text, STR("server"));
}

int upstream_text_read(struct str key, struct str typed, enum upstream_form form, char **url_out,
	struct error *err)
{
	const struct typed_upstream t = {key, typed, form};
	struct str rest = STR_NULL;
	if (is_path(typed))
		return read_path(&t, url_out, err);
	if (str_begins(typed, "~"))
		return error_set(err, -EINVAL,
			"\"%.*s\" begins with ~, which the shell replaces only where a word "
			"begins: "
			"write the path out",
			STR_ARG(typed));
	if (is_port(&t))
		return read_port(&t, url_out, err);
	if (form != UPSTREAM_FORM_NONE && is_side(typed))
		return error_set(err, -EINVAL,
			"\"%s %.*s\" is inlets-pro's: it is tunnel %.*s here, and what tunnel %s "
			"takes is a port or HOST:PORT",
			upstream_form_name(form), STR_ARG(typed), STR_ARG(typed),
			upstream_form_name(form));
	if (is_folder_url(typed) && form != UPSTREAM_FORM_NONE && form != UPSTREAM_FORM_HTTP)
		return refuse_folder(&t, err);
	int r = check_target(&t, err), scheme = upstream_scheme_at(typed, &rest);
	if (r)
		return r;
	bool is_unix = typed.n > 5 && strncasecmp(typed.p, "unix:", 5) == 0;
	if (scheme >= 0)
		r = upstream_scheme_check(&t, scheme, rest, err);
	else if (!is_unix)
		r = check_forward(&t, err);
	/* Of --upstream a host was always meant. */
	if (!r && scheme < 0 && !is_unix && form != UPSTREAM_FORM_NONE)
		r = check_name(&t, err);
	if (r)
		return r;
	if (is_unix && (form == UPSTREAM_FORM_UDP || form == UPSTREAM_FORM_TLS))
		return refuse_socket(&t, err);
	bool bare = scheme < 0 && !is_unix && !memmem(typed.p, typed.n, "://", 3);
	/* Without a short form the text stays as it is: what it is without a scheme, others know. */
	const char *before = bare && form != UPSTREAM_FORM_NONE ? form_schemes[form] : "";
	return asprintf(url_out, "%s%s%.*s", before, *before ? "://" : "", STR_ARG(typed)) < 0
		       ? no_memory(err)
		       : 0;
}
