/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A client of the admin API over any transport. Every function returns 0 or the exit status that the command ends
 * with, and then a sentence; an answer that is an error (RFC 9457) is one of them.
 */
#include <jansson.h>

#include "cli/admin_transport.h"

struct admin_client_request {
	const char *method;   /* "GET" */
	const char *target;   /* "/api/v1/identities/web": percent-encoded */
	const json_t *body;   /* NULL: none */
	const char *if_match; /* the revision that a change is of; NULL: whichever */
};

/* What was answered, which may be NULL where there is nothing to say. The caller's to json_decref(). */
int admin_client_ask(struct admin_transport *transport, const struct admin_client_request *ask,
	json_t **answer_out, struct error *err);

/*
 * The items of all pages as one array. `target` may have a query; `after` is the cursor behind which the first page
 * begins, NULL: at the list's beginning.
 */
int admin_client_list(struct admin_transport *transport, const char *target, const char *after,
	json_t **items_out, struct error *err);
