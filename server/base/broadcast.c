/* SPDX-License-Identifier: MIT */
#include "server/base/broadcast.h"

#include "base/macros.h"
#include "server/base/node.h"

/* A broadcast goes from worker to worker by the same mail, and from the last one to the main thread. */
static void broadcast_deliver(struct mail *mail)
{
	struct broadcast *b = container_of(mail, struct broadcast, mail);
	struct node *n = b->node;
	if (b->at < b->end) {
		b->ops->run(b, n->workers[b->at++]);
		node_post(n, b->at < b->end ? b->at : 0, &b->mail);
	} else if (b->ops->done) {
		b->ops->done(b);
	}
}

static void broadcast_discard(struct mail *mail)
{
	struct broadcast *b = container_of(mail, struct broadcast, mail);
	if (b->ops->discard)
		b->ops->discard(b);
}

static void broadcast_init(struct broadcast *b, struct node *n, const struct broadcast_ops *ops)
{
	*b = (struct broadcast){.mail = {.deliver = broadcast_deliver,
					.discard = broadcast_discard},
		.node = n,
		.end = n->n_workers,
		.ops = ops};
}

void broadcast_send(struct broadcast *b, struct node *n, const struct broadcast_ops *ops)
{
	broadcast_init(b, n, ops);
	broadcast_deliver(&b->mail);
}

void broadcast_send_to(struct broadcast *b, struct node *n, unsigned worker,
	const struct broadcast_ops *ops)
{
	broadcast_init(b, n, ops);
	b->at = worker;
	b->end = worker + 1;
	node_post(n, worker, &b->mail);
}
