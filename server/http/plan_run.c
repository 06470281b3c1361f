/* SPDX-License-Identifier: MIT */
#include "server/http/plan_run.h"

#include <errno.h>

#include "base/log.h"
#include "base/macros.h"
#include "server/base/front_tables.h"
#include "server/base/worker.h"
#include "server/http/affinity.h"
#include "server/http/http_worker.h"
#include "server/http/password_check.h"
#include "server/http/upstream_head.h"
#include "server/route/balance.h"

#define NS_PER_US 1000

enum step {
	STEP_ON,    /* to the next rule */
	STEP_ENDED, /* the request is answered, or waits */
};

void plan_facts(struct exchange *ex, const struct http1_head *h, struct facts *out)
{
	*out = (struct facts){.head = h,
		.address = &ex->visitor,
		.host = exchange_host(ex),
		.request_id = str_from(ex->id),
		.scratch = &ex->worker->http->facts,
		.port = ex->downstream->local.port,
		.secure = ex->secure};
}

/* ---- Answers ---- */

static enum step end_with(struct exchange *ex, const struct rule *rule, struct error_page page)
{
	ex->plan->decided = rule;
	atomic_fetch_add_explicit(rule->ended, 1, memory_order_relaxed);
	exchange_fail_with(ex, page);
	return STEP_ENDED;
}

static enum step out_of_memory(struct exchange *ex)
{
	ex->ops->abort(ex);
	return STEP_ENDED;
}

/* By what plan_write_path() returned. */
static enum step refuse_made(struct exchange *ex, int r)
{
	if (r == -EINVAL)
		exchange_fail(ex, ERROR_PAGE_AMBIGUOUS);
	else if (r == -EMSGSIZE)
		exchange_fail_request(ex, HTTP1_E_TOO_LARGE);
	else
		return out_of_memory(ex);
	return STEP_ENDED;
}

static enum step deny(struct exchange *ex, const struct rule *rule)
{
	struct error_page page =
		error_page_for(rule->deny == 404 ? ERROR_PAGE_DENIED_UNSEEN : ERROR_PAGE_DENIED);
	page.status = rule->deny;
	return end_with(ex, rule, page);
}

static enum step answer(struct exchange *ex, const struct rule *rule)
{
	struct error_page page = error_page_for(ERROR_PAGE_ANSWERED);
	page.status = rule->answer.status;
	page.type = rule->answer.type;
	page.body = rule->answer.body;
	return end_with(ex, rule, page);
}

static enum step redirect(struct exchange *ex, const struct rule *rule, struct facts *f)
{
	const struct redirect_from from = {ex->worker->opts, ex->downstream, ex->trusted,
		ex->secure, ex->plan->route->rules.as_is};
	struct buf place = BUF_NULL;
	int r = redirect_location(rule, &from, f, &place);
	enum step step = STEP_ON;
	if (r < 0) {
		step = refuse_made(ex, r);
	} else if (r == 0) {
		struct error_page page = error_page_for(ERROR_PAGE_REDIRECT);
		page.status = rule->redirect.status;
		page.location = (struct str){(const char *)buf_head(&place), buf_len(&place)};
		step = end_with(ex, rule, page);
	}
	buf_deinit(&place);
	return step;
}

/* ---- What may end it ---- */

static enum step rate(struct exchange *ex, const struct rule *rule, struct facts *f)
{
	const struct rule_rate *r = &rule->rate;
	struct cell_table *t = &ex->worker->node->front_tables->rates;
	uint64_t now = loop_now(ex->worker->loop);
	uint64_t key = rate_key(t, ex->plan->route, rule, f, &ex->worker->http->key);
	const struct rate_limit limit = {.every = MAX(r->every * NS_PER_US / r->allow, 1),
		.burst = r->burst};
	uint64_t wait = r->block ? cell_rate_window(t, key, r->allow, r->every, now)
				 : cell_rate_take(t, key, &limit, now);
	return wait ? end_with(ex, rule, error_page_after(ERROR_PAGE_RULE_RATE, wait)) : STEP_ON;
}

static enum step ask_password(struct exchange *ex, const struct rule *rule)
{
	struct error_page page = error_page_for(ERROR_PAGE_UNAUTHORIZED);
	page.challenge = rule->basic.challenge;
	return end_with(ex, rule, page);
}

