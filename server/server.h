/* SPDX-License-Identifier: MIT */
#pragma once
/* The exit node as a whole. */
#include "config/reload.h"
#include "server/base/options.h"

/*
 * Runs until SIGTERM or SIGINT, or until it cannot go on; the log is running. Returns the program's
 * exit status: 0, or 1 after saying why.
 */
int server_run(const struct server_options *opts, struct reloader *r);
