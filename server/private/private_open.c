/* SPDX-License-Identifier: MIT */
#include "server/private/private_open.h"

#include <errno.h>

#include "server/private/attachment.h"
#include "server/private/bridge_seek.h"

/* 0: none, the stream may pass (rule 50). */
static enum frame_reset private_refuse(const struct server_link *l, const struct frame_open *open,
	const struct attachment_shard *shard)
{
	enum control_kind kind = open->kind == FRAME_KIND_UDP ? CONTROL_UDP : CONTROL_TCP;
	if (!shard || shard->attachment->kind != kind)
		return FRAME_RESET_UNKNOWN_SERVICE;
	if (!shard->usable)
		return FRAME_RESET_DENIED;
	if (l->worker->draining || server_link_full(l->session_shard))
		return FRAME_RESET_BUSY;
	return FRAME_RESET_NONE;
}

struct stream *private_open(struct server_link *l, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct attachment_shard *shard =
		attachment_find(l->session_shard, l->worker, open->service);
	enum frame_reset reason = private_refuse(l, open, shard);
	struct bridge *b;
	if (reason != FRAME_RESET_NONE) {
		*reason_out = reason;
		return NULL;
	}
	int r = bridge_begin(l, shard, &b);
	if (r < 0) {
		*reason_out = r == -EBUSY ? FRAME_RESET_BUSY : FRAME_RESET_NO_MEMORY;
		return NULL;
	}
	b->peer.port = open->visitor.port;
	return &b->near.stream;
}