static void let_in(struct exchange *ex, const struct rule *rule)
{
	ex->plan->drops_authorization |= !rule->basic.pass;
}

static void checked(void *arg, struct str head, bool good);

static enum step basic(struct exchange *ex, const struct rule *rule, const struct http1_head *h)
{
	uint64_t wait = 0;
	const struct password_question question = {.tables = ex->worker->node->front_tables,
		.loop = ex->worker->loop,
		.checks = &ex->worker->http->checks,
		.front = ex->plan->client ? ex->plan->client : ex->plan->front,
		.basic = &rule->basic,
		.head = h,
		.visitor = &ex->visitor,
		.checked = checked,
		.arg = ex};
	switch (password_check_start(&question, &ex->plan->check, &wait)) {
	case PASSWORD_GOOD:
		let_in(ex, rule);
		return STEP_ON;
	case PASSWORD_MISSING:
		return ask_password(ex, rule);
	case PASSWORD_WAIT:
		return end_with(ex, rule, error_page_after(ERROR_PAGE_PASSWORDS, wait));
	case PASSWORD_BUSY:
		return end_with(ex, rule, error_page_for(ERROR_PAGE_OVERLOADED));
	case PASSWORD_PENDING:
		ex->ops->charge(ex);
		exchange_set_state(ex, EXCHANGE_WAITING);
		ex->ops->watch(ex);
		break;
	}
	return STEP_ENDED;
}

static enum step limit(struct exchange *ex, const struct rule *rule, const struct http1_head *h)
{
	struct plan *p = ex->plan;
	p->body_max = MIN(p->body_max, rule->limit.body);
	if (rule->limit.time)
		p->time_max = p->time_max ? MIN(p->time_max, rule->limit.time) : rule->limit.time;
	if (h->body != HTTP1_BODY_LENGTH || h->length <= p->body_max)
		return STEP_ON;
	struct error_page page = error_page_for(ERROR_PAGE_BODY_LIMIT);
	page.close = true;
	return end_with(ex, rule, page);
}

/* ---- What changes it ---- */

static enum step rewrite(struct exchange *ex, const struct rule *rule, struct facts *f)
{
	struct plan *p = ex->plan;
	p->path.start = p->path.end = 0;
	struct str query = rule->rewrite.drops_query ? STR_NULL : f->head->query;
	int r = plan_write_path(&rule->rewrite.path, rule, p->route->rules.as_is, f, &p->path);
	if (r == 0)
		r = buf_append(&p->path, query.p, query.n);
	return r < 0 ? refuse_made(ex, r) : STEP_ON;
}

static enum step change(struct exchange *ex, const struct rule *rule, struct facts *f)
{
	int r = plan_add(ex->plan, rule, f);
	if (r < 0)
		return out_of_memory(ex);
	if (r > 0)
		exchange_fail_request(ex, r);
	return r ? STEP_ENDED : STEP_ON;
}

static enum step apply(struct exchange *ex, const struct rule *rule, struct facts *f)
{
	switch ((enum verb)rule->verb) {
	case VERB_DENY:
		return deny(ex, rule);
	case VERB_REDIRECT:
		return redirect(ex, rule, f);
	case VERB_ANSWER:
		return answer(ex, rule);
	case VERB_REWRITE:
		return rewrite(ex, rule, f);
	case VERB_TO:
		ex->plan->to = rule->to;
		return STEP_ON;
	case VERB_REQUEST:
	case VERB_RESPONSE:
		return change(ex, rule, f);
	case VERB_BASIC:
		return basic(ex, rule, f->head);
	case VERB_RATE:
		return rate(ex, rule, f);
	case VERB_LIMIT:
		return limit(ex, rule, f->head);
	case VERBS:
		break;
	}
	return STEP_ON;
}

/* ---- The walk ---- */

/* As upstream_head_write() wrote it, but with what the rules change. The target as it came stays for the log. 0 or -ENOMEM. */
static int edit_head(struct exchange *ex, struct http1_head *h)
{
	struct plan *p = ex->plan;
	struct head_edit *e = &ex->worker->http->edit;
	int r = plan_keep_target(p, h);
	if (!r)
		r = plan_edit_request(p, h, e);
	if (r == 0 && !p->settled)
		return upstream_head_add(ex, head_edit_lines(e));
	return r < 0 ? r : exchange_write_head(ex, h, head_edit_lines(e));
}

