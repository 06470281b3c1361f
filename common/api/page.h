/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Lists, a page at a time: "limit" items behind the cursor "after", and with them "next", the cursor for the
 * following page. The rows are looked at in portions, a portion a turn of the loop, because worker 0 shares the
 * thread; meanwhile the list may change, so a cursor is a name or a number by which a place in the order is
 * found again.
 */
#include <jansson.h>

#include "base/buf.h"
#include "loop/event.h"
#include "api/api.h"

#define API_PAGE_DEFAULT 100
#define API_PAGE_MAX     500
/* A page that has as many bytes is full: an identity with all its grants has 250 KiB, and 500 had the memory. */
#define API_PAGE_BYTES   ((size_t)1 << 20)
/* Looked at in a turn: at most half a millisecond. */
#define API_ROWS         128
#define API_CURSOR_SIZE  300 /* a host name's, and a NUL */

/* Parameters that every list has in its query. */
#define API_PAGE_QUERY "limit", "after"

struct api_page {
	struct api_request *request;
	/* Goes through the rows behind `cursor`, and asks api_page_room() before each. */
	void (*rows)(struct api_page *p);
	char cursor[API_CURSOR_SIZE]; /* "" before the first row */
	unsigned limit, n;            /* items */
	unsigned looked_at;           /* in this turn */
	enum { API_PAGE_GOES_ON, API_PAGE_IS_FULL, API_PAGE_IS_LAST, API_PAGE_FAILED } state;
	struct buf text;
	struct loop_task task;
};

/* Reads the two parameters and answers: with a problem, or later with a page. */
void api_page_start(struct api_request *rq, void (*rows)(struct api_page *p));

/* For rows(). Whether it may look at one more row; it returns when not. */
bool api_page_room(struct api_page *p);
/* The row at this cursor was looked at. Takes the item; NULL: the page does not have this row. */
void api_page_add(struct api_page *p, const char *cursor, json_t *item);
/* The same, where rows have numbers, which are the cursors; */
void api_page_add_numbered(struct api_page *p, uint64_t number, json_t *item);
/* with an item that is text already, and stays the caller's; */
void api_page_add_text(struct api_page *p, uint64_t number, struct str item);
/* and the number of the last row that was looked at. UINT64_MAX - 1: the cursor is none, and nothing is behind it. */
uint64_t api_page_number(const struct api_page *p);
/* Memory was out for an item. */
void api_page_fail(struct api_page *p);
/* There is no row behind the last one. */
void api_page_end(struct api_page *p);
