/* SPDX-License-Identifier: MIT */
/* Captured requests as an HTTP archive (HAR 1.2), which browsers and other tools read. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/api_json.h"
#include "client/admin/client_admin.h"
#include "client/admin/request_json.h"
#include "crypto/digest.h"
#include "policy/timestamp.h"
#include "version.h"

/* Of one archive: it is made at once, while nothing else goes on. */
#define HAR_ENTRIES_MAX 500
#define HAR_BODIES_MAX  ((size_t)16 << 20) /* bytes */

struct archive {
	const struct requests_api *r;
	bool reveal;
	json_t *entries;
	size_t bodies;
};

static json_t *buf_text(struct buf *b, int r)
{
	json_t *text = r == 0 ? text_json(buf_len(b) ? (char *)buf_head(b) : "", buf_len(b)) : NULL;
	buf_deinit(b);
	return text;
}

/* Into "text", with "encoding" where it is none; `comment` where some of it is missing. */
static void set_body(struct archive *a, json_t *to, const struct capture_view *v,
	const struct capture_view_message *m)
{
	struct buf body = BUF_NULL;
	size_t kept = capture_kept(m->m);
	bool shown = capture_view_may_show(v, m) && a->bodies + kept <= HAR_BODIES_MAX;
	if (kept < m->m->body || !shown)
		json_object_set_new(to, "comment",
			json_sprintf("%zu of %" PRIu64 " bytes", shown ? kept : 0, m->m->body));
	if (!shown || capture_view_body(v, m, &body) < 0) {
		buf_deinit(&body);
		return;
	}
	a->bodies += kept;
	json_t *text = json_stringn(kept ? (char *)buf_head(&body) : "", kept);
	char *coded = text ? NULL : malloc(BASE64_SIZE(kept));
	if (coded && base64_encode(buf_head(&body), kept, coded, BASE64_SIZE(kept)) == 0) {
		text = json_string(coded);
		json_object_set_new(to, "encoding", json_string("base64"));
	}
	if (text)
		json_object_set_new(to, "text", text);
	free(coded);
	buf_deinit(&body);
}

static json_t *type_of(const struct capture_view_message *m)
{
	struct str type = capture_view_find(m, STR("content-type"));
	return text_json(type.p, type.n);
}

/* The target as it is shown, cut into names and values, as they were encoded. */
static json_t *query_json(const struct capture_view *v)
{
	struct buf target = BUF_NULL;
	json_t *query = json_array();
	struct str name, value;
	if (capture_view_target(v, &target) == 0) {
		struct str text = {(char *)buf_head(&target), buf_len(&target)};
		for (size_t at = 0; secret_mask_parameter(text, &at, &name, &value);)
			json_array_append_new(query,
				json_pack("{s:o, s:o}", "name", text_json(name.p, name.n), "value",
					text_json(value.p, value.n)));
	}
	buf_deinit(&target);
	return query;
}

static json_t *request_json(struct archive *a, const struct capture_view *v)
{
	const struct capture_view_message *m = &v->request;
	struct buf url = BUF_NULL;
	int r = capture_view_url(v, &url);
	json_t *object = json_pack("{s:s, s:o, s:s, s:[], s:o, s:o, s:I, s:I}", "method",
		v->c->method, "url", buf_text(&url, r), "httpVersion",
		m->text && !m->h.minor ? "HTTP/1.0" : "HTTP/1.1", "cookies", "headers",
		request_named_fields_json(v, m), "queryString", query_json(v), "headersSize",
		(json_int_t)v->c->request.head, "bodySize", (json_int_t)v->c->request.body);
	if (!object || !v->c->request.body)
		return object;
	json_t *data = json_pack("{s:o, s:[], s:s}", "mimeType", type_of(m), "params", "text", "");
	if (data)
		set_body(a, data, v, m);
	json_object_set_new(object, "postData", data);
	return object;
}

