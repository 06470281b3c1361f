/* SPDX-License-Identifier: MIT */
#include "client/admin/request_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "policy/timestamp.h"

json_t *request_text_json(const void *p, size_t n)
{
	json_t *text = json_stringn(p, n);
	if (text)
		return text;
	const uint8_t *from = p;
	char *wide = malloc(2 * n + 1);
	size_t m = 0;
	for (size_t i = 0; wide && i < n; i++) {
		if (from[i] < 0x80) {
			wide[m++] = (char)from[i];
			continue;
		}
		wide[m++] = (char)(0xc0 | from[i] >> 6);
		wide[m++] = (char)(0x80 | (from[i] & 0x3f));
	}
	text = wide ? json_stringn(wide, m) : NULL;
	free(wide);
	return text;
}

/* Takes the buffer's memory. */
static json_t *buf_json(struct buf *b, int r)
{
	json_t *text = r == 0 ? request_text_json(buf_len(b) ? buf_head(b) : (const uint8_t *)"",
					buf_len(b))
			      : NULL;
	buf_deinit(b);
	return text;
}

static json_t *id_json(uint64_t id)
{
	char text[24];
	snprintf(text, sizeof(text), "%" PRIu64, id);
	return json_string(text);
}

double request_seconds(uint64_t from, uint64_t to)
{
	return from && to > from ? (double)(to - from) / CLOCK_S : 0;
}

struct request_timing request_timing(const struct capture *c)
{
	uint64_t sent = c->request.last;
	/* An answer may begin before the request has ended. */
	uint64_t wait_from = c->answer.first && c->answer.first < sent ? c->answer.first : sent;
	return (struct request_timing){
		.dial = request_seconds(c->opened, c->dialled),
		.send = request_seconds(c->request.first, sent),
		.wait = request_seconds(wait_from, c->answer.first),
		.receive = request_seconds(c->answer.first, c->answer.last),
	};
}

static const char *state_name(enum capture_state state)
{
	static const char *const names[] = {"open", "done", "cut", "raw", "failed"};
	return names[state];
}

static int set(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new(object, name, value);
}

static void set_what_is(json_t *object, const struct capture *c)
{
	uint64_t began = c->opened ? c->opened : c->request.first;
	uint64_t ended = c->answer.last ? c->answer.last : c->request.last;
	if (c->status)
		set(object, "status", json_integer(c->status));
	if (c->state != CAPTURE_OPEN)
		set(object, "duration", json_real(request_seconds(began, ended)));
	if (c->websocket)
		set(object, "websocket", json_true());
	if (c->pinned)
		set(object, "pinned", json_true());
	if (c->replay_of)
		set(object, "replay_of", id_json(c->replay_of));
	if (c->why[0])
		set(object, "error", json_string(c->why));
}

json_t *request_summary_json(const struct requests_api *r, const struct capture *c)
{
	char at[POLICY_TIME_SIZE];
	const struct publication *pub = publications_find(r->publications, c->service);
	json_t *object = json_pack("{s:o, s:s, s:i, s:s, s:s, s:s, s:I, s:I, s:s}", "id",
		id_json(c->id), "at", policy_time_format(c->at, at), "service", (int)c->service,
		"method", c->method, "target", c->target, "state", state_name(c->state),
		"request_bytes", (json_int_t)c->request.body, "response_bytes",
		(json_int_t)c->answer.body, "upstream", pub ? pub->upstream.text : "");
	if (!object)
		return NULL;
	set(object, "host", request_text_json(c->host, strlen(c->host)));
	set_what_is(object, c);
	return object;
}

/* ---- Messages ---- */

json_t *request_fields_json(const struct capture_view *v, const struct capture_view_message *m)
{
	json_t *fields = json_array();
	for (size_t i = 0; m->text && fields && i < m->h.n_fields; i++) {
		const struct http1_field *f = &m->h.fields[i];
		struct buf value = BUF_NULL;
		int r = capture_view_field(v, f, &value);
		json_array_append_new(fields,
			json_pack("{s:o, s:o}", "name", request_text_json(f->name.p, f->name.n),
				"value", buf_json(&value, r)));
	}
	return fields;
}

static json_t *line_json(const struct capture_view *v, const struct capture_view_message *m)
{
	struct buf line = BUF_NULL;
	int r;
	if (m == &v->answer) {
		const char *p = (const char *)m->text, *end = memchr(p, '\r', m->h.size);
		r = buf_append(&line, p, end ? (size_t)(end - p) : 0);
		return buf_json(&line, r);
	}
	r = buf_append(&line, m->h.method_name.p, m->h.method_name.n);
	if (r == 0)
		r = buf_append(&line, " ", 1);
	if (r == 0)
		r = capture_view_target(v, &line);
	if (r == 0)
		r = buf_append(&line, m->h.minor ? " HTTP/1.1" : " HTTP/1.0", 9);
	return buf_json(&line, r);
}

static void set_field(json_t *object, const char *name, const struct capture_view_message *m,
	struct str field)
{
	struct str value = capture_view_find(m, field);
	if (value.n)
		set(object, name, request_text_json(value.p, value.n));
}

static json_t *body_json(const struct capture_view *v, const struct capture_view_message *m)
{
	json_t *object = json_pack("{s:I, s:I}", "size", (json_int_t)m->m->body, "kept",
		(json_int_t)capture_kept(m->m));
	if (!object)
		return NULL;
	set_field(object, "type", m, STR("content-type"));
	set_field(object, "encoding", m, STR("content-encoding"));
	if (!capture_kept(m->m) || capture_kept(m->m) > REQUEST_BODY_SHOWN ||
		!capture_view_may_show(v, m))
		return object;
	struct buf body = BUF_NULL;
	json_t *text = NULL;
	/* NULL also where it is no UTF-8: then it is no text. */
	if (capture_view_body(v, m, &body) == 0)
		text = json_stringn((const char *)buf_head(&body), buf_len(&body));
	buf_deinit(&body);
	if (text)
		set(object, "text", text);
	return object;
}

static json_t *message_json(const struct capture_view *v, const struct capture_view_message *m)
{
	json_t *object = json_pack("{s:o}", "body", body_json(v, m));
	if (!object || !m->text)
		return object;
	set(object, "line", line_json(v, m));
	set(object, "fields", request_fields_json(v, m));
	return object;
}

json_t *request_entry_json(const struct requests_api *r, const struct capture_view *v)
{
	const struct capture *c = v->c;
	char client[ADDRESS_TEXT_SIZE];
	json_t *object = request_summary_json(r, c);
	if (!object)
		return NULL;
	const char *not_again = capture_not_replayable(c);
	struct request_timing t = request_timing(c);
	address_format(&c->visitor, client);
	if (c->visitor.family != ADDRESS_NONE)
		set(object, "client", json_string(client));
	set(object, "replayable", json_boolean(!not_again));
	if (not_again)
		set(object, "not_replayable", json_sprintf("this request %s", not_again));
	set(object, "revealed", json_boolean(v->reveal));
	if (c->forgotten)
		set(object, "forgotten", json_true());
	set(object, "timing",
		json_pack("{s:f, s:f, s:f, s:f}", "dial", t.dial, "send", t.send, "wait", t.wait,
			"receive", t.receive));
	set(object, "request", message_json(v, &v->request));
	if (c->answer.first || capture_kept(&c->answer))
		set(object, "response", message_json(v, &v->answer));
	return object;
}
