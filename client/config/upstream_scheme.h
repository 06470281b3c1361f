/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The scheme that stands before an upstream, or that was meant: which short form takes which, and what to
 * write instead of those that are not taken. For client/config/upstream_text.c.
 */
#include <ctype.h>
#include <string.h>

#include "client/config/upstreams.h"

/* One upstream as it was typed. */
struct typed_upstream {
	struct str key; /* what stands before the '=', with it, or empty: for sentences */
	struct str text;
	enum upstream_form form;
};

static inline bool str_begins(struct str text, const char *with)
{
	size_t n = strlen(with);
	return text.n >= n && memcmp(text.p, with, n) == 0;
}

static inline bool str_is_digits(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!isdigit((unsigned char)text.p[i]))
			return false;
	return text.n > 0;
}

/* "http" of `tunnel http`; "client" of no short form. */
const char *upstream_form_name(enum upstream_form form);

/* The number of the scheme that the text begins with, and what follows its name; -1: none. */
int upstream_scheme_at(struct str text, struct str *rest_out);

/* 0, or -EINVAL with a sentence: that scheme is not taken here, or its "://" is wrong. */
int upstream_scheme_check(const struct typed_upstream *t, int scheme, struct str rest,
	struct error *err);
