/* SPDX-License-Identifier: MIT */
/* A captured request is sent again, as it was or changed. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "api/api_json.h"
#include "base/log.h"
#include "client/admin/client_admin.h"
#include "client/admin/request_json.h"
#include "client/inspector/replay_text.h"
#include "crypto/digest.h"

#define METHOD_MAX 64

/* What was asked for, in memory that lasts until the request is made. */
struct asked_edit {
	struct replay_edit edit;
	struct replay_field fields[HTTP1_FIELDS_DEFAULT];
	uint8_t *body; /* decoded; owned */
};

static struct str text_of(const json_t *value)
{
	return value ? (struct str){json_string_value(value), json_string_length(value)} : STR_NULL;
}

static void read_fields(const json_t *array, struct asked_edit *e)
{
	size_t i;
	json_t *field;
	json_array_foreach(array, i, field)
	{
		e->fields[i].name = text_of(json_array_get(field, 0));
		e->fields[i].value = text_of(json_array_get(field, 1));
	}
	e->edit.n_fields = i;
	e->edit.fields = e->fields;
}

/* NULL, or what is wrong. */
static const char *read_body(const json_t *json, struct asked_edit *e)
{
	struct str coded = text_of(json_object_get(json, "body_base64"));
	e->edit.body = text_of(json_object_get(json, "body"));
	if (!coded.p)
		return NULL;
	if (e->edit.body.p)
		return "body and body_base64 exclude each other";
	e->body = malloc(coded.n + 1);
	ssize_t n = e->body ? base64_decode(coded.p, coded.n, e->body, coded.n) : -ENOMEM;
	if (n < 0)
		return "body_base64 is no base64";
	e->edit.body = (struct str){(const char *)e->body, (size_t)n};
	return NULL;
}

static const char *read_edit(const json_t *json, struct asked_edit *e)
{
	const json_t *fields = json_object_get(json, "fields");
	if (fields)
		read_fields(fields, e);
	e->edit.method = text_of(json_object_get(json, "method"));
	e->edit.target = text_of(json_object_get(json, "target"));
	return read_body(json, e);
}

/* Names of the fields that were not kept, so that it goes without them. */
static json_t *left_out_json(const struct capture_view *v, const struct replay_edit *edit)
{
	const struct http1_head *h = &v->request.h;
	json_t *names = json_array();
	for (size_t i = 0; !edit->fields && i < h->n_fields; i++)
		if (replay_leaves_out(v, &h->fields[i]))
			json_array_append_new(names,
				text_json(h->fields[i].name.p, h->fields[i].name.n));
	return names;
}

/* Of one that is under way: what its answer has, when it is over. */
struct waiting {
	struct api_request *rq;
	uint64_t id;
	json_t *left_out;
};

static void replay_over(void *arg)
{
	struct waiting *w = arg;
	struct api_request *rq = w->rq;
	json_t *text = json_sprintf("%" PRIu64, w->id);
	json_t *answer = json_pack("{s:o, s:o}", "id", text, "left_out", w->left_out);
	if (answer && asprintf(&rq->location, "/api/v1/requests/%" PRIu64, w->id) < 0)
		rq->location = NULL;
	free(w);
	api_answer(rq, 201, answer);
}

/* The process ends: it is answered by whoever ends it. */
static void replay_dropped(struct api_request *rq)
{
	struct waiting *w = rq->work;
	upstream_replay_forget(requests_of(rq)->replays, w);
	json_decref(w->left_out);
	free(w);
}

static void refuse(struct api_request *rq, int outcome)
{
	if (outcome == REPLAY_NO_SERVICE)
		api_refuse(rq, API_TAKEN, "the service that it was for is not published any more");
	else if (outcome == REPLAY_TOO_MANY)
		api_refuse(rq, API_LIMIT,
			"%d replays are under way, or %d were begun within a minute: wait a little",
			REPLAYS_MAX, REPLAYS_MINUTE_MAX);
	else
		api_refuse(rq, API_BUSY, "there is no room for another request: see --inspect");
}

static void start(struct api_request *rq, const struct capture_view *v,
	const struct replay_edit *edit, const struct buf *text)
{
	struct waiting *w = calloc(1, sizeof(*w));
	if (!w) {
		api_answer(rq, 500, NULL);
		return;
	}
	*w = (struct waiting){.rq = rq, .left_out = left_out_json(v, edit)};
	int r = upstream_replay_start(requests_of(rq)->replays,
		&(struct upstream_replay_request){.service = v->c->service,
			.of = v->c->id,
			.text = text,
			.ended = replay_over,
			.arg = w},
		&w->id);
	if (r != REPLAY_STARTED) {
		json_decref(w->left_out);
		free(w);
		refuse(rq, r);
		return;
	}
	log_info("%s (%s) sends a captured request again, as %" PRIu64, rq->actor.name,
		rq->actor.via, w->id);
	rq->work = w;
	rq->drop = replay_dropped;
}

/* With a body of its own, what was kept of the other does not matter. */
static bool may_replay(struct api_request *rq, const struct capture *c, const struct asked_edit *e)
{
	const char *why = capture_not_replayable(c);
	bool cut = why && c->request.head && c->state != CAPTURE_RAW && !c->websocket;
	if (!why || (cut && e->edit.body.p))
		return true;
	api_refuse(rq, API_TAKEN, "it cannot be sent again: this request %s", why);
	return false;
}

static void make(struct api_request *rq, const struct capture *c, const struct asked_edit *e)
{
	struct capture_view v;
	struct buf text = BUF_NULL;
	struct error err;
	int r = capture_view_init(&v, requests_of(rq)->inspector, c, true);
	if (r == 0)
		r = replay_text(&v, &e->edit, &text, &err);
	if (r == 0)
		start(rq, &v, &e->edit, &text);
	else if (r == -EINVAL)
		api_refuse(rq, API_INVALID, "%s", err.text);
	else
		api_answer(rq, 500, NULL);
	buf_deinit(&text);
	capture_view_deinit(&v);
}

static void request_replay(struct api_request *rq)
{
	const struct capture *c = requests_capture(rq);
	struct asked_edit e = {0};
	if (!c)
		return;
	const char *wrong = read_edit(rq->json, &e);
	if (wrong)
		api_refuse(rq, API_INVALID, "%s", wrong);
	else if (may_replay(rq, c, &e))
		make(rq, c, &e);
	free(e.body);
}

static const struct api_member replay_members[] = {
	{"method", API_TEXT, .max = METHOD_MAX},
	{"target", API_TEXT, .max = HTTP1_REQUEST_MAX},
	{"fields", API_PAIRS, .max = HTTP1_FIELDS_DEFAULT},
	{"body", API_TEXT, .max = API_BODY_MAX},
	{"body_base64", API_TEXT, .max = API_BODY_MAX},
	{0},
};

static const struct api_operation rows[] = {
	{API_POST, "/api/v1/requests/{id}/replay", API_OPERATOR, .members = replay_members,
		.run = request_replay},
};
const struct api_operations client_api_replay = {rows, ARRAY_LEN(rows)};
