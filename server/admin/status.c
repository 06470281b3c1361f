/* SPDX-License-Identifier: MIT */
/* What the server has at the moment: in our shape, in that of inlets-pro, and whether it is ready. */
#include <stdlib.h>
#include <string.h>

#include "api/api_json.h"
#include "loop/loop.h"
#include "server/accept/listeners.h"
#include "server/admin/api.h"
#include "server/admin/look.h"
#include "server/admin/lost.h"
#include "server/admin/session_json.h"
#include "server/base/worker.h"
#include "server/control/session_close.h"
#include "version.h"

/* ---- Sums ---- */

struct sums {
	size_t sessions, links, streams, services;
};

static struct sums sums_of(const struct registrar *r)
{
	struct sums sums = {0};
	list_for_each (it, &r->sessions) {
		const struct session *s = list_entry(it, struct session, link);
		sums.sessions++;
		sums.links += s->n_links;
		sums.streams += session_streams(s);
		sums.services += s->n_services;
	}
	return sums;
}

static uint64_t uptime(const struct node *n)
{
	return clock_now() - n->started;
}

static json_t *started_json(const struct node *n)
{
	return clock_moment_json(n->started);
}

static json_t *instance_json(const struct node *n)
{
	char text[2 * CONTROL_INSTANCE + 1];
	for (size_t i = 0; i < CONTROL_INSTANCE; i++)
		snprintf(text + 2 * i, 3, "%02x", n->instance[i]);
	return json_string(text);
}

static json_t *listeners_json(const struct listeners *l)
{
	json_t *array = json_array();
	for (size_t i = 0; array && l && i < l->n; i++) {
		const struct listener_config *c = &l->ports[i].config;
		json_t *item = json_pack("{s:i, s:b, s:b}", "port", l->ports[i].listener.port,
			"visitors", c->visits, "clients", c->links);
		if (json_array_append_new(array, item) < 0) {
			json_decref(array);
			array = NULL;
		}
	}
	return array;
}

/* ---- The clients, a portion of them in a turn ---- */

struct clients {
	struct api_request *request;
	json_t *(*client)(const struct session *s);
	json_t *(*whole)(const struct admin *a, json_t *clients, json_t *lost); /* takes both */
	json_t *array;
	json_t *lost; /* NULL: the answer has none */
	char after[SESSION_NAME_SIZE];
	struct loop_task task;
};

static void clients_free(struct clients *c)
{
	loop_task_cancel(&c->task);
	json_decref(c->array);
	json_decref(c->lost);
	free(c);
}

static void clients_drop(struct api_request *rq)
{
	clients_free(rq->work);
}

static void clients_answer(struct clients *c)
{
	struct api_request *rq = c->request;
	json_t *whole = c->array ? c->whole(admin_of(rq), c->array, c->lost) : NULL;
	c->lost = c->array ? NULL : c->lost;
	c->array = NULL;
	clients_free(c);
	api_answer(rq, 200, whole);
}

static void clients_turn(struct loop_task *task)
{
	struct clients *c = container_of(task, struct clients, task);
	struct api_select found = {.after = c->after};
	session_select(admin_of(c->request)->registrar, &found);
	for (unsigned i = 0; i < found.n && c->array; i++) {
		const struct session *s = found.rows[i].row;
		if (json_array_append_new(c->array, c->client(s)) < 0) {
			json_decref(c->array);
			c->array = NULL;
		}
	}
	if (!c->array || api_select_last(&found)) {
		clients_answer(c);
		return;
	}
	strcpy(c->after, found.rows[found.n - 1].key);
	loop_defer(admin_of(c->request)->node->workers[0]->loop, LOOP_PHASE_WRITE, &c->task);
}

