/* SPDX-License-Identifier: MIT */
#include "server/udp/udp_worker.h"

#include "server/base/worker.h"
#include "server/udp/udp_flow.h"
#include "server/udp/udp_port.h"

void udp_worker_init(struct udp_worker *u, const struct worker *w)
{
	list_init(&u->ports);
	flow_table_init(&u->flows);
	timeout_queue_init(&u->idle, w->loop, w->opts->udp_idle, udp_flow_idle_expired);
}

void udp_worker_deinit(struct udp_worker *u)
{
	while (!list_empty(&u->ports))
		udp_port_stop(list_entry(u->ports.next, struct udp_port, link));
	timeout_queue_deinit(&u->idle);
	flow_table_deinit(&u->flows);
	u->arena = udp_arena_free(u->arena);
}
