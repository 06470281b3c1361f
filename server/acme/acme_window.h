/* SPDX-License-Identifier: MIT */
#pragma once
/* When a CA wants a certificate to be renewed (ACME Renewal Information, RFC 9773). No input or output. */
#include <stdbool.h>

#include "server/acme/acme_answer.h"

/* Seconds between two questions, whatever the CA says; and where it says none. */
#define ACME_WINDOW_LOOK_MIN 3600
#define ACME_WINDOW_LOOK_MAX 86400
#define ACME_WINDOW_LOOK     21600

/* Seconds: it is not asked about a certificate that lasts no longer than a few looks. */
#define ACME_WINDOW_LASTS 86400

/*
 * What an answer says: when to renew, by chance within the window that it suggests (4.2), `now` where that is over; and
 * when to ask again. False: it says nothing, and `*at_out` is untouched.
 */
bool acme_window_read(const struct acme_answer *a, int64_t now, uint32_t random, int64_t *at_out,
	int64_t *look_out);
