/* SPDX-License-Identifier: MIT */
#include "store/store_links.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"

/* Those that are left run out at 2^32, which is a valid counter: there is none any more. */
#define LINKS_END (UINT64_C(1) << 32)

/* 0: it is no number. */
static uint64_t parse(const char *p, size_t n)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9' || v > LINKS_END)
			return 0;
		v = 10 * v + (uint64_t)(p[i] - '0');
	}
	return v <= LINKS_END ? v : 0;
}

uint64_t store_row_next_link(const struct store_row *row)
{
	if (row->kind != STORE_META || strcmp(row->meta.name, STORE_META_NEXT_LINK) != 0)
		return 0;
	return parse(row->meta.value, row->meta.n);
}

static int keep(struct store *s, uint64_t next, struct error *err)
{
	char text[24];
	int n = snprintf(text, sizeof text, "%" PRIu64, next);
	return store_db_set_meta(s, STORE_META_NEXT_LINK, text, (size_t)n, err);
}

/* 0: there is none yet, in a file of version 1. */
static int load(struct store *s, uint64_t *next_out, struct error *err)
{
	auto_statement struct sqlite3_stmt *statement = NULL;
	struct store_value v;
	int r = store_db_meta(s, STORE_META_NEXT_LINK, &statement, &v, err);
	if (r)
		return r;
	*next_out = v.type == STORE_VALUE_BYTES ? parse(v.p, v.n) : 0;
	if (v.type != STORE_VALUE_NULL && !*next_out)
		return store_db_damaged(s, err, "the next link id is no number");
	return 0;
}

int store_links_begin(struct store *s, struct error *err)
{
	return keep(s, 1, err);
}

int store_links_take(struct store *s, struct store_links *l, uint32_t link, struct error *err)
{
	if (!link)
		return error_set(err, -EINVAL,
			"the store cannot keep an endpoint without a link id");
	if (!l->next) {
		int r = load(s, &l->next, err);
		if (r)
			return r;
		if (!l->next)
			return store_db_damaged(s, err, "the next link id is missing");
		l->after = l->next;
	}
	if (link < l->next)
		return error_set(err, STORE_STALE, "another endpoint has had the link id %" PRIu32,
			link);
	l->after = MAX(l->after, (uint64_t)link + 1);
	return 0;
}

int store_links_keep(struct store *s, const struct store_links *l, struct error *err)
{
	return l->after > l->next ? keep(s, l->after, err) : 0;
}

int store_links_skip(struct store *s, struct error *err)
{
	uint64_t next;
	int r = load(s, &next, err);
	if (r || !next)
		return r;
	return keep(s, MIN(next + STORE_LINKS_SKIPPED, LINKS_END), err);
}
