/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Two streams of bytes, joined: half-close stays half-close, a reset stays a reset. What one side does not take waits
 * in its end, up to BRIDGE_OWED_MAX, charged to its link; beyond that it stays in the other side's stream, whose peer
 * gets no more credit.
 */
#include "server/private/bridge_end.h"

/* Makes e->stream one of bytes, of no mux yet. */
void bridge_bytes_init(struct bridge_end *e);
