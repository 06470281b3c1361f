/* SPDX-License-Identifier: MIT */
#pragma once
/* The client as a whole. */
#include "client/config/options.h"
#include "config/reload.h"

/*
 * Runs until SIGTERM or SIGINT, or until it cannot go on; the log is running. Returns the program's
 * exit status: 0, 1 after saying why, or 3 when the exit node does not know the token (rule 11).
 */
int client_run(const struct client_options *opts, struct reloader *r);
