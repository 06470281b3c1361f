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
#include "server/admin/admin.h"

#define ADMIN_PAGE_DEFAULT 100
#define ADMIN_PAGE_MAX     500
/* A page that has as many bytes is full: an identity with all its grants has 250 KiB, and 500 had the memory. */
#define ADMIN_PAGE_BYTES   ((size_t)1 << 20)
/* Looked at in a turn: at most half a millisecond. */
#define ADMIN_ROWS         128
#define ADMIN_CURSOR_SIZE  300 /* a host name's, and a NUL */

/* Parameters that every list has in its query. */
#define ADMIN_PAGE_QUERY "limit", "after"

struct admin_page {
	struct admin_request *request;
	/* Goes through the rows behind `cursor`, and asks admin_page_room() before each. */
	void (*rows)(struct admin_page *p);
	char cursor[ADMIN_CURSOR_SIZE]; /* "" before the first row */
	unsigned limit, n;              /* items */
	unsigned looked_at;             /* in this turn */
	enum {
		ADMIN_PAGE_GOES_ON,
		ADMIN_PAGE_IS_FULL,
		ADMIN_PAGE_IS_LAST,
		ADMIN_PAGE_FAILED
	} state;
	struct buf text;
	struct loop_task task;
};

/* Reads the two parameters and answers: with a problem, or later with a page. */
void admin_page_start(struct admin_request *rq, void (*rows)(struct admin_page *p));

/* For rows(). Whether it may look at one more row; it returns when not. */
bool admin_page_room(struct admin_page *p);
/* The row at this cursor was looked at. Takes the item; NULL: the page does not have this row. */
void admin_page_add(struct admin_page *p, const char *cursor, json_t *item);
/* The same, where rows have numbers, which are the cursors; */
void admin_page_add_numbered(struct admin_page *p, uint64_t number, json_t *item);
/* with an item that is text already, and stays the caller's; */
void admin_page_add_text(struct admin_page *p, uint64_t number, struct str item);
/* and the number of the last row that was looked at. UINT64_MAX - 1: the cursor is none, and nothing is behind it. */
uint64_t admin_page_number(const struct admin_page *p);
/* Memory was out for an item. */
void admin_page_fail(struct admin_page *p);
/* There is no row behind the last one. */
void admin_page_end(struct admin_page *p);
