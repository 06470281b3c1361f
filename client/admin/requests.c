/* SPDX-License-Identifier: MIT */
/* The list of captured requests, one of them, its bodies, and what to keep. */
#include "client/admin/requests.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/page.h"
#include "api/request_filter.h"
#include "base/log.h"
#include "client/admin/body_decode.h"
#include "client/admin/client_admin.h"
#include "client/admin/request_json.h"
#include "client/inspector/curl_text.h"

/* Captures that one list looks at where few pass its filter: at most some milliseconds; `next` goes on. */
#define LIST_LOOKED_AT 20000

struct inspector *requests_inspector(struct api_request *rq)
{
	struct inspector *in = requests_of(rq)->inspector;
	if (!in)
		api_refuse(rq, API_NOT_FOUND,
			"this client keeps no requests: it runs neither on a terminal nor with "
			"--panel, or with --inspect=0");
	return in;
}

struct capture *requests_capture(struct api_request *rq)
{
	struct inspector *in = requests_inspector(rq);
	const char *text = api_parameter(rq, 0);
	char *end, room[API_QUOTE_SIZE];
	if (!in)
		return NULL;
	uint64_t id = strtoull(text, &end, 10);
	struct capture *c = *end ? NULL : inspector_find(in, id);
	if (!c)
		api_refuse(rq, API_NOT_FOUND, "there is no request \"%s\", or none any more",
			api_quote(text, room));
	return c;
}

bool requests_reveal(struct api_request *rq, bool *reveal_out)
{
	*reveal_out = false;
	if (!api_query_flag(rq, "reveal", reveal_out))
		return false;
	if (*reveal_out)
		log_info("%s (%s) looks at captured requests with their secrets: %s",
			rq->actor.name, rq->actor.via, rq->target);
	return true;
}

/* ---- The list ---- */

static void requests_list(struct api_request *rq)
{
	const struct inspector *in = requests_inspector(rq);
	struct request_filter f;
	if (!in || !request_filter_read(rq, &f))
		return;
	json_t *items = json_array(), *next = NULL;
	size_t looked_at = 0, n = 0;
	uint64_t last = 0;
	for (struct list *it = in->all.prev; it != &in->all; it = it->prev) {
		const struct capture *c = list_entry(it, struct capture, all);
		if (c->id >= f.before)
			continue;
		if (c->id <= f.after)
			break;
		if (n == f.limit || looked_at++ == LIST_LOOKED_AT) {
			next = json_sprintf("%" PRIu64, last);
			break;
		}
		last = c->id;
		if (!request_filter_passes(&f, c->method, c->host, c->target, c->status))
			continue;
		json_array_append_new(items, request_summary_json(c));
		n++;
	}
	json_t *list = json_pack("{s:o, s:I, s:I, s:I, s:I, s:I}", "items", items, "captured",
		(json_int_t)in->captured, "kept", (json_int_t)in->n, "skipped",
		(json_int_t)in->skipped, "used", (json_int_t)in->pool.used * CAPTURE_BLOCK, "size",
		(json_int_t)in->pool.n * CAPTURE_BLOCK);
	if (list)
		json_object_set_new(list, "next", next ? next : json_null());
	api_answer(rq, 200, list);
}

static void requests_clear(struct api_request *rq)
{
	struct inspector *in = requests_inspector(rq);
	if (!in)
		return;
	inspector_clear(in);
	api_answer(rq, 200, json_pack("{s:I}", "kept", (json_int_t)in->n));
}

/* ---- One ---- */

/* A view of what the path names. False: refused, or memory is out and that was said. */
static bool view_of_path(struct api_request *rq, bool reveal, struct capture_view *v)
{
	const struct capture *c = requests_capture(rq);
	if (!c)
		return false;
	if (capture_view_init(v, requests_of(rq)->inspector, c, reveal) == 0)
		return true;
	capture_view_deinit(v);
	api_answer(rq, 500, NULL);
	return false;
}

static void request_show(struct api_request *rq)
{
	struct capture_view v;
	bool reveal;
	if (!requests_reveal(rq, &reveal) || !view_of_path(rq, reveal, &v))
		return;
	json_t *entry = request_entry_json(requests_of(rq), &v);
	capture_view_deinit(&v);
	api_answer(rq, 200, entry);
}

