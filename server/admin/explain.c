/* SPDX-License-Identifier: MIT */
/*
 * Which rules of a route, and then of the service's client, hold for a request that somebody describes, which one ends
 * it, and where it would go.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/front.h"
#include "server/admin/api.h"
#include "server/base/worker.h"
#include "server/http/plan_run.h"
#include "server/route/origin_pick.h"
#include "wire/http1.h"
#include "wire/url.h"

#define URL_MAX       8192 /* bytes */
#define HEADERS_MAX   64
#define METHOD_MAX    32
#define SENTENCE_SIZE 600

/* The request as it would come, and what is found out about it. */
struct explained {
	struct http1_head head;
	struct buf text; /* the head's bytes */
	struct facts_scratch scratch;
	struct facts facts;
	struct address address;
	struct downstream downstream;
	const struct front_route *route; /* the operator's; NULL: the host has none */
	const struct front_route *at;    /* whose rules are gone through */
	struct plan *plan;               /* what they make of it; NULL before the first */
	struct head_edit edit;
	struct str to;
	json_t *rules; /* those that hold */
	unsigned status;
	struct buf location;
	char why[SENTENCE_SIZE];
};

static void explained_deinit(struct explained *e)
{
	json_decref(e->rules);
	facts_scratch_deinit(&e->scratch);
	plan_free(e->plan);
	head_edit_deinit(&e->edit);
	buf_deinit(&e->text);
	buf_deinit(&e->location);
	http1_head_deinit(&e->head);
}

/* ---- The request ---- */

static int put(struct buf *to, const char *text, size_t n)
{
	return buf_append(to, text, n);
}

static int out_of_memory(struct api_request *rq)
{
	api_answer(rq, 200, NULL);
	return -1;
}

/* "https://host:port/path?query" as a request line and Host. 0, or -1 when it was refused. */
static int put_url(struct api_request *rq, struct explained *e, const char *method, const char *url)
{
	e->facts.secure = strncmp(url, "https://", 8) == 0;
	if (!e->facts.secure && strncmp(url, "http://", 7) != 0) {
		api_refuse(rq, API_INVALID,
			"\"url\" is the whole URL, as https://example.org/path");
		return -1;
	}
	const char *host = strstr(url, "://") + 3, *path = host + strcspn(host, "/?");
	bool no_slash = *path != '/';
	int r = put(&e->text, method, strlen(method)) || put(&e->text, " /", no_slash ? 2 : 1) ||
		put(&e->text, path, strlen(path)) || put(&e->text, " HTTP/1.1\r\nHost: ", 17) ||
		put(&e->text, host, (size_t)(path - host)) || put(&e->text, "\r\n", 2);
	return r ? out_of_memory(rq) : 0;
}

static int put_headers(struct api_request *rq, struct explained *e, const json_t *headers)
{
	size_t i;
	const json_t *line;
	json_array_foreach(headers, i, line)
	{
		if (put(&e->text, json_string_value(line), json_string_length(line)) ||
			put(&e->text, "\r\n", 2))
			return out_of_memory(rq);
	}
	return put(&e->text, "\r\n", 2) ? out_of_memory(rq) : 0;
}

static int parse(struct api_request *rq, struct explained *e)
{
	size_t scanned = 0, n = buf_len(&e->text);
	int r = http1_parse_request(&e->head, buf_head(&e->text), n, n, &scanned);
	if (r == HTTP1_OK && e->head.size == n)
		return 0;
	api_refuse(rq, API_INVALID, "such a request is refused: %s",
		r == HTTP1_OK ? "a header has a line end" : http1_error_text(r));
	return -1;
}

/* 0, or -1 when it was refused, or memory is out. */
static int read_request(struct api_request *rq, struct explained *e)
{
	const char *address = json_string_value(json_object_get(rq->json, "address"));
	if (http1_head_init(&e->head, HTTP1_FIELDS_DEFAULT) < 0 || !(e->rules = json_array()))
		return out_of_memory(rq);
	if (!address_parse_ip(str_from(address ? address : "127.0.0.1"), &e->address)) {
		api_refuse(rq, API_INVALID, "\"address\" is an IP address");
		return -1;
	}
	if (put_url(rq, e, json_string_value(json_object_get(rq->json, "method")),
		    json_string_value(json_object_get(rq->json, "url"))) ||
		put_headers(rq, e, json_object_get(rq->json, "headers")))
		return -1;
	return parse(rq, e);
}

