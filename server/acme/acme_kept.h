/* SPDX-License-Identifier: MIT */
#pragma once
/* What is kept of a name between two starts, besides its certificate: a small file of JSON. */
#include <stdint.h>

#include "base/error.h"
#include "policy/name.h"

/* Orders within the last hour that are remembered: with the pauses between failures there are six at the most. */
#define ACME_KEPT_ORDERS 8

#define ACME_WHY_SIZE 512

/* Times are seconds since 1970. */
struct acme_kept {
	char identity[POLICY_NAME_SIZE]; /* that claimed it first; "": it is the exit node's own */
	int64_t first;                   /* when it was tried first; 0: never */
	int64_t next;                    /* when it is to be tried again, or renewed; 0: at once */
	unsigned failures;               /* in a row */
	int64_t orders[ACME_KEPT_ORDERS];
	unsigned n_orders;
	int64_t window_look; /* when the CA is asked again when to renew (RFC 9773); 0: at once */
	char why[ACME_WHY_SIZE]; /* of the last failure */
};

/* The text of the file, which the caller frees; NULL: memory is out. */
char *acme_kept_write(const struct acme_kept *k);
/* 0, or -EINVAL with a part of a sentence: what is wrong with it. */
int acme_kept_read(const char *text, struct acme_kept *out, struct error *err);

/* One more order is placed. Those that are older than an hour are forgotten. */
void acme_kept_order(struct acme_kept *k, int64_t now);
