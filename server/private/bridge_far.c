/* SPDX-License-Identifier: MIT */
#include "server/private/bridge_far.h"

#include <errno.h>
#include <string.h>

#include "server/base/worker.h"
#include "server/private/bridge_bytes.h"
#include "server/private/bridge_datagrams.h"
#include "server/private/bridge_near.h"
#include "server/private/private_worker.h"

/* Whether it may be tried at another session: once, as a request is, and only what nobody has heard of. */
static bool far_may_try(const struct bridge *b)
{
	const struct stream *s = &b->far.stream;
	return frame_reset_is_dial(b->far.last.reason) && !b->failed && !s->taken &&
	       (s->datagrams || !s->sent);
}

static void far_left(struct bridge_end *e)
{
	struct bridge *b = container_of(e, struct bridge, far);
	struct service_shard *shard = b->service;
	e->last.failed = far_may_try(b);
	if (e->last.failed) {
		b->failed = shard->service;
		b->failure = e->last.reason;
	}
	if (frame_reset_is_dial(e->last.reason))
		service_shard_failed(shard, e->last.reason, loop_now(e->worker->loop));
	else if (e->last.reason == FRAME_RESET_NONE || e->stream.taken)
		service_shard_worked(shard);
	b->service = NULL;
	server_link_finished(e->server_link);
	service_shard_finished(shard);
}

static void joined_delivered(struct mail *mail)
{
	bridge_near_joined(container_of(mail, struct bridge, joined));
}

/* The near end was not told of it, and so tells it nothing. */
static void joined_discarded(struct mail *mail)
{
	bridge_end_forget(&container_of(mail, struct bridge, joined)->far);
}

int bridge_far_open(struct bridge *b, struct service_shard *shard)
{
	static const struct bridge_side_ops side = {.left = far_left};
	struct bridge_end *e = &b->far;
	struct worker *w = e->worker;
	struct server_link *l = server_link_pick_new(shard->session_shard);
	bridge_end_init(e, b, &side, w);
	if (b->kind == CONTROL_UDP)
		bridge_datagrams_init(e);
	else
		bridge_bytes_init(e);
	e->stream.group = b->link_id;
	if (!l || mux_open(&l->io.link.mux, &e->stream) < 0)
		return -EBUSY;
	b->service = shard;
	e->server_link = l;
	e->joined = true;
	service_shard_began(shard, w);
	e->stream.counts = &service_shard_counts(shard)->bytes;
	server_link_began(l);
	routes_used(&shard->entry);
	list_append(&w->private->far, &e->link);
	memcpy(b->session, shard->service->session->name, sizeof(b->session));
	/* OPEN goes out before the consumer has said anything: the upstream may speak first. */
	stream_ready(&e->stream);
	if (bridge_end_is_local(e)) {
		bridge_near_joined(b);
		return 0;
	}
	b->joined = (struct mail){.deliver = joined_delivered, .discard = joined_discarded};
	node_post(w->node, b->near.worker->index, &b->joined);
	return 0;
}

void bridge_far_cut(struct bridge *b, enum frame_reset reason)
{
	bool local = bridge_end_is_local(&b->far);
	bridge_end_reset(&b->far, reason);
	if (!local)
		return;
	bridge_end_flush(&b->near);
	bridge_end_flush(&b->far);
}
