/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Two flows of datagrams, joined (docs/protocol.md, rule 18). What one receives the other sends, or drops: nothing
 * waits here for longer than FLOW_AGE_MAX, and between two workers no more than FLOW_UNSENT_MAX is on its way.
 */
#include "server/private/bridge_end.h"

/* Makes e->flow one of datagrams, of no mux yet. */
void bridge_datagrams_init(struct bridge_end *e);
