/* SPDX-License-Identifier: MIT */
#pragma once
/* The end of a bridge that the exit node opens to who provides the service; it counts there as a visitor's would. */
#include "server/private/bridge_end.h"

/*
 * On the worker b->far.worker, whose service is asked: the far end is there, which the near end hears at once, or by
 * mail. -EBUSY: its client takes no more streams.
 */
int bridge_far_open(struct bridge *b, struct service_shard *shard);

/* Ends it, and the near end too, if it is on this worker. Not within a stream's callback. */
void bridge_far_cut(struct bridge *b, enum frame_reset reason);
