/* SPDX-License-Identifier: MIT */
#include "server/private/private_open.h"

#include <errno.h>
#include <stdio.h>

#include "server/base/audit_log.h"
#include "server/private/attachment.h"
#include "server/private/bridge_seek.h"
#include "server/private/private_worker.h"

/* Between two lines of the audit log about one attachment on one worker. */
#define PRIVATE_DENIED_EVERY (10 * CLOCK_S)

/* Summed up: who is denied tries again and again. */
static void private_audit_denied(const struct server_link *l, struct attachment_shard *shard)
{
	char peer[ADDRESS_TEXT_SIZE], more[LOG_LIMIT_MORE], why[LOG_LIMIT_MORE + 64];
	if (!audit_log_enabled() || !log_limit_pass(&shard->denied, loop_now(l->worker->loop),
					    PRIVATE_DENIED_EVERY, 1, more))
		return;
	server_link_peer(l, peer);
	snprintf(why, sizeof(why), "a stream that may not pass at its endpoint now%s", more);
	audit_log(&(struct audit_entry){.actor = shard->attachment->consumer,
		.via = peer,
		.action = "stream.deny",
		.subject = shard->attachment->service,
		.why = why});
}

/* 0: none, the stream may pass (rule 50). */
static enum frame_reset private_refuse(const struct server_link *l, const struct frame_open *open,
	struct attachment_shard *shard)
{
	enum control_kind kind = open->kind == FRAME_KIND_UDP ? CONTROL_UDP : CONTROL_TCP;
	if (!shard || shard->attachment->kind != kind)
		return FRAME_RESET_UNKNOWN_SERVICE;
	if (shard->bar != ATTACHMENT_PASSES) {
		counter_add(&l->worker->private->denied[shard->bar], 1);
		private_audit_denied(l, shard);
		return FRAME_RESET_DENIED;
	}
	/* Also where its session is to end when what is under way has ended. */
	bool ending = l->worker->draining || l->state != SERVER_LINK_ESTABLISHED;
	if (ending || server_link_full(l->session_shard))
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
