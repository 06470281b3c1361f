/* SPDX-License-Identifier: MIT */
/* The requests that ended while somebody looks: summaries, for the traffic is other people's. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_json.h"
#include "api/request_filter.h"
#include "server/admin/api.h"

struct look {
	struct seen_look look;
	struct api_request *request; /* NULL: it was dropped */
	struct request_filter filter;
};

static json_t *request_json(uint64_t id, const struct request_note *note)
{
	char client[ADDRESS_TEXT_SIZE];
	json_t *object =
		json_pack("{s:o, s:f, s:s, s:b, s:o, s:o, s:o, s:o, s:f, s:I, s:I, s:s, s:I}", "id",
			json_sprintf("%" PRIu64, id), "at",
			(double)(note->ended - note->duration) / CLOCK_S, "state", "done",
			"websocket", note->status == 101, "method",
			text_json(note->method, strlen(note->method)), "host",
			text_json(note->host, strlen(note->host)), "path",
			text_json(note->path, strlen(note->path)), "status",
			note->status ? json_integer((json_int_t)note->status) : json_null(),
			"duration", (double)note->duration / CLOCK_S, "bytes_in",
			(json_int_t)note->bytes_in, "bytes_out", (json_int_t)note->bytes_out,
			"session", note->session, "connection", (json_int_t)note->connection);
	address_format_ip(&note->visitor, client);
	json_object_set_new(object, "client", json_string(client));
	json_object_set_new(object, "why", note->why ? json_string(note->why) : json_null());
	return object;
}

static bool passes(const struct request_filter *f, const struct request_note *note)
{
	return request_filter_passes(f, note->method, note->host, note->path, note->status);
}

static void answer(struct api_request *rq, const struct request_filter *f)
{
	const struct seen_requests *s = &admin_of(rq)->seen;
	json_t *items = json_array(), *next = json_null();
	size_t n = 0;
	uint64_t id = f->before <= s->newest ? f->before - 1 : s->newest;
	for (; id > f->after; id--) {
		const struct request_note *note = seen_request(s, id);
		if (!note)
			break;
		if (!passes(f, note))
			continue;
		if (n++ == f->limit) {
			next = json_sprintf("%" PRIu64, id + 1);
			break;
		}
		items = append_json(items, request_json(id, note));
	}
	api_answer(rq, 200,
		json_pack("{s:o, s:o, s:I, s:i}", "items", items, "next", next, "missed",
			(json_int_t)s->missed, "kept",
			s->kept ? (int)(s->newest + 1 - s->first) : 0));
}

static void look_done(struct seen_look *seen)
{
	struct look *l = container_of(seen, struct look, look);
	struct api_request *rq = l->request;
	if (rq) {
		api_work_ends(rq);
		answer(rq, &l->filter);
	}
	free(l);
}

static void look_discard(struct seen_look *seen)
{
	struct look *l = container_of(seen, struct look, look);
	if (l->request)
		api_work_ends(l->request);
	free(l);
}

/* The broadcast goes on without it. */
static void look_drop(struct api_request *rq)
{
	struct look *l = rq->work;
	l->request = NULL;
}

static void requests_list(struct api_request *rq)
{
	struct request_filter filter;
	if (!request_filter_read(rq, &filter))
		return;
	struct look *l = calloc(1, sizeof(*l));
	if (!l) {
		api_answer(rq, 500, NULL);
		return;
	}
	l->request = rq;
	l->filter = filter;
	l->look.done = look_done;
	l->look.discard = look_discard;
	rq->work = l;
	rq->drop = look_drop;
	seen_requests_look(&admin_of(rq)->seen, &l->look);
}

static const char *const list_query[] = {REQUEST_FILTER_QUERY, NULL};

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/requests", API_OPERATOR, .query = list_query, .run = requests_list},
};
const struct api_operations admin_requests = {rows, ARRAY_LEN(rows)};
