/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A text with ${facts} of a request, and with $1 to $9 of what the rule's path pattern captured; $$ is a dollar.
 */
#include "rules/facts.h"

struct template_part {
	bool fact, capture; /* neither: `text` as it stands */
	uint8_t which;      /* enum fact, or which capture, from 0 */
	struct str text;    /* or the fact's name */
};

struct template
{
	struct template_part *parts;
	size_t n;
	uint8_t captures; /* the highest $n */
};

/* Captures are allowed only with `captures`. 0, or < 0 with a sentence without its place. */
int template_compile(struct str text, bool captures, struct arena *a, struct template *out,
	struct error *err);

/* Whether it is the same for every request. */
bool template_is_plain(const struct template *t);
/* How many of its parts have to be looked for in a request: cookies, query parameters, fields. */
size_t template_lookups(const struct template *t);

enum template_for {
	TEMPLATE_FIELD, /* a header field's value: control characters, which could end it, are percent-encoded */
	TEMPLATE_PATH, /* a path: what is not a path's is percent-encoded */
};

/* Bytes of all that rules make of one request: fields, and a path. */
#define TEMPLATE_TEXT_MAX (64u << 10)

/* Appends the text. `c` may be NULL where there are no captures. 0, -ENOMEM, or -EMSGSIZE: `out` is too long now. */
int template_write(const struct template *t, enum template_for use, struct facts *f,
	const struct captures *c, struct buf *out);