static bool has_changes(const struct plan *p)
{
	return p->request.n || p->drops_authorization || p->drops_cookie || buf_len(&p->path);
}

/* False: the exchange is over. */
static bool change_head(struct exchange *ex, struct http1_head *h)
{
	struct plan *p = ex->plan;
	int r = has_changes(p) || p->settled ? edit_head(ex, h) : 0;
	if (r < 0)
		ex->ops->abort(ex);
	else if (!p->kept)
		buf_deinit(&p->head);
	return r == 0;
}

/* Which origin the visitor had; that is for nobody behind this exit node to know. 0 or -ENOMEM. */
static int read_cookie(struct exchange *ex, const struct http1_head *h)
{
	struct plan *p = ex->plan;
	if (p->group || !p->front)
		return 0;
	p->group = front_group(p->front, exchange_target(ex));
	if (!p->group || !p->group->affinity)
		return 0;
	int r = affinity_read(h, ex->secure, p->cookie, &p->cookies);
	p->drops_cookie = r > 0;
	return MIN(r, 0);
}

/* Of the service that the request goes to. */
static const struct route *target_of(const struct exchange *ex)
{
	return routes_find(exchange_routes(ex), exchange_target(ex), loop_now(ex->worker->loop));
}

/* It has no client now, and will wait for one, which may have rules. */
static bool is_to_wait(const struct exchange *ex, const struct route *route)
{
	return (!route || list_empty(&route->entries)) && route_may_wait(ex->worker, route);
}

static bool is_ambiguous(struct exchange *ex, const struct http1_head *h,
	const struct front_route *route)
{
	struct facts f;
	if (!route->rules.asks_path || route->rules.as_is)
		return false;
	plan_facts(ex, h, &f);
	return facts_path_is_ambiguous(&f);
}

/* A host without a route, whose visitors come back to the origin that they had. */
static bool has_affinity(const struct front *front, struct str host)
{
	const struct origin_group *g = front_group(front, host);
	return g && g->affinity;
}

/* False: the exchange is over. */
static bool settle(struct exchange *ex, struct http1_head *h)
{
	int r = has_changes(ex->plan) ? plan_settle(ex->plan, h, &ex->worker->http->edit) : 0;
	if (r < 0)
		ex->ops->abort(ex);
	else if (r > 0)
		exchange_fail_request(ex, r);
	return r == 0;
}

enum next {
	NEXT_RULES, /* another list of rules has to be gone through */
	NEXT_NONE,
	NEXT_ENDED,
};

/* As the operator's rules made it, for those that come with the client. False: the exchange is over. */
static bool keep_head(struct exchange *ex, struct http1_head *h)
{
	struct plan *p = ex->plan;
	bool changes = has_changes(p);
	if (!settle(ex, h))
		return false;
	if (!changes && plan_keep_head(p, h) < 0) {
		ex->ops->abort(ex);
		return false;
	}
	p->kept = true;
	return true;
}

/* Behind the operator's rules the client's. They see what those made of the request, and not what they took out. */
static enum next begin_client(struct exchange *ex, struct http1_head *h)
{
	struct plan *p = ex->plan;
	if (read_cookie(ex, h) < 0) {
		ex->ops->abort(ex);
		return NEXT_ENDED;
	}
	const struct route *route = p->client ? NULL : target_of(ex);
	const struct front *client = route ? route->rules : NULL;
	if (p->client || (!client && !is_to_wait(ex, route)))
		return NEXT_NONE;
	if (!client)
		return keep_head(ex, h) ? NEXT_NONE : NEXT_ENDED;
	if (!settle(ex, h))
		return NEXT_ENDED;
	p->client = front_hold(client);
	p->route = client->routes;
	p->at = 0;
	if (!is_ambiguous(ex, h, p->route))
		return NEXT_RULES;
	exchange_fail(ex, ERROR_PAGE_AMBIGUOUS);
	return NEXT_ENDED;
}

