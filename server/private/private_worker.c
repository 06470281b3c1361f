/* SPDX-License-Identifier: MIT */
#include "server/private/private_worker.h"

void private_worker_init(struct private_worker *p, struct worker *w)
{
	*p = (struct private_worker){.worker = w};
	hash_key_init(&p->key);
	list_init(&p->near);
	list_init(&p->far);
}
