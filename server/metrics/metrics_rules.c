/* SPDX-License-Identifier: MIT */
/* Rules of routes and of clients: how many requests each has ended, since they were read. */
#include "rules/front.h"
#include "server/base/worker.h"
#include "server/metrics/metrics_parts.h"
#include "server/route/routing.h"

/* Rules with a series of their own, the first ones; the others are one. */
#define METRICS_RULES_MAX 256

static bool ends(const struct rule *rule)
{
	return (1u << rule->verb) & (1u << VERB_DENY | 1u << VERB_REDIRECT | 1u << VERB_ANSWER |
					    1u << VERB_BASIC | 1u << VERB_RATE | 1u << VERB_LIMIT);
}

struct written {
	struct exposition *e;
	unsigned n;
	uint64_t others;
};

static void write_rules(struct written *w, const char *route, const struct rules *rules)
{
	for (size_t k = 0; k < rules->n; k++) {
		const struct rule *rule = &rules->v[k];
		uint64_t ended = atomic_load_explicit(rule->ended, memory_order_relaxed);
		if (ends(rule) && w->n++ < METRICS_RULES_MAX)
			exposition_sample(w->e, (double)ended, "route", route, "rule", rule->name.p,
				NULL);
		else
			w->others += ended;
	}
}

/* Those of clients that hold now; the names of them begin so that none is another one's of the same route. */
static void write_clients(struct written *w, const struct routes *names)
{
	list_for_each (it, &names->all) {
		const struct route *route = list_entry(it, struct route, all);
		if (route->rules)
			write_rules(w, route->host.n ? route->host.p : "*",
				&route->rules->routes->rules);
	}
}

void metrics_rules(struct exposition *e, const struct node *n)
{
	const struct front *f = n->front;
	const struct routing *r = n->workers[0]->routing;
	struct written w = {.e = e};
	if (!f && !r->names.n_rules)
		return;
	exposition_family(e, "tunnel_http_rule_ended", EXPOSITION_COUNTER,
		"Requests that a rule of --front or of a client ended, since it was read.");
	for (size_t i = 0; f && i < f->n_routes; i++)
		write_rules(&w, f->routes[i].name.p, &f->routes[i].rules);
	write_clients(&w, &r->names);
	write_clients(&w, &r->groups);
	if (w.n > METRICS_RULES_MAX)
		exposition_sample(e, (double)w.others, "route", "other", "rule", "other", NULL);
}
