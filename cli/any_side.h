/* SPDX-License-Identifier: MIT */
#pragma once
/* Commands that both sides understand, an exit node and a client. */
#include "cli/verb.h"

enum side { SIDE_SERVER, SIDE_CLIENT };

/*
 * Reaches the one that --admin-socket, --state-dir or --remote names; else the server of this machine; else the client
 * that runs here, if it is the only one. 0, or an exit status with a sentence.
 */
int call_open_any(struct call *c, enum side *side_out);
