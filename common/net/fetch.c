/* SPDX-License-Identifier: MIT */
#include "net/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "wire/http1.h"
#include "wire/http1_chunks.h"
#include "wire/url.h"

#define CHUNK (16u << 10) /* bytes that are read at once */

int fetch_url_parse(struct str text, struct fetch_target *out, struct str *path_out,
	struct error *err)
{
	struct url url;
	const char *mark = memmem(text.p, text.n, "://", 3);
	int r = url_parse_upstream(text, &url, err);
	if (r)
		return r;
	if (!mark || (url.scheme != URL_HTTP && url.scheme != URL_HTTPS))
		return error_set(err, -EINVAL,
			"\"%.*s\" is no URL that can be asked: write https://HOST/PATH",
			STR_ARG(text));
	const char *open = url.literal_v6 ? "[" : "", *close = url.literal_v6 ? "]" : "";
	out->tls = url.scheme == URL_HTTPS;
	snprintf(out->host, sizeof(out->host), "%s", url.host);
	snprintf(out->port, sizeof(out->port), "%u", url.port);
	snprintf(out->authority, sizeof(out->authority), "%s%s%s:%s", open, url.host, close,
		out->port);
	/* As it was written: a slash at its end is a part of it. */
	const char *from = mark + 3, *end = text.p + text.n;
	while (from < end && *from != '/' && *from != '?')
		from++;
	*path_out = (struct str){from, (size_t)(end - from)};
	if (!path_out->n)
		*path_out = STR("/");
	if (path_out->p[0] != '/' || path_out->n > FETCH_TARGET_MAX)
		return error_set(err, -EINVAL, "\"%.*s\" has a path that cannot be asked for",
			STR_ARG(text));
	return 0;
}

/* ---- Asked ---- */

/* The caller frees it. The length, or -ENOMEM. */
static int write_head(const struct fetch_request *rq, char **head_out)
{
	char about[256] = "";
	if (rq->body)
		snprintf(about, sizeof(about), "Content-Type: %s\r\nContent-Length: %zu\r\n",
			rq->type, rq->n);
	int n = asprintf(head_out,
		"%s %.*s HTTP/1.1\r\nHost: %s\r\nUser-Agent: tunnel\r\nConnection: "
		"close\r\n%s%s\r\n",
		rq->method, STR_ARG(rq->path), rq->target->authority, about,
		rq->fields ? rq->fields : "");
	return n < 0 ? -ENOMEM : n;
}

static int ask(struct fetch_conn *c, const struct fetch_request *rq, struct error *err)
{
	char *head;
	int n = write_head(rq, &head);
	if (n < 0)
		return error_set(err, n, "out of memory");
	int r = fetch_conn_send(c, head, (size_t)n, err);
	/* There may be a secret in it. */
	explicit_bzero(head, (size_t)n);
	free(head);
	return r == 0 && rq->body ? fetch_conn_send(c, rq->body, rq->n, err) : r;
}

/* ---- Answered ---- */