static void set_facts(struct explained *e, const struct worker *w)
{
	uint16_t port = e->head.host_port;
	if (!port)
		port = e->facts.secure ? URL_HTTPS_PORT : URL_HTTP_PORT;
	e->facts.head = &e->head;
	e->facts.address = &e->address;
	e->facts.host = http1_host(&e->head);
	e->facts.request_id = STR("-");
	e->facts.countries = w->front ? w->front->countries : NULL;
	e->facts.scratch = &e->scratch;
	e->facts.port = port;
	e->downstream.local = e->address;
	e->downstream.local.port = port;
	e->downstream.listener.port = port;
}

/* ---- The walk ---- */

static void __attribute__((format(printf, 2, 3))) say(struct explained *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(e->why, sizeof(e->why), fmt, ap);
	va_end(ap);
}

static bool refuse_path(struct explained *e, const struct rule *rule)
{
	e->status = 400;
	say(e, "the path that rule %s makes can be read in two ways: 400", rule->name.p);
	return true;
}

static bool refuse_size(struct explained *e, const struct rule *rule)
{
	e->status = 431;
	say(e, "what rule %s makes of the request is too long: 431", rule->name.p);
	return true;
}

/* By what plan_write_path() returned, which is not 0. */
static bool refuse_made(struct explained *e, const struct rule *rule, int r)
{
	return r == -EINVAL ? refuse_path(e, rule) : r == -EMSGSIZE && refuse_size(e, rule);
}

static bool rewrite(struct explained *e, const struct rule *rule)
{
	struct buf *path = &e->plan->path;
	struct str query = rule->rewrite.drops_query ? STR_NULL : e->head.query;
	path->start = path->end = 0;
	int r = plan_write_path(&rule->rewrite.path, rule, e->at->rules.as_is, &e->facts, path);
	if (!r && query.n)
		buf_append(path, query.p, query.n);
	return r && refuse_made(e, rule, r);
}

/* True: it ends the request. */
static bool apply(struct explained *e, const struct worker *w, const struct rule *rule)
{
	const struct redirect_from from = {w->opts, &e->downstream, false, e->facts.secure,
		e->at->rules.as_is};
	int r;
	switch ((enum verb)rule->verb) {
	case VERB_DENY:
		e->status = rule->deny;
		say(e, "rule %s denies it with %u", rule->name.p, rule->deny);
		return true;
	case VERB_ANSWER:
		e->status = rule->answer.status;
		say(e, "rule %s answers it with %u", rule->name.p, e->status);
		return true;
	case VERB_REDIRECT:
		r = redirect_location(rule, &from, &e->facts, &e->location);
		if (r) {
			buf_deinit(&e->location);
			return r < 0 && refuse_made(e, rule, r);
		}
		e->status = rule->redirect.status;
		say(e, "rule %s redirects it with %u", rule->name.p, e->status);
		return true;
	case VERB_LIMIT:
		if (e->head.body != HTTP1_BODY_LENGTH || e->head.length <= rule->limit.body)
			return false;
		e->status = 413;
		say(e, "rule %s refuses its body with 413", rule->name.p);
		return true;
	case VERB_TO:
		e->to = rule->to;
		return false;
	case VERB_REWRITE:
		return rewrite(e, rule);
	case VERB_REQUEST:
	case VERB_RESPONSE:
		return plan_add(e->plan, rule, &e->facts) > 0 && refuse_size(e, rule);
	case VERB_BASIC:
		e->plan->drops_authorization |= !rule->basic.pass;
		return false;
	case VERB_RATE:
	case VERBS:
		break;
	}
	return false;
}

/* True: one ended it. */
static bool walk(struct explained *e, const struct worker *w)
{
	const struct rule *rule;
	size_t at = 0;
	while ((rule = rules_next(&e->at->rules, &at, &e->facts))) {
		json_array_append_new(e->rules,
			json_pack("{s:s, s:i, s:s}", "rule", rule->name.p, "line", (int)rule->line,
				"verb", verb_name((enum verb)rule->verb)));
		if (apply(e, w, rule))
			return true;
	}
	if (e->facts.undecided) {
		e->status = 400;
		say(e, "an expression of the route's rules takes too many steps for it: 400");
	}
	return e->facts.undecided;
}

/* True: it is not passed on. */
static bool go_through(struct explained *e, const struct worker *w, const struct front_route *route)
{
	e->at = route;
	if (!e->plan)
		e->plan = plan_new(NULL, NULL, NULL);
	if (!e->plan) {
		say(e, "the server is out of memory");
		return true;
	}
	if (!route->rules.asks_path || route->rules.as_is || !facts_path_is_ambiguous(&e->facts))
		return walk(e, w);
	e->status = 400;
	say(e, "its path can be read in two ways, and rules of the route ask for paths: 400");
	return true;
}

