/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How many connections and requests a second may begin, from each visitor's address and at each service:
 * the options --connection-rate-per-address, --request-rate-per-address, --connection-rate-per-service and
 * --request-rate-per-service. server/base/cell_rate.h has the algorithm. Addresses count by their network
 * (address_network()); those of trusted proxies, behind which others are, do not count.
 *
 * One server/base/cell_table.h for the process: a flood of made-up addresses makes others' buckets full
 * again, never empty. It exists only if a rate is set; else a worker asks one pointer.
 */
#include <stdatomic.h>

#include "base/error.h"
#include "base/str.h"
#include "server/base/cell_table.h"
#include "server/base/options.h"
#include "wire/address.h"

/*
 * 1 MiB: the addresses that come within the time in which a bucket fills up again, mostly a second; with
 * sets of four the first is pushed out long before all are taken, and is then let through.
 */
#define VISITOR_RATES_CELLS     65536
#define VISITOR_RATES_SAY_AGAIN (60 * CLOCK_S) /* between two lines of a worker about one rate */

struct visitor_rates {
	struct cell_table cells;
	struct rate_limit limits[VISITOR_RATES_KINDS];
	atomic_ullong refused[VISITOR_RATES_KINDS]; /* since the start */
};

struct worker;

/* The option that sets it, without dashes. */
const char *visitor_rate_option(enum visitor_rate kind);

/* `rates_out` is NULL if the options set no rate. 0 or -ENOMEM. */
int visitor_rates_new(const struct server_options *o, struct visitor_rates **rates_out);
/* Accepts NULL; returns NULL. */
struct visitor_rates *visitor_rates_free(struct visitor_rates *r);

/*
 * One more of a kind, for an address or a service (by what it is published as, "app.example.org" or
 * "tcp:2222"), at `now` µs. 0; else it is one too many, and the µs after which the next would not be.
 */
uint64_t visitor_rates_address(struct visitor_rates *r, enum visitor_rate kind,
	const struct address *visitor, uint64_t now);
uint64_t visitor_rates_service(struct visitor_rates *r, enum visitor_rate kind, struct str service,
	uint64_t now);

/*
 * The same on a worker whose node has rates: what is refused is logged at intervals, and a trusted proxy's
 * address is let through. `connection` is what the log calls it (log_new_connection()); 0: it has no number yet.
 */
uint64_t visitor_rates_visit(struct worker *w, enum visitor_rate kind,
	const struct address *visitor, uint64_t connection);
uint64_t visitor_rates_serve(struct worker *w, enum visitor_rate kind, struct str service,
	const struct address *visitor, uint64_t connection);
