/* SPDX-License-Identifier: MIT */
#pragma once
/* The steps of an order, for acme_order.c alone: where each asks, what it says, and what its answer means. */
#include "server/acme/acme_order.h"

struct acme_step_ops {
	const char *(*url)(const struct acme_order *o);
	/* The payload of its signed request, which the caller frees; "" of POST-as-GET. NULL: it is a GET. */
	char *(*payload)(struct acme_order *o);
	/* Of an answer with a status of 2xx. */
	void (*answered)(struct acme_order *o, const struct acme_answer *a, int64_t now);
};

extern const struct acme_step_ops acme_steps[ACME_STEPS];

const char *acme_step_name(enum acme_step step);
/* Goes to that step, which must be a legal one. */
void acme_order_step(struct acme_order *o, enum acme_step step);
