/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The datagrams between one visitor and one UDP port are a flow: a stream of kind udp to a client
 * (docs/protocol.md, rule 18), from the first datagram until neither side has sent one for --udp-idle. The
 * flows of a session are limited, and those of a visitor's address once the session has half of its own.
 * net/flow_queue chooses which flow ends when there are too many.
 */
#include "net/flow.h"
#include "loop/timeouts.h"
#include "net/flow_table.h"
#include "server/route/service.h"

struct udp_port;
struct udp_port_ops;

struct udp_flow {
	struct flow_table_entry entry; /* its port is the UDP port */
	struct flow flow;
	struct udp_port *udp_port;
	struct service_shard *shard;
	struct server_link *server_link;
	struct list of_udp_port;
	struct flow_place of_shard; /* session_shard::flows */
	struct timeout idle;
	struct loop_task reap;
	bool counted;        /* in the limits against its address */
	uint64_t late;       /* flow::dropped, as far as the UDP port counted them */
	uint64_t bytes[2];   /* from the visitor, and to it */
	uint64_t began;      /* µs */
	uint64_t connection; /* log_new_connection() */
};

/* For udp_port_new(): a datagram is passed on, carried to another worker with its port, or dropped. */
extern const struct udp_port_ops udp_flow_port_ops;

/* For udp_worker::idle */
void udp_flow_idle_expired(struct timeout_queue *queue, struct timeout *entry);
