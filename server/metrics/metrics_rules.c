/* SPDX-License-Identifier: MIT */
/* Rules of routes: how many requests each has ended. Counted since its file was read. */
#include "rules/front.h"
#include "server/base/worker.h"
#include "server/metrics/metrics_parts.h"

/* Rules with a series of their own, the first ones of the file; the others are one. */
#define METRICS_RULES_MAX 256

static bool ends(const struct rule *rule)
{
	return (1u << rule->verb) & (1u << VERB_DENY | 1u << VERB_REDIRECT | 1u << VERB_ANSWER |
					    1u << VERB_BASIC | 1u << VERB_RATE | 1u << VERB_LIMIT);
}

void metrics_rules(struct exposition *e, const struct node *n)
{
	const struct front *f = n->front;
	unsigned written = 0;
	uint64_t others = 0;
	if (!f)
		return;
	exposition_family(e, "tunnel_http_rule_ended", EXPOSITION_COUNTER,
		"Requests that a rule of --front ended, since that file was read.");
	for (size_t i = 0; i < f->n_routes; i++) {
		const struct rules *rules = &f->routes[i].rules;
		for (size_t k = 0; k < rules->n; k++) {
			const struct rule *rule = &rules->v[k];
			uint64_t ended = atomic_load_explicit(rule->ended, memory_order_relaxed);
			if (ends(rule) && written++ < METRICS_RULES_MAX)
				exposition_sample(e, (double)ended, "route", f->routes[i].name.p,
					"rule", rule->name.p, NULL);
			else
				others += ended;
		}
	}
	if (written > METRICS_RULES_MAX)
		exposition_sample(e, (double)others, "route", "other", "rule", "other", NULL);
}