/* 1; 0 at the end of the connection; or -errno. */
static int more(struct fetch_conn *c, struct buf *bytes, struct error *err)
{
	if (buf_reserve(bytes, CHUNK) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	ssize_t got = fetch_conn_receive(c, buf_tail(bytes), CHUNK, err);
	if (got > 0)
		buf_commit(bytes, (size_t)got);
	return got > 0 ? 1 : (int)got;
}

static enum http1_method method_of(const struct fetch_request *rq)
{
	return strcmp(rq->method, "HEAD") == 0   ? HTTP1_HEAD
	       : strcmp(rq->method, "POST") == 0 ? HTTP1_POST
						 : HTTP1_GET;
}

/* The final head; interim ones are left behind. */
static int read_head(struct fetch_conn *c, const struct fetch_request *rq, struct fetch_answer *a,
	struct error *err)
{
	size_t scanned = 0;
	for (unsigned heads = 0; heads <= FETCH_INTERIM_MAX;) {
		int r = http1_parse_response(&a->head, buf_head(&a->bytes), buf_len(&a->bytes),
			FETCH_HEAD_MAX, method_of(rq), &scanned);
		if (r == HTTP1_OK && a->head.status >= 200) {
			a->status = a->head.status;
			return 0;
		}
		if (r == HTTP1_OK) {
			buf_consume(&a->bytes, a->head.size);
			scanned = 0;
			heads++;
			continue;
		}
		if (r != HTTP1_MORE)
			return error_set(err, -EPROTO, "what answers is no HTTP server");
		r = more(c, &a->bytes, err);
		if (r <= 0)
			return r < 0 ? r : error_set(err, -ECONNRESET, "it closed the connection");
	}
	return error_set(err, -EPROTO, "it answers with interim responses alone");
}

static int too_long(struct error *err, size_t max)
{
	return error_set(err, -EMSGSIZE, "its answer has more than %zu bytes", max);
}

static int cut_off(struct error *err)
{
	return error_set(err, -ECONNRESET, "its answer was cut off");
}

/* `wanted` bytes of body; SIZE_MAX: until the connection ends. */
static int read_plain(struct fetch_conn *c, struct buf *body, size_t wanted, size_t max,
	struct error *err)
{
	int r = 1;
	if (wanted != SIZE_MAX && wanted > max)
		return too_long(err, max);
	while (buf_len(body) < wanted && r) {
		r = more(c, body, err);
		if (r < 0)
			return r;
		if (wanted == SIZE_MAX && buf_len(body) > max)
			return too_long(err, max);
	}
	if (wanted != SIZE_MAX && buf_len(body) < wanted)
		return cut_off(err);
	body->end = body->start + MIN(buf_len(body), wanted);
	return 0;
}

static int read_chunks(struct fetch_conn *c, struct buf *body, size_t max, struct error *err)
{
	struct http1_chunks chunks = {.data_only = true};
	struct buf plain = BUF_NULL;
	int r = HTTP1_MORE;
	while (r == HTTP1_MORE) {
		size_t used = 0;
		struct str run = STR_NULL;
		r = http1_chunks_next(&chunks, buf_head(body), buf_len(body), &used, &run);
		if (r != HTTP1_OK && r != HTTP1_MORE)
			r = error_set(err, -EPROTO, "its answer is not clean HTTP");
		else if (run.n > max - buf_len(&plain))
			r = too_long(err, max);
		else if (run.n && buf_append(&plain, run.p, run.n) < 0)
			r = error_set(err, -ENOMEM, "out of memory");
		buf_consume(body, used);
		if (r != HTTP1_MORE || buf_len(body))
			continue;
		r = more(c, body, err);
		r = r > 0 ? HTTP1_MORE : r < 0 ? r : cut_off(err);
	}
	buf_deinit(body);
	*body = plain;
	return r;
}

static int read_body(struct fetch_conn *c, struct fetch_answer *a, size_t max, struct error *err)
{
	const struct http1_head *h = &a->head;
	struct buf *body = &a->body;
	size_t came = buf_len(&a->bytes) - h->size;
	if (came && buf_append(body, buf_head(&a->bytes) + h->size, came) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	int r = 0;
	if (h->body == HTTP1_BODY_CHUNKED)
		r = read_chunks(c, body, max, err);
	else if (h->body == HTTP1_BODY_LENGTH)
		r = read_plain(c, body, (size_t)MIN(h->length, (uint64_t)SIZE_MAX - 1), max, err);
	else if (h->body == HTTP1_BODY_UNTIL_CLOSE)
		r = read_plain(c, body, SIZE_MAX, max, err);
	else
		buf_consume(body, came);
	if (r < 0)
		return r;
	if (buf_append(body, "", 1) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	body->end--;
	return 0;
}

static int read_answer(struct fetch_conn *c, const struct fetch_request *rq,
	struct fetch_answer *out, struct error *err)
{
	int r = read_head(c, rq, out, err);
	return r < 0 || !rq->max ? r : read_body(c, out, rq->max, err);
}

int fetch(const struct fetch_request *rq, struct fetch_answer *out, struct error *err)
{
	struct fetch_conn c;
	*out = (struct fetch_answer){0};
	if (http1_head_init(&out->head, FETCH_FIELDS_MAX) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	int r = fetch_conn_open(&c, rq->target, rq->at, rq->target->tls ? rq->tls : NULL,
		rq->deadline, err);
	if (r == 0)
		r = ask(&c, rq, err);
	if (r == 0)
		r = read_answer(&c, rq, out, err);
	fetch_conn_close(&c);
	return r;
}

void fetch_answer_deinit(struct fetch_answer *a)
{
	http1_head_deinit(&a->head);
	buf_deinit(&a->bytes);
	buf_deinit(&a->body);
}

struct str fetch_field(const struct fetch_answer *a, const char *name)
{
	for (size_t i = 0; i < a->head.n_fields; i++)
		if (str_eq_nocase(a->head.fields[i].name, str_from(name)))
			return a->head.fields[i].value;
	return STR_NULL;
}