/* Who has it after all; NULL: nobody, or a rule ended it. */
static struct route *serving(const struct explained *e, const struct worker *w)
{
	bool group = w->front && e->to.p != e->facts.host.p && front_group(w->front, e->to);
	const struct routes *r = group ? &w->routing->groups : &w->routing->names;
	return e->status ? NULL : routes_find(r, e->to, loop_now(w->loop));
}

/* Those of the service that it goes to, which see what the operator's made of it. True: it is not passed on. */
static bool go_through_client(struct explained *e, const struct worker *w)
{
	const struct route *route = serving(e, w);
	const struct front *client = route ? route->rules : NULL;
	if (!client)
		return false;
	int r = e->plan ? plan_settle(e->plan, &e->head, &e->edit) : 0;
	if (r > 0) {
		e->status = 431;
		say(e, "what the route's rules make of the request is too long: 431");
	}
	if (r)
		return true;
	struct str host = e->facts.host;
	const uint16_t port = e->facts.port;
	const bool secure = e->facts.secure;
	e->facts = (struct facts){.secure = secure};
	set_facts(e, w);
	e->facts.host = host;
	e->facts.port = port;
	return go_through(e, w, client->routes);
}

static void explain(struct explained *e, const struct worker *w)
{
	struct str host = e->facts.host;
	e->to = host;
	e->route = w->front ? front_route(w->front, host) : NULL;
	if (e->route && e->route->to.n)
		e->to = e->route->to;
	if (w->front && front_is_inner(w->front, host)) {
		e->status = 503;
		say(e, "only rules lead to %.*s: who asks for it gets an error page",
			STR_ARG(host));
		return;
	}
	if ((e->route && go_through(e, w, e->route)) || go_through_client(e, w))
		return;
	if (e->at)
		say(e, "no rule of the route ends it");
	else
		say(e, "%.*s has no route with rules", STR_ARG(host));
}

/* ---- The answer ---- */

static json_t *origin_json(const struct worker *w, struct route *route, struct service_shard *shard)
{
	const struct service *s = shard->service;
	return json_pack("{s:s, s:s, s:i, s:o, s:s}", "origin", s->origin, "session",
		s->session->name, "priority", shard->origin.priority, "weight",
		shard->origin.weight ? json_integer(shard->origin.weight) : json_null(), "state",
		origin_standing_name(origin_standing(w, route, shard)));
}

static json_t *sessions_of(const struct explained *e, const struct worker *w)
{
	json_t *array = json_array();
	struct route *route = serving(e, w);
	if (route)
		list_for_each (it, &route->entries)
			json_array_append_new(array,
				json_string(service_shard_of(it)->service->session->name));
	return array;
}

/* Of which of these one gets it. */
static json_t *origins_of(const struct explained *e, const struct worker *w)
{
	json_t *array = json_array();
	struct route *route = serving(e, w);
	if (route)
		list_for_each (it, &route->entries)
			json_array_append_new(array, origin_json(w, route, service_shard_of(it)));
	return array;
}

/* A text of a visitor's alphabet; NULL where there is none. */
static json_t *text_or_null(struct str s)
{
	json_t *text = s.n ? json_stringn(s.p, s.n) : NULL;
	return text ? text : json_null();
}

static void answer(struct api_request *rq, const struct explained *e, const struct worker *w)
{
	struct str place = {(const char *)buf_head(&e->location), buf_len(&e->location)};
	api_answer(rq, 200,
		json_pack("{s:o, s:s?, s:O, s:o, s:o, s:o, s:o, s:o, s:s}", "host",
			text_or_null(e->facts.host), "route", e->route ? e->route->name.p : NULL,
			"rules", e->rules, "status",
			e->status ? json_integer(e->status) : json_null(), "location",
			text_or_null(place), "to", e->status ? json_null() : text_or_null(e->to),
			"sessions", sessions_of(e, w), "origins", origins_of(e, w), "why", e->why));
}

static void routes_explain(struct api_request *rq)
{
	const struct worker *w = admin_of(rq)->node->workers[0];
	struct explained e = {.status = 0};
	if (read_request(rq, &e) == 0) {
		set_facts(&e, w);
		explain(&e, w);
		answer(rq, &e, w);
	}
	explained_deinit(&e);
}

static const struct api_member members[] = {
	{"method", API_TEXT, .max = METHOD_MAX, .required = true},
	{"url", API_TEXT, .max = URL_MAX, .required = true},
	{"headers", API_TEXTS, .max = HEADERS_MAX},
	{"address", API_TEXT, .max = ADDRESS_TEXT_SIZE},
	{0},
};
static const struct api_operation rows[] = {
	{API_POST, "/api/v1/routes/explain", API_OPERATOR, .members = members,
		.run = routes_explain},
};
const struct api_operations admin_explain = {rows, ARRAY_LEN(rows)};
