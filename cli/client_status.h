/* SPDX-License-Identifier: MIT */
#pragma once
/* tunnel status of the clients on this machine. */
#include "cli/any_side.h"

/*
 * Asks each client that runs here, and prints what it says; those that ended meanwhile are left out. An exit
 * status: STATUS_NOT_READY where one is not ready, and STATUS_NO_ANSWER, without a sentence, where there is none. `behind`:
 * something was printed before.
 */
int client_status(struct call *c, bool behind);

/* The same of the one that call::transport reaches. */
int client_status_one(struct call *c);

/* A line about what /api/v1/overview of whoever is asked has; nothing where it has no such thing. */
void status_rates(struct call *c, enum side side);

/* Lines about what /api/v1/attention of whoever is asked has; nothing where it has no such thing. */
void status_attention(struct call *c);
