/* SPDX-License-Identifier: MIT */
#include "server/admin/admin_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "wire/http1.h"

#define LINES_SIZE 64 /* bytes of the first two lines of an answer */

/* The place where a call says what is wrong. */
struct fault {
	enum api_reason *reason;
	struct error *err;
};

static enum admin_http_result refuse(struct fault *f, enum api_reason reason, const char *text)
{
	*f->reason = reason;
	error_set(f->err, 0, "%s", text);
	return ADMIN_HTTP_REFUSED;
}

static enum admin_http_result refuse_code(struct fault *f, int code)
{
	bool large = http1_error_status(code) == 431;
	return refuse(f, large ? API_TOO_LARGE : API_INVALID, http1_error_text(code));
}

static enum admin_http_result refuse_memory(struct fault *f)
{
	return refuse(f, API_BUSY, "the exit node has no memory for this request");
}

/* ---- The head ---- */

static const struct http1_field *find_if_match(const struct http1_head *h)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (str_eq_nocase(h->fields[i].name, STR("if-match")))
			return &h->fields[i];
	return NULL;
}

static int take_fields(const struct http1_head *h, struct api_request *rq)
{
	const struct http1_field *match = find_if_match(h);
	rq->method = h->method == HTTP1_HEAD ? API_GET : api_method(h->method_name);
	rq->target = strndup(h->target.p, h->target.n);
	rq->if_match = match ? strndup(match->value.p, match->value.n) : NULL;
	return rq->target && (rq->if_match || !match) ? 0 : -ENOMEM;
}

static enum admin_http_state framing(const struct http1_head *head)
{
	return head->body == HTTP1_BODY_LENGTH    ? ADMIN_HTTP_LENGTH
	       : head->body == HTTP1_BODY_CHUNKED ? ADMIN_HTTP_CHUNKS
						  : ADMIN_HTTP_WHOLE;
}

/* What of these bytes is the head's: all of them until it is whole. */
static enum admin_http_result take_head(struct admin_http *h, const uint8_t *p, size_t n,
	struct api_request *rq, size_t *used_out, struct fault *f)
{
	struct http1_head head = HTTP1_HEAD_OF(ADMIN_HTTP_FIELDS_MAX);
	size_t before = buf_len(&h->head), some = MIN(n, ADMIN_HTTP_HEAD_MAX + 1 - before);
	if (buf_append(&h->head, p, some) < 0)
		return refuse_memory(f);
	int r = http1_parse_request(&head, buf_head(&h->head), before + some, ADMIN_HTTP_HEAD_MAX,
		&h->scanned);
	*used_out = some;
	if (r == HTTP1_MORE)
		return ADMIN_HTTP_MORE;
	if (r != HTTP1_OK)
		return refuse_code(f, r);
	if (head.form != HTTP1_ORIGIN_FORM)
		return refuse(f, API_INVALID, "the request target is not a path");
	if (head.body == HTTP1_BODY_LENGTH && head.length > API_BODY_MAX)
		return refuse(f, API_TOO_LARGE, "the body is too large");
	if (take_fields(&head, rq) < 0)
		return refuse_memory(f);
	*used_out = head.size - before;
	h->last = !head.keep_alive;
	h->head_only = head.method == HTTP1_HEAD;
	h->chunks = (struct http1_chunks){.data_only = true};
	h->left = head.length;
	h->state = framing(&head);
	buf_deinit(&h->head);
	return ADMIN_HTTP_MORE;
}

/* ---- The body ---- */

static enum admin_http_result take_length(struct admin_http *h, const uint8_t *p, size_t n,
	size_t *used_out, struct fault *f)
{
	size_t some = MIN(n, h->left);
	if (buf_append(&h->body, p, some) < 0)
		return refuse_memory(f);
	h->left -= some;
	*used_out = some;
	if (!h->left)
		h->state = ADMIN_HTTP_WHOLE;
	return ADMIN_HTTP_MORE;
}

