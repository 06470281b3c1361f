#pragma once
/*
 * The gate: the listening sockets of the HTTP front. Every connection becomes a visitor's, whose
 * requests are then judged one by one; what a port is for goes along with it.
 */
#include "net/listener.h"
#include "server/worker.h"

struct gate_port {
	struct listener listener;
	struct gate *gate;
	bool links, visits;
};

struct gate {
	struct worker *worker;
	struct gate_port *ports;
	size_t n;
};

/* Opens all ports of the options, or none: -errno with a sentence. */
int gate_open(struct gate *g, struct worker *w, struct error *err);
void gate_close(struct gate *g);

/* The port clients connect to; for people. */
uint16_t gate_control_port(const struct gate *g);
