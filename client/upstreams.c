#include "client/upstreams.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool has(struct str text, const char *what)
{
	return text.p && memmem(text.p, text.n, what, strlen(what));
}

static struct str trimmed(struct str s)
{
	while (s.n && (*s.p == ' ' || *s.p == '\t'))
		s = (struct str){s.p + 1, s.n - 1};
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Up to the comma that ends this upstream. */
static struct str first_part(struct str text)
{
	for (size_t n = 0;; n++) {
		const char *comma = n < text.n ? memchr(text.p + n, ',', text.n - n) : NULL;
		if (!comma)
			return text;
		n = (size_t)(comma - text.p);
		struct str part = {text.p, n}, rest = {comma + 1, text.n - n - 1};
		const char *end = memchr(rest.p, ',', rest.n);
		struct str next = {rest.p, end ? (size_t)(end - rest.p) : rest.n};
		if (!has(part, "?") || has(next, "://"))
			return part;
	}
}

static int split_host(struct str part, struct upstream *out, struct str *url_out, struct error *err)
{
	const char *equals = memchr(part.p, '=', part.n);
	struct str host = {part.p, equals ? (size_t)(equals - part.p) : 0};
	out->host[0] = 0;
	*url_out = part;
	if (!equals || has(host, "/") || has(host, "?"))
		return 0;
	*url_out = trimmed((struct str){equals + 1, part.n - host.n - 1});
	host = trimmed(host);
	if (host.n == 0)
		return error_set(err, -EINVAL, "\"%.*s\" has no host before the '='",
			STR_ARG(part));
	if (str_eq(host, STR("*")))
		return 0;
	size_t n;
	return hostname_claim(host, out->host, &n, err);
}

static int check_new(const struct upstreams *u, const struct upstream *add, struct error *err)
{
	if (u->n >= UPSTREAMS_MAX)
		return error_set(err, -EINVAL, "more than %d upstreams", UPSTREAMS_MAX);
	for (size_t i = 0; i < u->n; i++) {
		if (strcmp(u->v[i].host, add->host) != 0)
			continue;
		if (*add->host)
			return error_set(err, -EINVAL, "%s has two upstreams: %s and %s", add->host,
				u->v[i].text, add->text);
		return error_set(err, -EINVAL,
			"there are two upstreams without a host: %s and %s; put HOST= before one",
			u->v[i].text, add->text);
	}
	return 0;
}

static int add_part(struct upstreams *u, struct str part, struct error *err)
{
	struct upstream add = {0};
	struct str url = STR_NULL;
	int r = part.n ? split_host(part, &add, &url, err)
		       : error_set(err, -EINVAL, "a value is empty");
	if (r)
		return r;
	add.text = strndup(url.p, url.n);
	if (!add.text)
		return error_set(err, -ENOMEM, "no memory");
	r = url_parse_upstream(str_from(add.text), &add.url, err);
	if (!r)
		r = check_new(u, &add, err);
	struct upstream *v = r ? NULL : realloc(u->v, (u->n + 1) * sizeof *v);
	if (!v) {
		free(add.text);
		return r ? r : error_set(err, -ENOMEM, "no memory");
	}
	u->v = v;
	v[u->n++] = add;
	return 0;
}

int upstreams_add(struct upstreams *u, struct str text, struct error *err)
{
	for (;;) {
		struct str part = first_part(text);
		int r = add_part(u, trimmed(part), err);
		if (r) {
			error_prefix(err, "--upstream");
			return r;
		}
		if (part.n == text.n)
			return 0;
		text = (struct str){text.p + part.n + 1, text.n - part.n - 1};
	}
}

void upstreams_deinit(struct upstreams *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->v[i].text);
	free(u->v);
	*u = UPSTREAMS_NULL;
}
