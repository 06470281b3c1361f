#include "server/base/broadcast.h"

#include "base/macros.h"
#include "server/base/node.h"

static void broadcast_deliver(struct mail *mail)
{
	struct broadcast *b = container_of(mail, struct broadcast, mail);
	struct node *n = b->node;
	if (n->over || b->at == n->n_workers) {
		b->done(b);
		return;
	}
	b->run(b, n->workers[b->at++]);
	node_post(n, b->at < n->n_workers ? b->at : 0, &b->mail);
}

void broadcast_send(struct broadcast *b, struct node *n,
	void (*run)(struct broadcast *b, struct worker *w), void (*done)(struct broadcast *b))
{
	*b = (struct broadcast){.mail.deliver = broadcast_deliver,
		.node = n,
		.run = run,
		.done = done};
	broadcast_deliver(&b->mail);
}
