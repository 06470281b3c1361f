/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The next rows of a list that is not kept in order: those with the smallest keys behind a cursor. All rows are
 * offered, and as many are kept as are looked at in one turn (API_ROWS).
 */
#include "api/page.h"

struct api_select {
	const char *after; /* a key, or "" */
	unsigned n;
	struct {
		const char *key;
		void *row;
	} rows[API_ROWS];
};

/* The key must last as long as the selection. */
void api_select_offer(struct api_select *s, const char *key, void *row);

/* They are the next of the page's rows; `item` makes one's JSON, or NULL when memory is out. */
void api_select_page(const struct api_select *s, struct api_page *p,
	json_t *(*item)(const void *row));

/* Whether there are no more rows behind these. */
static inline bool api_select_last(const struct api_select *s)
{
	return s->n < API_ROWS;
}
