/* SPDX-License-Identifier: MIT */
#pragma once
/* The walk through the rules of a route: what each verb does with a request. */
#include "server/http/exchange.h"
#include "server/http/plan.h"

/*
 * A request's head has come, on a worker that may have rules for it: it is answered by a rule, waits for a password
 * to be checked, or `passed` is called. The head's views last as long as the call; rules change it.
 */
void plan_request(struct exchange *ex, struct http1_head *h, void (*passed)(struct exchange *ex));

/* Whether the rules that the route's service has, if it has any, have let the request through. */
bool plan_has_passed(const struct exchange *ex, const struct route *route);
/*
 * They have come while the request waited for a client: it goes through them now, and nothing of it went upstream yet.
 * What cannot go through them any more is refused.
 */
void plan_catch_up(struct exchange *ex, void (*passed)(struct exchange *ex));

/* The request goes upstream: its time runs. It goes to another worker: it runs no more, until it goes on there. */
void plan_arm(struct exchange *ex);
void plan_disarm(struct plan *p);

/* What a rule asks of an exchange. */
void plan_facts(struct exchange *ex, const struct http1_head *h, struct facts *out);

/*
 * The path that a rule makes of a request, appended. 0, -ENOMEM, -EMSGSIZE, or -EINVAL: what the visitor wrote makes it one that
 * two readers could take for two (path_is_ambiguous(); with `as_is` only: that has a dot segment).
 */
int plan_write_path(const struct template *t, const struct rule *rule, bool as_is, struct facts *f,
	struct buf *out);

/* The URL of a redirect, appended. 0; 1: it is the one that was asked for; < 0 as plan_write_path(). */
struct redirect_from {
	const struct server_options *opts;
	const struct downstream *downstream;
	bool trusted, secure;
	bool as_is; /* rules::as_is */
};
int redirect_location(const struct rule *rule, const struct redirect_from *from, struct facts *f,
	struct buf *out);

/* The key that a rate counts a request by. */
uint64_t rate_key(const struct cell_table *t, const struct front_route *route,
	const struct rule *rule, struct facts *f, struct buf *room);