static void request_curl(struct api_request *rq)
{
	struct capture_view v;
	struct buf text = BUF_NULL;
	bool reveal;
	if (!requests_reveal(rq, &reveal) || !view_of_path(rq, reveal, &v))
		return;
	int r = curl_text(&v, &text);
	capture_view_deinit(&v);
	if (r < 0) {
		buf_deinit(&text);
		api_answer(rq, 500, NULL);
		return;
	}
	api_answer_text(rq, 200, "text/plain; charset=utf-8", (char *)text.data, buf_len(&text));
}

/* Takes the body's memory. */
static void answer_decoded(struct api_request *rq, const struct capture_view_message *m,
	struct buf *body)
{
	struct buf plain = BUF_NULL;
	struct error err;
	struct str coding = capture_view_find(m, STR("content-encoding"));
	int r = body_decode(coding, buf_head(body), buf_len(body), &plain, &err);
	buf_deinit(body);
	if (r == 0) {
		api_answer_text(rq, 200, "application/octet-stream", (char *)plain.data,
			buf_len(&plain));
		return;
	}
	buf_deinit(&plain);
	if (r == -ENOMEM)
		api_answer(rq, 500, NULL);
	else
		api_refuse(rq, API_INVALID, "%s", err.text);
}

static void answer_body(struct api_request *rq, const struct capture_view *v,
	const struct capture_view_message *m, bool decode)
{
	struct buf body = BUF_NULL;
	if (!capture_view_may_show(v, m)) {
		api_refuse(rq, API_DENIED,
			"what could not be read as HTTP may have secrets in it: ask with reveal=1");
		return;
	}
	if (capture_view_body(v, m, &body) < 0) {
		buf_deinit(&body);
		api_answer(rq, 500, NULL);
	} else if (decode) {
		answer_decoded(rq, m, &body);
	} else {
		api_answer_text(rq, 200, "application/octet-stream", (char *)body.data,
			buf_len(&body));
	}
}

static void request_body(struct api_request *rq, bool of_answer)
{
	struct capture_view v;
	bool reveal, decode = false;
	if (!api_query_flag(rq, "decode", &decode) || !requests_reveal(rq, &reveal) ||
		!view_of_path(rq, reveal, &v))
		return;
	answer_body(rq, &v, of_answer ? &v.answer : &v.request, decode);
	capture_view_deinit(&v);
}

static void request_body_show(struct api_request *rq)
{
	request_body(rq, false);
}

static void response_body_show(struct api_request *rq)
{
	request_body(rq, true);
}

static void request_pin(struct api_request *rq)
{
	struct capture *c = requests_capture(rq);
	if (!c)
		return;
	bool pinned = json_is_true(json_object_get(rq->json, "pinned"));
	if (inspector_pin(requests_of(rq)->inspector, c, pinned))
		api_answer(rq, 200, request_summary_json(c));
	else
		api_refuse(rq, API_TAKEN, "%d requests are pinned already: let one of them go",
			INSPECTOR_PINNED_MAX);
}

static const char *const list_query[] = {REQUEST_FILTER_QUERY, NULL};
static const char *const reveal_query[] = {"reveal", NULL};
static const char *const body_query[] = {"decode", "reveal", NULL};
static const struct api_member pin_members[] = {{"pinned", API_FLAG, .required = true}, {0}};

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/requests", API_OPERATOR, .query = list_query, .run = requests_list},
	{API_DELETE, "/api/v1/requests", API_OPERATOR, .run = requests_clear},
	{API_GET, "/api/v1/requests/{id}", API_OPERATOR, .query = reveal_query,
		.run = request_show},
	{API_GET, "/api/v1/requests/{id}/curl", API_OPERATOR, .query = reveal_query,
		.run = request_curl},
	{API_GET, "/api/v1/requests/{id}/request.body", API_OPERATOR, .query = body_query,
		.run = request_body_show},
	{API_GET, "/api/v1/requests/{id}/response.body", API_OPERATOR, .query = body_query,
		.run = response_body_show},
	{API_POST, "/api/v1/requests/{id}/pin", API_OPERATOR, .members = pin_members,
		.run = request_pin},
};
const struct api_operations client_api_requests = {rows, ARRAY_LEN(rows)};
