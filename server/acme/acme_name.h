/* SPDX-License-Identifier: MIT */
#pragma once
/* A name that the exit node has a certificate for, or is to have, and how often it may be ordered. */
#include <stdbool.h>

#include "base/list.h"
#include "base/table.h"
#include "server/acme/acme_files.h"

struct acme_run;

/* Orders of all names within an hour, and names that are worked on at a time: far below what public CAs allow. */
#define ACME_ORDERS_PER_HOUR 50
#define ACME_RUNS_MAX        4

/* Seconds between a failure and the next try: doubling, with jitter. A name that leads elsewhere costs the CA nothing. */
#define ACME_RETRY_MIN       60
#define ACME_RETRY_DAY       86400
#define ACME_RETRY_CHECK_MAX 3600

struct acme_name {
	struct table_node node; /* acme::table */
	struct list link;       /* acme::names */
	char name[HOSTNAME_SIZE];
	unsigned claims; /* services that have it now */
	bool own;        /* of --acme-domain */
	bool stored;     /* a file has `kept` */
	struct acme_kept kept;
	bool issued; /* there is a certificate, of these dates */
	struct tls_ordered facts;
	struct acme_run *run; /* it is being ordered; NULL: it is not */
};

/* It needs a certificate: somebody has it now. */
static inline bool acme_name_wanted(const struct acme_name *n)
{
	return n->own || n->claims;
}

struct acme_limits {
	uint64_t per_hour;     /* new names of an identity */
	uint64_t per_identity; /* names in all */
};

/*
 * Whether it may be tried now, given all `names`: 0, or the time (seconds since 1970) at which to look again, with the
 * reason as a part of a sentence.
 */
int64_t acme_limits_wait(const struct list *names, const struct acme_name *n,
	const struct acme_limits *l, int64_t now, char why_out[ACME_WHY_SIZE]);

/* When to try again after so many failures in a row (1 or more), `random` being any number. */
int64_t acme_retry_at(int64_t now, unsigned failures, uint64_t at_least, int64_t at_most,
	uint32_t random);

/* When a certificate is to be renewed, unless the CA says so: two thirds of its time, and a little more by chance. */
int64_t acme_renewal_at(const struct tls_dates *d, uint32_t random);
