/* SPDX-License-Identifier: MIT */
#include "server/base/visitor_rates.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "server/base/cell_rate.h"
#include "server/base/worker.h"

/* What a key is of: the same address is another key for each kind. */
struct rate_key {
	uint64_t kind; /* enum visitor_rate */
	uint64_t of;   /* address_network(), or a hash of the service's name */
};

static const char *const names[VISITOR_RATES_KINDS] = {
	[VISITOR_RATE_ADDRESS_CONNECTIONS] = "--connection-rate-per-address",
	[VISITOR_RATE_ADDRESS_FLOWS] = "--connection-rate-per-address",
	[VISITOR_RATE_ADDRESS_REQUESTS] = "--request-rate-per-address",
	[VISITOR_RATE_SERVICE_CONNECTIONS] = "--connection-rate-per-service",
	[VISITOR_RATE_SERVICE_REQUESTS] = "--request-rate-per-service",
};

const char *visitor_rate_option(enum visitor_rate kind)
{
	return names[kind] + 2;
}

static bool is_any_set(const struct server_options *o)
{
	for (unsigned i = 0; i < VISITOR_RATES_KINDS; i++)
		if (o->rates[i].every)
			return true;
	return false;
}

int visitor_rates_new(const struct server_options *o, struct visitor_rates **rates_out)
{
	struct visitor_rates *r = NULL;
	if (is_any_set(o)) {
		r = calloc(1, sizeof(*r));
		if (!r || cell_table_init(&r->cells, VISITOR_RATES_CELLS) < 0) {
			free(r);
			return -ENOMEM;
		}
		for (unsigned i = 0; i < VISITOR_RATES_KINDS; i++)
			r->limits[i] = o->rates[i];
	}
	*rates_out = r;
	return 0;
}

struct visitor_rates *visitor_rates_free(struct visitor_rates *r)
{
	if (r)
		cell_table_deinit(&r->cells);
	free(r);
	return NULL;
}

static uint64_t take(struct visitor_rates *r, enum visitor_rate kind, uint64_t of, uint64_t now)
{
	const struct rate_key key = {(uint64_t)kind, of};
	uint64_t hash = cell_table_key(&r->cells, &key, sizeof(key));
	uint64_t wait = cell_rate_take(&r->cells, hash, &r->limits[kind], now);
	if (wait)
		atomic_fetch_add_explicit(&r->refused[kind], 1, memory_order_relaxed);
	return wait;
}

uint64_t visitor_rates_address(struct visitor_rates *r, enum visitor_rate kind,
	const struct address *visitor, uint64_t now)
{
	return r->limits[kind].every ? take(r, kind, address_network(visitor), now) : 0;
}

uint64_t visitor_rates_service(struct visitor_rates *r, enum visitor_rate kind, struct str service,
	uint64_t now)
{
	if (!r->limits[kind].every)
		return 0;
	return take(r, kind, cell_table_key(&r->cells, service.p, service.n), now);
}

/* A stranger can cause it at any rate, so it is said at intervals. */
static void log_refused(struct worker *w, enum visitor_rate kind, struct str service,
	const struct address *visitor, uint64_t connection)
{
	char more[LOG_LIMIT_MORE], text[ADDRESS_TEXT_SIZE];
	if (!log_limit_pass(&w->log_rates[kind], loop_now(w->loop), VISITOR_RATES_SAY_AGAIN, 1,
		    more))
		return;
	address_format_ip(visitor, text);
	bool requests =
		kind == VISITOR_RATE_ADDRESS_REQUESTS || kind == VISITOR_RATE_SERVICE_REQUESTS;
	log_warn_of(connection, "refused a %s from %s%s%.*s: %s reached%s",
		requests                             ? "request"
		: kind == VISITOR_RATE_ADDRESS_FLOWS ? "flow"
						     : "connection",
		text, service.n ? " to " : "", STR_ARG(service), names[kind], more);
}

uint64_t visitor_rates_visit(struct worker *w, enum visitor_rate kind,
	const struct address *visitor, uint64_t connection)
{
	if (cidr_list_has(&w->opts->trusted, visitor))
		return 0;
	uint64_t wait =
		visitor_rates_address(w->node->visitor_rates, kind, visitor, loop_now(w->loop));
	if (wait)
		log_refused(w, kind, STR_NULL, visitor, connection);
	return wait;
}

uint64_t visitor_rates_serve(struct worker *w, enum visitor_rate kind, struct str service,
	const struct address *visitor, uint64_t connection)
{
	uint64_t wait =
		visitor_rates_service(w->node->visitor_rates, kind, service, loop_now(w->loop));
	if (wait)
		log_refused(w, kind, service, visitor, connection);
	return wait;
}