static json_t *response_json(struct archive *a, const struct capture_view *v)
{
	const struct capture_view_message *m = &v->answer;
	struct str reason = m->text ? m->h.reason : STR("");
	struct str location = STR("");
	struct buf shown = BUF_NULL;
	int r = 0;
	for (size_t i = 0; m->text && i < m->h.n_fields; i++)
		if (str_eq_nocase(m->h.fields[i].name, STR("location")) && !location.n) {
			location = m->h.fields[i].value;
			r = capture_view_field(v, &m->h.fields[i], &shown);
		}
	json_t *content = json_pack("{s:I, s:o}", "size", (json_int_t)v->c->answer.body, "mimeType",
		type_of(m));
	if (content)
		set_body(a, content, v, m);
	return json_pack("{s:i, s:o, s:s, s:[], s:o, s:o, s:o, s:I, s:I}", "status",
		(int)v->c->status, "statusText", text_json(reason.p, reason.n), "httpVersion",
		m->text && !m->h.minor ? "HTTP/1.0" : "HTTP/1.1", "cookies", "headers",
		request_named_fields_json(v, m), "content", content, "redirectURL",
		buf_text(&shown, r), "headersSize", (json_int_t)v->c->answer.head, "bodySize",
		(json_int_t)v->c->answer.body);
}

/* Milliseconds; -1 is what does not apply. */
static json_t *entry_json(struct archive *a, const struct capture_view *v)
{
	const struct capture *c = v->c;
	struct request_timing t = request_timing(c);
	char at[POLICY_TIME_SIZE], id[24];
	snprintf(id, sizeof(id), "%" PRIu64, c->id);
	return json_pack("{s:s, s:f, s:o, s:o, s:{}, s:{s:f, s:f, s:f, s:f, s:f, s:i, s:i}, s:s}",
		"startedDateTime", policy_time_format(c->at, at), "time",
		1000 * (t.dial + t.send + t.wait + t.receive), "request", request_json(a, v),
		"response", response_json(a, v), "cache", "timings", "blocked", -1.0, "connect",
		c->dialled ? 1000 * t.dial : -1.0, "send", 1000 * t.send, "wait", 1000 * t.wait,
		"receive", 1000 * t.receive, "dns", -1, "ssl", -1, "connection", id);
}

static bool add(struct archive *a, const struct capture *c)
{
	struct capture_view v;
	bool ok = capture_view_init(&v, a->r->inspector, c, a->reveal) == 0 &&
		  json_array_append_new(a->entries, entry_json(a, &v)) == 0;
	capture_view_deinit(&v);
	return ok;
}

/* Those that are named, in that order. False: refused. */
static bool add_named(struct api_request *rq, struct archive *a, const char *ids)
{
	char *end;
	for (const char *at = ids; *at; at = *end ? end + 1 : end) {
		uint64_t id = strtoull(at, &end, 10);
		const struct capture *c = inspector_find(a->r->inspector, id);
		if (end == at || (*end && *end != ',') || !c) {
			api_refuse(rq, API_NOT_FOUND,
				"ids: there is no such request, or none any more");
			return false;
		}
		if (json_array_size(a->entries) < HAR_ENTRIES_MAX && !add(a, c)) {
			api_answer(rq, 500, NULL);
			return false;
		}
	}
	return true;
}

/* The newest, the oldest of them first. */
static bool add_newest(struct api_request *rq, struct archive *a)
{
	const struct inspector *in = a->r->inspector;
	size_t n = 0;
	for (struct list *it = in->all.next; it != &in->all; it = it->next) {
		if (n++ + HAR_ENTRIES_MAX < in->n)
			continue;
		if (!add(a, list_entry(it, struct capture, all))) {
			api_answer(rq, 500, NULL);
			return false;
		}
	}
	return true;
}

static void requests_har(struct api_request *rq)
{
	struct archive a = {.r = requests_of(rq)};
	const char *ids = api_query(rq, "ids");
	if (!requests_inspector(rq) || !requests_reveal(rq, &a.reveal))
		return;
	a.entries = json_array();
	if (!(ids ? add_named(rq, &a, ids) : add_newest(rq, &a))) {
		json_decref(a.entries);
		return;
	}
	api_answer(rq, 200,
		json_pack("{s:{s:s, s:{s:s, s:s}, s:s, s:o}}", "log", "version", "1.2", "creator",
			"name", "tunnel", "version", TUNNEL_VERSION, "comment",
			a.reveal ? "secrets are in it" : "secrets are hidden", "entries",
			a.entries));
}

static const char *const har_query[] = {"ids", "reveal", NULL};

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/requests.har", API_OPERATOR, .query = har_query, .run = requests_har},
};
const struct api_operations client_api_har = {rows, ARRAY_LEN(rows)};
