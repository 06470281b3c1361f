/* SPDX-License-Identifier: MIT */
#include "server/admin/lost.h"

#include <stdlib.h>
#include <string.h>

#include "api/api_json.h"
#include "server/base/broadcast.h"
#include "server/base/worker.h"
#include "server/route/routing.h"
#include "server/route/service.h"
#include "server/store/catalog.h"

/* The places of one kind, in struct routing. */
enum kind { NAMES, GROUPS, PORTS, PRIVATES, KINDS };

struct row {
	enum kind kind;
	char host[SERVICE_PLACE_SIZE]; /* a route's */
	uint64_t lost_at;              /* µs */
	unsigned waiting;
};

struct look {
	struct broadcast broadcast;
	struct api_request *request; /* NULL: it was dropped */
	void (*then)(struct api_request *rq, json_t *lost);
	size_t n;
	struct row rows[LOST_MAX];
};

static const struct routes *routes_of(const struct routing *r, enum kind kind)
{
	const struct routes *const all[KINDS] = {
		[NAMES] = &r->names,
		[GROUPS] = &r->groups,
		[PORTS] = &r->ports,
		[PRIVATES] = &r->privates,
	};
	return all[kind];
}

/* ---- On each worker, one after another ---- */

static struct row *row_of(struct look *look, enum kind kind, const struct route *route)
{
	for (size_t i = 0; i < look->n; i++)
		if (look->rows[i].kind == kind && str_eq(str_from(look->rows[i].host), route->host))
			return &look->rows[i];
	if (look->n == LOST_MAX || route->host.n >= sizeof(look->rows[0].host))
		return NULL;
	struct row *row = &look->rows[look->n++];
	*row = (struct row){.kind = kind, .lost_at = route->lost_at};
	memcpy(row->host, route->host.p, route->host.n);
	return row;
}

static void look_run(struct broadcast *b, struct worker *w)
{
	struct look *look = container_of(b, struct look, broadcast);
	const struct routing *r = w->routing;
	const struct route *last = NULL; /* mostly many wait for one */
	struct row *row = NULL;
	list_for_each (it, &r->wait_queue.waiters) {
		const struct waiter *waiter = list_entry(it, struct waiter, link);
		enum kind kind = NAMES;
		while (kind < PRIVATES && waiter->routes != routes_of(r, kind))
			kind++;
		const struct route *route =
			routes_find(waiter->routes, waiter->host, loop_now(w->loop));
		if (!route || !route->lost_at) /* nobody has had it since the start */
			continue;
		if (route != last)
			row = row_of(look, kind, route);
		last = route;
		if (row)
			row->waiting++;
	}
}

/* ---- On the main thread ---- */

static const char *identity_of(const struct node *n, const struct row *row)
{
	const struct routes *routes = routes_of(n->workers[0]->routing, row->kind);
	const struct route *route = routes_exact(routes, str_from(row->host));
	return route ? ((const struct identity *)route->identity)->name : "";
}

static json_t *lost_json(const struct look *look, const struct node *n)
{
	static const char *const kinds[] = {"name", "group", "port", "private"};
	json_t *array = json_array();
	for (size_t i = 0; i < look->n; i++) {
		const struct row *row = &look->rows[i];
		array = append_json(array,
			json_pack("{s:s, s:s, s:s, s:o, s:i}", "identity", identity_of(n, row),
				"kind", kinds[row->kind], "place", *row->host ? row->host : "*",
				"lost", clock_moment_json(row->lost_at), "waiting",
				(int)row->waiting));
	}
	return array;
}

static void look_done(struct broadcast *b)
{
	struct look *look = container_of(b, struct look, broadcast);
	struct api_request *rq = look->request;
	if (rq) {
		api_work_ends(rq);
		look->then(rq, lost_json(look, admin_of(rq)->node));
	}
	free(look);
}

static void look_discard(struct broadcast *b)
{
	struct look *look = container_of(b, struct look, broadcast);
	if (look->request)
		api_work_ends(look->request);
	free(look);
}

/* The broadcast goes on without it. */
static void look_drop(struct api_request *rq)
{
	struct look *look = rq->work;
	look->request = NULL;
}

void lost_look(struct api_request *rq, void (*then)(struct api_request *rq, json_t *lost))
{
	static const struct broadcast_ops ops = {
		.run = look_run,
		.done = look_done,
		.discard = look_discard,
	};
	struct look *look = calloc(1, sizeof(*look));
	if (!look) {
		api_answer(rq, 500, NULL);
		return;
	}
	look->request = rq;
	look->then = then;
	rq->work = look;
	rq->drop = look_drop;
	broadcast_send(&look->broadcast, admin_of(rq)->node, &ops);
}