static enum admin_http_result take_chunks(struct admin_http *h, const uint8_t *p, size_t n,
	size_t *used_out, struct fault *f)
{
	size_t used = 0;
	int r = HTTP1_MORE;
	while (r == HTTP1_MORE && used < n) {
		struct str run;
		size_t step;
		r = http1_chunks_next(&h->chunks, p + used, n - used, &step, &run);
		if (r > HTTP1_MORE)
			return refuse_code(f, r);
		used += step;
		if (buf_len(&h->body) + run.n > API_BODY_MAX)
			return refuse(f, API_TOO_LARGE, "the body is too large");
		if (run.n && buf_append(&h->body, run.p, run.n) < 0)
			return refuse_memory(f);
	}
	*used_out = used;
	if (r == HTTP1_OK)
		h->state = ADMIN_HTTP_WHOLE;
	return ADMIN_HTTP_MORE;
}

/* The body's memory is the request's from here on. */
static enum admin_http_result finish(struct admin_http *h, struct api_request *rq)
{
	rq->body = (char *)h->body.data;
	rq->body_size = buf_len(&h->body);
	h->body = BUF_NULL;
	return ADMIN_HTTP_READY;
}

enum admin_http_result admin_http_take(struct admin_http *h, const uint8_t *p, size_t n,
	struct api_request *rq, size_t *used_out, enum api_reason *reason_out, struct error *err)
{
	struct fault f = {reason_out, err};
	enum admin_http_result r = ADMIN_HTTP_MORE;
	size_t used = 0;
	while (r == ADMIN_HTTP_MORE && h->state != ADMIN_HTTP_WHOLE && used < n) {
		size_t step = 0;
		if (h->state == ADMIN_HTTP_HEAD)
			r = take_head(h, p + used, n - used, rq, &step, &f);
		else if (h->state == ADMIN_HTTP_LENGTH)
			r = take_length(h, p + used, n - used, &step, &f);
		else
			r = take_chunks(h, p + used, n - used, &step, &f);
		used += step;
	}
	*used_out = used;
	if (r == ADMIN_HTTP_MORE && h->state == ADMIN_HTTP_WHOLE)
		r = finish(h, rq);
	return r;
}

bool admin_http_begun(const struct admin_http *h)
{
	return h->state != ADMIN_HTTP_HEAD || buf_len(&h->head);
}

size_t admin_http_memory(const struct admin_http *h)
{
	return h->head.cap + h->body.cap;
}

static void wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_deinit(b);
}

void admin_http_deinit(struct admin_http *h)
{
	wipe(&h->head);
	wipe(&h->body); /* a token may be in it */
	*h = (struct admin_http){0};
}

/* ---- The answer ---- */

/* Without a value there is no such field. */
static int append_field(struct buf *out, const char *name, const char *value)
{
	auto_free char *line = NULL;
	if (!value)
		return 0;
	int n = asprintf(&line, "%s: %s\r\n", name, value);
	return n < 0 ? -ENOMEM : buf_append(out, line, (size_t)n);
}

static int append_fields(const struct api_request *rq, bool last, struct buf *out)
{
	char retry[16];
	snprintf(retry, sizeof(retry), "%u", rq->retry_after);
	const struct {
		const char *name, *value;
	} fields[] = {
		{"Content-Type", rq->answer ? rq->content_type : NULL},
		{"Cache-Control", "no-store"},
		{"ETag", rq->etag},
		{"Location", rq->location},
		{"Allow", rq->allow},
		{"Retry-After", rq->retry_after ? retry : NULL},
		{"Connection", last ? "close" : NULL},
	};
	int r = 0;
	for (size_t i = 0; i < ARRAY_LEN(fields) && r == 0; i++)
		r = append_field(out, fields[i].name, fields[i].value);
	return r;
}

int admin_http_answer(const struct admin_http *h, const struct api_request *rq, struct buf *out)
{
	char line[LINES_SIZE];
	/* No phrase behind the status: RFC 9112, 4. */
	int n = snprintf(line, sizeof(line), "HTTP/1.1 %u \r\nContent-Length: %zu\r\n", rq->status,
		rq->answer_size);
	int r = buf_append(out, line, (size_t)n);
	if (r == 0)
		r = append_fields(rq, h->last, out);
	if (r == 0)
		r = buf_append(out, "\r\n", 2);
	if (r == 0 && rq->answer_size && !h->head_only)
		r = buf_append(out, rq->answer, rq->answer_size);
	return r;
}
