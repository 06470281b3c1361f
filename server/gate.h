#pragma once
/*
 * The gate: the listening sockets of the HTTP front, on the main thread. Every connection is handed to a
 * worker, in turn, and becomes a visitor's, whose requests are then judged one by one; what a port is for
 * goes along with it.
 */
#include "net/listener.h"
#include "server/handoff.h"
#include "server/worker.h"

struct gate_port {
	struct listener listener;
	struct gate *gate;
	struct listener_config config;
};

struct gate {
	struct node *node;
	struct gate_port *ports;
	size_t n;
};

/* Opens all ports of the options, or none: -errno with a sentence. */
int gate_open(struct gate *g, struct node *n, struct error *err);
void gate_close(struct gate *g);

/* The first of those `n` ports that is one of its own; 0: none is. */
uint16_t gate_common(const struct gate *g, uint16_t first, unsigned n);

/* The port clients connect to; for people: 443 where there is TLS and that is one of them. */
uint16_t gate_control_port(const struct gate *g, bool tls);
/* The same for visitors. */
uint16_t gate_visitors_port(const struct gate *g, bool tls);
