/* SPDX-License-Identifier: MIT */
#include "server/http/affinity.h"

#include <stdio.h>

#include "base/clock.h"
#include "rules/origin_group.h"

#define NAME        "tunnel-origin"
#define SECURE_NAME "__Host-" NAME

static bool is_cookie(const struct http1_field *f)
{
	return f->name.n == 6 && (*f->name.p | 0x20) == 'c' &&
	       str_eq_nocase(f->name, STR("Cookie"));
}

/* The value of a pair that has this name; empty: it has another. */
static struct str value_of(struct str pair, struct str name)
{
	if (pair.n <= name.n || pair.p[name.n] != '=' || memcmp(pair.p, name.p, name.n) != 0)
		return STR_NULL;
	return (struct str){pair.p + name.n + 1, pair.n - name.n - 1};
}

static struct str next_pair(struct str *rest)
{
	while (rest->n && (*rest->p == ' ' || *rest->p == '\t' || *rest->p == ';'))
		*rest = (struct str){rest->p + 1, rest->n - 1};
	const char *end = rest->n ? memchr(rest->p, ';', rest->n) : NULL;
	struct str pair = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
	*rest = (struct str){rest->p + pair.n, rest->n - pair.n};
	return pair;
}

static int keep(struct buf *left, size_t from, struct str pair)
{
	if (buf_len(left) > from && buf_append(left, "; ", 2) < 0)
		return -1;
	return buf_append(left, pair.p, pair.n);
}

int affinity_read(const struct http1_head *h, bool secure, char tag_out[ORIGIN_TAG_SIZE],
	struct buf *left)
{
	struct str name = secure ? STR(SECURE_NAME) : STR(NAME);
	size_t from = buf_len(left);
	bool ours = false;
	*tag_out = '\0';
	for (size_t i = 0; i < h->n_fields; i++) {
		struct str rest = is_cookie(&h->fields[i]) ? h->fields[i].value : STR_NULL;
		for (struct str pair = next_pair(&rest); pair.n; pair = next_pair(&rest)) {
			/* Most are none of ours, which a character tells. */
			bool may = *pair.p == *NAME || *pair.p == *SECURE_NAME;
			struct str value = may ? value_of(pair, name) : STR_NULL;
			if (value.n == ORIGIN_TAG_SIZE - 1) {
				memcpy(tag_out, value.p, value.n);
				tag_out[value.n] = '\0';
			}
			if (may &&
				(value_of(pair, STR(NAME)).n || value_of(pair, STR(SECURE_NAME)).n))
				ours = true;
			else if (keep(left, from, pair) < 0)
				return -1;
		}
	}
	return ours;
}

/* Whether this stands anywhere in it: a cookie too few is the safe mistake. */
static bool says(struct str control, const char *directive)
{
	size_t n = strlen(directive);
	for (size_t i = 0; i + n <= control.n; i++)
		if (strncasecmp(control.p + i, directive, n) == 0)
			return true;
	return false;
}

bool affinity_is_shared(const struct http1_head *response)
{
	bool stored = false;
	for (size_t i = 0; i < response->n_fields; i++) {
		const struct http1_field *f = &response->fields[i];
		stored |= str_eq_nocase(f->name, STR("Expires"));
		if (!str_eq_nocase(f->name, STR("Cache-Control")))
			continue;
		if (says(f->value, "private") || says(f->value, "no-store") ||
			says(f->value, "no-cache"))
			return false;
		stored |= says(f->value, "public") || says(f->value, "max-age") ||
			  says(f->value, "s-maxage");
	}
	return stored;
}

void affinity_write(const struct origin_group *g, const char *tag, bool secure,
	char out[AFFINITY_COOKIE_SIZE])
{
	char age[40] = "";
	if (g->affinity_for)
		snprintf(age, sizeof(age), "; Max-Age=%llu",
			(unsigned long long)(g->affinity_for / CLOCK_S));
	snprintf(out, AFFINITY_COOKIE_SIZE, "%s=%s; Path=/%s; HttpOnly; SameSite=%s%s",
		secure ? SECURE_NAME : NAME, tag, age,
		g->affinity_anywhere && secure ? "None" : "Lax", secure ? "; Secure" : "");
}
