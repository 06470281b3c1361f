/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * --acme-dns-hook: an operator's program that adds and removes TXT records where DNS is looked after (RFC 8555, 8.4):
 *
 *	PROGRAM add    _acme-challenge.example.org VALUE
 *	PROGRAM remove _acme-challenge.example.org VALUE
 *
 * Status 0 of the first says that the zone's name servers answer it. What it writes goes where our own log goes.
 */
#include <stdbool.h>

#include "base/clock.h"
#include "base/error.h"
#include "wire/hostname.h"

#define DNS_HOOK_TIME (300 * CLOCK_S) /* for one run: some providers need minutes */

#define DNS_HOOK_NAME_SIZE (sizeof "_acme-challenge." + HOSTNAME_SIZE)

/* Where the record of a name is, which may be a wildcard. */
void dns_hook_name(const char *name, char out[DNS_HOOK_NAME_SIZE]);

/* Blocks. 0, or -errno with a sentence: it cannot be run, has not ended in time (and is killed), or failed. */
int dns_hook_run(const char *program, bool add, const char *record, const char *value,
	struct error *err);
