/* SPDX-License-Identifier: MIT */
#pragma once
/* What the UDP front keeps on a worker. */
#include "base/counter.h"
#include "base/list.h"
#include "loop/timeouts.h"
#include "net/flow_table.h"
#include "server/udp/udp_port.h"

struct udp_arena;
struct worker;

struct udp_worker {
	struct counter drops[UDP_PORT_DROPS]; /* datagrams, by enum udp_port_drop */
	struct list ports;                    /* of struct udp_port */
	struct flow_table flows;
	struct timeout_queue idle;
	struct udp_arena *arena; /* NULL before the first UDP port */
};

void udp_worker_init(struct udp_worker *u, const struct worker *w);
/* Its UDP ports stop. Before the worker's links. */
void udp_worker_deinit(struct udp_worker *u);
