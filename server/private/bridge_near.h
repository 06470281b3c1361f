/* SPDX-License-Identifier: MIT */
#pragma once
/* The end of a bridge that a consumer opened: it is counted, logged, and cut when it may not pass any more. */
#include "server/private/bridge_end.h"

struct attachment_shard;

/*
 * A bridge whose near end is on that link, and which the attachment lets pass; it is about to seek. `seek` and
 * `order` are what looks for a session, on this worker and on another. -EBUSY: there are as many as may be; -ENOMEM.
 */
int bridge_near_new(struct server_link *l, struct attachment_shard *shard,
	void (*seek)(struct loop_task *task), const struct mail *order, struct bridge **out);

void bridge_near_set_state(struct bridge *b, enum bridge_state state);

/* Its far end is there. */
void bridge_near_joined(struct bridge *b);

/* Ends it; the far end too, if it is on this worker. Else that hears of it by mail. Not within a stream's callback. */
void bridge_near_cut(struct bridge *b, enum frame_reset reason);
