/* SPDX-License-Identifier: MIT */
#include "server/private/private_worker.h"

#include "server/base/worker.h"
#include "server/private/bridge_far.h"
#include "server/private/bridge_near.h"

void private_worker_init(struct private_worker *p, struct worker *w)
{
	*p = (struct private_worker){.worker = w};
	hash_key_init(&p->key);
	list_init(&p->near);
	list_init(&p->far);
}

static struct bridge *near_at(struct list *it)
{
	return list_entry(it, struct bridge_end, link)->bridge;
}

static struct bridge *far_at(struct list *it)
{
	return list_entry(it, struct bridge_end, link)->bridge;
}

void private_worker_deinit(struct private_worker *p)
{
	if (!p->worker)
		return;
	/* Those that have closed too: what they have not heard yet, they hear now. */
	list_for_each_safe (it, &p->near)
		bridge_near_cut(near_at(it), FRAME_RESET_ABORTED);
	list_for_each_safe (it, &p->far)
		bridge_far_cut(far_at(it), FRAME_RESET_ABORTED);
}

void private_worker_drain(struct private_worker *p)
{
	list_for_each_safe (it, &p->near) {
		struct bridge *b = near_at(it);
		if (b->kind == CONTROL_UDP && b->counted) {
			limits_release(&p->worker->node->limits, LIMITS_BRIDGES, NULL);
			b->counted = false;
		}
		if (b->state == BRIDGE_WAITING)
			bridge_near_cut(b, FRAME_RESET_UNREACHABLE);
	}
}

void private_worker_cut(struct private_worker *p, const struct service_shard *shard)
{
	list_for_each_safe (it, &p->far) {
		struct bridge *b = far_at(it);
		if (b->service == shard)
			bridge_far_cut(b, FRAME_RESET_DENIED);
	}
}
