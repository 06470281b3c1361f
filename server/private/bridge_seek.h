/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How a bridge finds a session that provides its service: on this worker; on another, to which the order to open the
 * far end goes; or it waits for one, where its near end is, as a TCP connection does (docs/protocol.md, rule 38).
 *
 *	SEEKING -> [WAITING ->] [MOVING ->] JOINED -> OVER
 */
#include "server/private/bridge_end.h"

/* A bridge whose near end is on that link; it seeks at the end of this turn. As bridge_near_new(). */
int bridge_begin(struct server_link *l, struct attachment_shard *shard, struct bridge **out);
