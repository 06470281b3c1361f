/* SPDX-License-Identifier: MIT */
/* Whether conditions hold, and the walk that asks them. One pass, the cheapest first, and no more than needed. */
#include "rules/condition.h"

#include "rules/rules.h"

static bool in_ranges(const struct condition *c, unsigned n)
{
	for (size_t i = 0; i < c->n_ranges; i++)
		if (n >= c->ranges[i].from && n <= c->ranges[i].to)
			return true;
	return false;
}

static __attribute__((noinline)) bool compare(const struct patterns *list, struct str text,
	struct facts *f)
{
	struct pattern_scratch *scratch = NULL;
	/* Sorted: where there is an expression, it stands last. */
	if (list->v[list->n - 1].kind == PATTERN_REGEX && !(scratch = facts_patterns(f)))
		return false;
	enum pattern_result r = patterns_match(list, text, scratch, NULL);
	f->undecided |= r == PATTERN_UNDECIDED;
	return r == PATTERN_YES;
}

/* Most are patterns that do not match, which shows at once. */
static inline bool matches(const struct patterns *list, struct str text, struct facts *f)
{
	for (size_t i = 0; i < list->n; i++)
		if (pattern_may_match(&list->v[i], text))
			return compare(list, text, f);
	return false;
}

static bool any_matches(const struct condition *c, struct facts *f)
{
	size_t at = 0;
	struct str value;
	while (facts_next(f, (enum fact)c->fact, c->name, &at, &value))
		if (matches(&c->patterns, value, f))
			return true;
	return false;
}

static inline bool holds(const struct condition *c, struct facts *f)
{
	switch ((enum fact)c->fact) {
	case FACT_METHOD:
		if (c->methods >> f->head->method & 1)
			return true;
		return c->patterns.n && matches(&c->patterns, f->head->method_name, f);
	case FACT_SCHEME:
		return c->methods >> f->secure & 1;
	case FACT_PORT:
		return in_ranges(c, f->port);
	case FACT_HOST:
		return matches(&c->patterns, f->host, f);
	case FACT_PATH:
		return matches(&c->patterns, f->has_path ? f->path : facts_path(f), f);
	case FACT_ADDRESS:
		return cidr_list_has(&c->networks, f->address);
	case FACT_HEADER:
		return facts_may_have_header(f, c->name) && any_matches(c, f);
	case FACT_COUNTRY: /* a reload may have left out the file that a client's rules ask */
		f->undecided |= !f->countries;
		return any_matches(c, f);
	case FACT_COOKIE:
	case FACT_QUERY:
	case FACT_REQUEST_ID:
		return any_matches(c, f);
	case FACT_STATUS:
		break;
	}
	return false;
}

static inline bool all_hold(const struct conditions *list, struct facts *f)
{
	for (size_t i = 0; i < list->n; i++)
		if (!holds(&list->v[i], f))
			return false;
	return true;
}

static __attribute__((noinline)) bool not_holds(const struct when *w, struct facts *f)
{
	return !all_hold(&w->not, f) && !f->undecided;
}

/* Inline in the walk: of most rules the first condition does not hold, which is less than a call. */
static inline __attribute__((always_inline)) bool when_holds(const struct when *w, struct facts *f)
{
	if (!all_hold(&w->all, f) || f->undecided)
		return false;
	return !w->not .n || not_holds(w, f);
}

const struct rule *rules_next(const struct rules *r, size_t *at, struct facts *f)
{
	size_t i = *at, n = r->n;
	const struct rule *found = NULL;
	while (i < n && !found) {
		const struct rule *rule = &r->v[i++];
		if (when_holds(&rule->when, f))
			found = rule;
		else if (f->undecided)
			break;
	}
	*at = i;
	return found;
}

bool when_holds_status(const struct when *w, unsigned status)
{
	for (size_t i = 0; i < w->statuses.n; i++)
		if (!in_ranges(&w->statuses.v[i], status))
			return false;
	for (size_t i = 0; i < w->not_statuses.n; i++)
		if (in_ranges(&w->not_statuses.v[i], status))
			return false;
	return true;
}

void when_captures(const struct when *w, struct facts *f, struct captures *out)
{
	out->n = 0;
	if (w->path)
		patterns_match(&w->path->patterns, facts_path(f), facts_patterns(f), out);
}
