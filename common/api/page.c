/* SPDX-License-Identifier: MIT */
#include "api/page.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "api/operation.h"

static void page_free(struct api_page *p)
{
	loop_task_cancel(&p->task);
	buf_deinit(&p->text);
	free(p);
}

static void page_drop(struct api_request *rq)
{
	page_free(rq->work);
}

static int append(const char *text, size_t n, void *arg)
{
	return buf_append(arg, text, n);
}

static void append_json(struct api_page *p, const json_t *value)
{
	if (json_dump_callback(value, append, &p->text,
		    JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) < 0)
		p->state = API_PAGE_FAILED;
}

static void append_text(struct api_page *p, struct str text)
{
	if (buf_append(&p->text, text.p, text.n) < 0)
		p->state = API_PAGE_FAILED;
}

static void page_answer(struct api_page *p)
{
	struct api_request *rq = p->request;
	json_t *next = p->state == API_PAGE_IS_FULL ? json_string(p->cursor) : json_null();
	append_text(p, STR("],\"next\":"));
	append_json(p, next);
	append_text(p, STR("}"));
	json_decref(next);
	if (p->state == API_PAGE_FAILED) {
		page_free(p);
		api_answer(rq, 500, NULL);
		return;
	}
	/* The text goes over to the request: a buffer that nothing was taken from begins at its memory. */
	char *text = (char *)p->text.data;
	size_t n = buf_len(&p->text);
	p->text = BUF_NULL;
	page_free(p);
	api_answer_text(rq, 200, "application/json", text, n);
}

static void page_turn(struct loop_task *task)
{
	struct api_page *p = container_of(task, struct api_page, task);
	p->looked_at = 0;
	p->rows(p);
	if (p->state == API_PAGE_GOES_ON)
		loop_defer(p->request->api->loop, LOOP_PHASE_WRITE, &p->task);
	else
		page_answer(p);
}

void api_page_start(struct api_request *rq, void (*rows)(struct api_page *p))
{
	uint64_t limit = API_PAGE_DEFAULT;
	if (!api_query_number(rq, "limit", 1, API_PAGE_MAX, &limit))
		return;
	const char *after = api_query(rq, "after");
	if (after && strlen(after) >= API_CURSOR_SIZE) {
		api_refuse(rq, API_INVALID, "\"after\" of the query is no \"next\" of a page");
		return;
	}
	struct api_page *p = calloc(1, sizeof(*p));
	if (!p) {
		api_answer(rq, 500, NULL);
		return;
	}
	p->request = rq;
	p->rows = rows;
	p->limit = (unsigned)limit;
	if (after)
		strcpy(p->cursor, after);
	loop_task_init(&p->task, page_turn);
	append_text(p, STR("{\"items\":["));
	rq->work = p;
	rq->drop = page_drop;
	page_turn(&p->task);
}

bool api_page_room(struct api_page *p)
{
	bool full = p->n == p->limit || buf_len(&p->text) >= API_PAGE_BYTES;
	if (p->state == API_PAGE_GOES_ON && full)
		p->state = API_PAGE_IS_FULL;
	return p->state == API_PAGE_GOES_ON && p->looked_at < API_ROWS;
}

/* The row at this cursor was looked at, and is in the page or not. */
static void move_cursor(struct api_page *p, const char *cursor)
{
	p->looked_at++;
	/* A row's cursor is ours, and fits; one that does not would end the list, not the process. */
	size_t n = strnlen(cursor, API_CURSOR_SIZE - 1);
	memmove(p->cursor, cursor, n);
	p->cursor[n] = 0;
}

void api_page_add(struct api_page *p, const char *cursor, json_t *item)
{
	move_cursor(p, cursor);
	if (!item)
		return;
	if (p->n++)
		append_text(p, STR(","));
	append_json(p, item);
	json_decref(item);
}

void api_page_add_numbered(struct api_page *p, uint64_t number, json_t *item)
{
	char cursor[24];
	snprintf(cursor, sizeof(cursor), "%" PRIu64, number);
	api_page_add(p, cursor, item);
}

void api_page_add_text(struct api_page *p, uint64_t number, struct str item)
{
	api_page_add_numbered(p, number, NULL);
	if (p->n++)
		append_text(p, STR(","));
	append_text(p, item);
}

uint64_t api_page_number(const struct api_page *p)
{
	char *end;
	errno = 0;
	unsigned long long number = strtoull(p->cursor, &end, 10);
	bool is_one = isdigit((unsigned char)*p->cursor) && !*end && !errno;
	return is_one ? MIN(number, UINT64_MAX - 1) : UINT64_MAX - 1;
}

void api_page_fail(struct api_page *p)
{
	p->state = API_PAGE_FAILED;
}

void api_page_end(struct api_page *p)
{
	p->state = API_PAGE_IS_LAST;
}
