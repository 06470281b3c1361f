/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The listening sockets of the HTTP front, on the main thread. Connections are handed to the workers in turn. With
 * each goes what its port is for, because that is checked request by request.
 */
#include "net/listener.h"
#include "server/base/admission.h"

struct node;

struct listeners_port {
	struct listener listener;
	struct listeners *listeners;
	struct listener_config config;
};

struct listeners {
	struct node *node;
	struct listeners_port *ports;
	size_t n;
};

/* Opens all ports of the options, or none: -errno with a sentence. */
int listeners_open(struct listeners *l, struct node *n, struct error *err);
void listeners_close(struct listeners *l);

/* The first of those `n` ports that is one of its own; 0: none is. */
uint16_t listeners_common(const struct listeners *l, uint16_t first, unsigned n);

/* The port clients connect to; for people: 443 where there is TLS and that is one of them. */
uint16_t listeners_control_port(const struct listeners *l, bool tls);
/* The same for visitors. */
uint16_t listeners_visitors_port(const struct listeners *l, bool tls);