/* Takes `lost`. */
static void clients_start(struct api_request *rq, json_t *lost,
	json_t *(*client)(const struct session *s),
	json_t *(*whole)(const struct admin *a, json_t *clients, json_t *lost))
{
	struct clients *c = calloc(1, sizeof(*c));
	if (!c) {
		json_decref(lost);
		api_answer(rq, 500, NULL);
		return;
	}
	c->lost = lost;
	c->request = rq;
	c->client = client;
	c->whole = whole;
	c->array = json_array();
	loop_task_init(&c->task, clients_turn);
	rq->work = c;
	rq->drop = clients_drop;
	clients_turn(&c->task);
}

/* ---- /api/v1/status ---- */

static json_t *status_client(const struct session *s)
{
	const struct figures_sum sum = session_figures(s);
	json_t *object = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:o}", "session",
		s->base.name, "identity", s->base.identity->name, "remoteAddr", s->peer, "since",
		moment_json(s->since), "upstreams", session_upstreams(s), "publishes",
		session_publishes(s), "links", (json_int_t)s->n_links, "roundTripSeconds",
		session_round_trip_json(s));
	return figures_sum_set(object, &sum);
}

static json_t *status_whole(const struct admin *a, json_t *clients, json_t *lost)
{
	const struct node *n = a->node;
	const struct registrar *r = a->registrar;
	struct sums sums = sums_of(r);
	return json_pack("{s:s, s:o, s:o, s:I, s:i, s:I, s:I, s:I, s:I, s:I, s:s, s:o, s:o, s:o}",
		"version", TUNNEL_VERSION, "instance", instance_json(n), "started", started_json(n),
		"uptimeSeconds", (json_int_t)(uptime(n) / CLOCK_S), "workers", (int)n->n_workers,
		"sessions", (json_int_t)sums.sessions, "links", (json_int_t)sums.links, "streams",
		(json_int_t)sums.streams, "services", (json_int_t)sums.services, "identities",
		(json_int_t)r->catalog->n, "publicAddress", n->public_name, "listeners",
		listeners_json(r->listeners), "clients", clients, "lost", lost);
}

static void status_start(struct api_request *rq, json_t *lost)
{
	clients_start(rq, lost, status_client, status_whole);
}

static void status_look(struct api_request *rq, const struct gauges *gauges)
{
	lost_look(rq, status_start);
}

static void status(struct api_request *rq)
{
	admin_look(rq, status_look);
}

/* ---- /status, as inlets-pro has it ---- */

static json_t *inlets_client(const struct session *s)
{
	return json_pack("{s:s, s:s, s:o, s:o}", "clientID", s->base.name, "remoteAddr", s->peer,
		"since", moment_json(s->since), "upstreams", session_upstreams(s));
}

static json_t *inlets_whole(const struct admin *a, json_t *clients, json_t *lost)
{
	return json_pack("{s:{s:s, s:s, s:s, s:o, s:o}, s:o}", "info", "version", TUNNEL_VERSION,
		"sha", "", "mode", "server", "startTime", started_json(a->node), "hostname",
		hostname_json(), "clients", clients);
}

static void inlets_status(struct api_request *rq)
{
	clients_start(rq, NULL, inlets_client, inlets_whole);
}

/* ---- Health ---- */

static void answer_ok(struct api_request *rq)
{
	char *text = strdup("ok\n");
	api_answer_text(rq, text ? 200 : 500, "text/plain", text, text ? strlen(text) : 0);
}

/* The ports are open before anybody can ask. */
static void ready(struct api_request *rq)
{
	if (admin_of(rq)->node->workers[0]->draining)
		api_refuse(rq, API_BUSY, "the server is shutting down and takes no new visitors");
	else
		answer_ok(rq);
}

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/status", API_OPERATOR, .run = status},
	{API_GET, "/status", API_OPERATOR, .run = inlets_status},
	{API_GET, "/healthz", API_OPEN, .run = answer_ok},
	{API_GET, "/readyz", API_OPEN, .run = ready},
};
const struct api_operations admin_status = {rows, ARRAY_LEN(rows)};