/* False: the exchange is over, or waits. */
static bool walk(struct exchange *ex, const struct http1_head *h)
{
	struct plan *p = ex->plan;
	const struct front *front = ex->worker->front;
	struct facts f;
	const struct rule *rule;
	plan_facts(ex, h, &f);
	/* A client's rules ask the operator's file. */
	f.countries = !p->client ? p->front->countries : front ? front->countries : NULL;
	while ((rule = rules_next(&p->route->rules, &p->at, &f)))
		if (apply(ex, rule, &f) == STEP_ENDED)
			return false;
	if (f.undecided)
		exchange_fail(ex, ERROR_PAGE_UNDECIDED);
	return !f.undecided;
}

/* Through the rest of the rules that the plan is at, and those behind them. */
static void run(struct exchange *ex, struct http1_head *h)
{
	enum next next = NEXT_RULES;
	while (next == NEXT_RULES) {
		if (ex->plan->route && !walk(ex, h))
			return;
		next = begin_client(ex, h);
	}
	if (next == NEXT_NONE && change_head(ex, h)) {
		ex->ops->charge(ex);
		ex->plan->passed(ex);
	}
}

static void start(struct exchange *ex, struct http1_head *h, const struct front_route *route,
	void (*passed)(struct exchange *ex))
{
	if (route && is_ambiguous(ex, h, route)) {
		exchange_fail(ex, ERROR_PAGE_AMBIGUOUS);
	} else if (!(ex->plan = plan_new(ex, ex->worker->front, route))) {
		ex->ops->abort(ex);
	} else {
		ex->plan->passed = passed;
		run(ex, h);
	}
}

/* Now, or when its client comes. */
static bool has_client_rules(const struct exchange *ex)
{
	const struct route *route = target_of(ex);
	return (route && route->rules) || is_to_wait(ex, route);
}

void plan_request(struct exchange *ex, struct http1_head *h, void (*passed)(struct exchange *ex))
{
	const struct front *front = ex->worker->front;
	struct str host = exchange_host(ex);
	const struct front_route *route = front ? front_route(front, host) : NULL;
	/* Whatever wildcard it has a route by. */
	if (front && front_is_inner(front, host))
		exchange_fail(ex, ERROR_PAGE_NO_ROUTE);
	else if (route || (front && has_affinity(front, host)) || has_client_rules(ex))
		start(ex, h, route, passed);
	else
		passed(ex);
}

/* ---- What waited ---- */

bool plan_has_passed(const struct exchange *ex, const struct route *route)
{
	const struct front *client = ex->plan ? ex->plan->client : NULL, *now = route->rules;
	return client == now ||
	       (client && now && memcmp(client->id, now->id, sizeof(now->id)) == 0);
}

/* The head that was kept, to go through rules with it. 0 or an HTTP1_E_*. */
static int parse_again(struct exchange *ex, struct str head)
{
	size_t scanned = 0;
	return http1_parse_request(&ex->worker->http->request, (const uint8_t *)head.p, head.n,
		head.n, &scanned);
}

void plan_catch_up(struct exchange *ex, void (*passed)(struct exchange *ex))
{
	struct plan *p = ex->plan;
	/* What was asked for once has a head made for its service; what is held of a body may not fit the rules. */
	bool begun = ex->asked || ex->sent || buf_len(&ex->request) != ex->head_at + ex->head_n;
	if (!p || !p->kept || p->client || begun) {
		exchange_fail(ex, ERROR_PAGE_NEW_RULES);
		return;
	}
	struct str head = {(const char *)buf_head(&p->head), buf_len(&p->head)};
	int r = parse_again(ex, head);
	p->kept = false;
	p->passed = passed;
	if (r == HTTP1_OK)
		run(ex, &ex->worker->http->request);
	else
		exchange_fail_request(ex, r);
}

/* The password that `basic` asked for was checked: the walk goes on, with a head that is parsed anew. */
static void checked(void *arg, struct str head, bool good)
{
	struct exchange *ex = arg;
	struct http1_head *h = &ex->worker->http->request;
	const struct rule *rule = &ex->plan->route->rules.v[ex->plan->at - 1];
	ex->plan->check = NULL;
	exchange_set_state(ex, EXCHANGE_ACTIVE);
	int r = parse_again(ex, head);
	if (r != HTTP1_OK) {
		exchange_fail_request(ex, r);
	} else if (!good) {
		ask_password(ex, rule);
	} else {
		let_in(ex, rule);
		run(ex, h);
	}
}
