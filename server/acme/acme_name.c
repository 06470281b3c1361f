/* SPDX-License-Identifier: MIT */
#include "server/acme/acme_name.h"

#include <stdio.h>
#include <string.h>

#include "base/macros.h"

#define HOUR 3600
#define DAY  86400

/* Renewals are spread over so much of a certificate's time, and a day at the most. */
#define SPREAD 30

/* ---- Limits ---- */

struct used {
	uint64_t names, new_names, orders;
	int64_t oldest_name, oldest_order; /* within the hour */
};

static struct used used_by(const struct list *names, const char *identity, int64_t now)
{
	struct used u = {.oldest_name = now, .oldest_order = now};
	list_for_each (it, names) {
		const struct acme_name *n = list_entry(it, struct acme_name, link);
		const struct acme_kept *k = &n->kept;
		for (unsigned i = 0; i < k->n_orders; i++) {
			if (k->orders[i] <= now - HOUR)
				continue;
			u.orders++;
			u.oldest_order = MIN(u.oldest_order, k->orders[i]);
		}
		if (n->own || !k->first || strcmp(k->identity, identity) != 0)
			continue;
		u.names++;
		if (k->first > now - HOUR) {
			u.new_names++;
			u.oldest_name = MIN(u.oldest_name, k->first);
		}
	}
	return u;
}

int64_t acme_limits_wait(const struct list *names, const struct acme_name *n,
	const struct acme_limits *l, int64_t now, char why_out[ACME_WHY_SIZE])
{
	const char *identity = n->kept.identity;
	bool is_new = !n->own && !n->kept.first;
	const struct used u = used_by(names, identity, now);
	if (is_new && u.names >= l->per_identity) {
		snprintf(why_out, ACME_WHY_SIZE,
			"%s has certificates for %llu names, and may have no more "
			"(--acme-names-per-identity)",
			identity, (unsigned long long)u.names);
		return now + HOUR;
	}
	if (is_new && u.new_names >= l->per_hour) {
		snprintf(why_out, ACME_WHY_SIZE,
			"%s has had %llu new names within an hour, and may have no more "
			"(--acme-names-per-hour)",
			identity, (unsigned long long)u.new_names);
		return u.oldest_name + HOUR + 1;
	}
	if (u.orders >= ACME_ORDERS_PER_HOUR) {
		snprintf(why_out, ACME_WHY_SIZE, "%d certificates were ordered within an hour",
			ACME_ORDERS_PER_HOUR);
		return u.oldest_order + HOUR + 1;
	}
	return 0;
}

/* ---- Times ---- */

int64_t acme_retry_at(int64_t now, unsigned failures, uint64_t at_least, int64_t at_most,
	uint32_t random)
{
	int64_t wait = (int64_t)ACME_RETRY_MIN << MIN(failures - 1, 16u);
	wait = MIN(wait, at_most);
	/* Those that failed together are not tried together. */
	wait += (int64_t)(random % (uint32_t)(wait / 5 + 1));
	return now + MAX(wait, (int64_t)MIN(at_least, (uint64_t)INT32_MAX));
}

int64_t acme_renewal_at(const struct tls_dates *d, uint32_t random)
{
	int64_t lasts = MAX(d->to - d->from, (int64_t)0);
	int64_t spread = MIN(lasts / SPREAD, (int64_t)DAY);
	return d->from + lasts / 3 * 2 + (int64_t)(random % (uint32_t)(spread + 1));
}
