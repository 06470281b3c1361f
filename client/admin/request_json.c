/* SPDX-License-Identifier: MIT */
#include "client/admin/request_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/api_json.h"
#include "base/clock.h"
#include "policy/timestamp.h"

/* Takes the buffer's memory. */
static json_t *buf_json(struct buf *b, int r)
{
	json_t *text =
		r == 0 ? text_json(buf_len(b) ? buf_head(b) : (const uint8_t *)"", buf_len(b))
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

static json_t *number_or_null(unsigned n)
{
	return n ? json_integer((json_int_t)n) : json_null();
}

/* From its beginning to its end, null before that. */
static json_t *took_json(const struct capture *c)
{
	uint64_t began = c->opened ? c->opened : c->request.first;
	uint64_t ended = c->answer.last ? c->answer.last : c->request.last;
	return c->state == CAPTURE_OPEN ? json_null() : json_real(request_seconds(began, ended));
}

static void set_client(json_t *object, const struct capture *c)
{
	char client[ADDRESS_TEXT_SIZE];
	if (c->visitor.family == ADDRESS_NONE)
		return;
	address_format_ip(&c->visitor, client);
	set(object, "client", json_string(client));
}

/* What both have, a row and an entry. */
static json_t *common_json(const struct capture *c)
{
	json_t *object = json_pack("{s:o, s:f, s:s}", "id", id_json(c->id), "at",
		(double)c->at / CLOCK_S, "state", state_name(c->state));
	if (!object)
		return NULL;
	set(object, "replay_of", c->replay_of ? id_json(c->replay_of) : json_null());
	set(object, "pinned", json_boolean(c->pinned));
	set(object, "websocket", json_boolean(c->websocket));
	set_client(object, c);
	return object;
}

json_t *request_summary_json(const struct capture *c)
{
	json_t *object = common_json(c);
	if (!object)
		return NULL;
	set(object, "method", json_string(c->method));
	set(object, "host", text_json(c->host, strlen(c->host)));
	set(object, "path", json_string(c->target));
	set(object, "status", number_or_null(c->status));
	set(object, "duration", took_json(c));
	set(object, "bytes_in", json_integer((json_int_t)c->request.body));
	set(object, "bytes_out", json_integer((json_int_t)c->answer.body));
	return object;
}

/* ---- Messages ---- */

static json_t *pair_json(json_t *name, json_t *value, bool named)
{
	return named ? json_pack("{s:o, s:o}", "name", name, "value", value)
		     : json_pack("[o, o]", name, value);
}

static json_t *fields_json(const struct capture_view *v, const struct capture_view_message *m,
	bool named)
{
	json_t *fields = json_array();
	for (size_t i = 0; m->text && fields && i < m->h.n_fields; i++) {
		const struct http1_field *f = &m->h.fields[i];
		struct buf value = BUF_NULL;
		int r = capture_view_field(v, f, &value);
		json_t *name = text_json(f->name.p, f->name.n);
		json_array_append_new(fields, pair_json(name, buf_json(&value, r), named));
	}
	return fields;
}

json_t *request_fields_json(const struct capture_view *v, const struct capture_view_message *m)
{
	return fields_json(v, m, false);
}

json_t *request_named_fields_json(const struct capture_view *v,
	const struct capture_view_message *m)
{
	return fields_json(v, m, true);
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

static json_t *body_json(const struct capture_view_message *m)
{
	return json_pack("{s:I, s:I}", "bytes", (json_int_t)m->m->body, "kept",
		(json_int_t)capture_kept(m->m));
}

static json_t *message_json(const struct capture_view *v, const struct capture_view_message *m)
{
	return json_pack("{s:o, s:o, s:o}", "body", body_json(m), "line",
		m->text ? line_json(v, m) : json_string(""), "fields", request_fields_json(v, m));
}

/* Seconds since it began; null: not yet, or of a connection that was there before. */
static json_t *offset_json(uint64_t began, uint64_t at)
{
	return at ? json_real(request_seconds(began, at)) : json_null();
}

static json_t *timing_json(const struct capture *c)
{
	uint64_t began = c->opened ? c->opened : c->request.first;
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "opened", offset_json(began, c->opened),
		"dialled", offset_json(began, c->dialled ? c->dialled : c->request.first),
		"request_first", offset_json(began, c->request.first), "request_last",
		offset_json(began, c->request.last), "response_first",
		offset_json(began, c->answer.first), "response_last",
		offset_json(began, c->answer.last));
}

/* A sentence where it did not end as it should; else empty. */
static const char *why(const struct capture *c)
{
	if (c->why[0])
		return c->why;
	if (c->state == CAPTURE_CUT)
		return "The connection ended before the answer was whole.";
	if (c->state == CAPTURE_RAW)
		return "What came is not HTTP/1.1, and is shown as it came.";
	return "";
}

json_t *request_entry_json(const struct requests_api *r, const struct capture_view *v)
{
	const struct capture *c = v->c;
	const struct publication *pub = publications_find(r->publications, c->service);
	json_t *object = common_json(c);
	if (!object)
		return NULL;
	const char *not_again = capture_not_replayable(c);
	struct buf target = BUF_NULL;
	int t = capture_view_target(v, &target);
	set(object, "method", json_string(c->method));
	set(object, "target", buf_json(&target, t));
	set(object, "host", text_json(c->host, strlen(c->host)));
	set(object, "status", number_or_null(c->status));
	set(object, "duration", took_json(c));
	set(object, "upstream", json_string(pub ? pub->upstream.text : ""));
	set(object, "why", text_json(why(c), strlen(why(c))));
	set(object, "not_replayable",
		not_again ? json_sprintf("this request %s", not_again) : json_null());
	set(object, "revealed", json_boolean(v->reveal));
	set(object, "forgotten", json_boolean(c->forgotten));
	set(object, "timing", timing_json(c));
	set(object, "request", message_json(v, &v->request));
	set(object, "response",
		c->answer.first || capture_kept(&c->answer) ? message_json(v, &v->answer)
							    : json_null());
	return object;
}
