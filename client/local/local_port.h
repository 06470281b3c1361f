/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where programs of this machine find a private service: a TCP or UDP socket, or one at a path. Of standard input
 * and output there is none, and it is open when it is said to be.
 */
#include "client/config/local_place.h"
#include "net/listener.h"
#include "net/udp.h"

struct local_port;

struct local_port_ops {
	/* A program connected; `fd` is owned, and `peer` is of no family at a path. */
	void (*accepted)(struct local_port *port, int fd, const struct address *peer);
	/* A datagram came; as udp::received. */
	void (*received)(struct local_port *port, const struct address *peer,
		const struct address *local, const uint8_t *p, size_t n);
};

struct local_port {
	const struct local_port_ops *ops;
	void *arg; /* for the ops, their owner's */
	enum local_place_kind kind;
	struct listener listener; /* of TCP and of a path */
	struct udp udp;
	bool open;
};

/*
 * `ops` and `arg` are set. Opens it at `place`, or at `host` instead of the place's if that is not "". `arena` is of UDP, `mode` of a
 * path. 0, or -errno with a sentence and nothing open.
 */
int local_port_open(struct local_port *port, struct loop *loop, const struct local_place *place,
	const char *host, mode_t mode, struct udp_arena *arena, struct error *err);

/* One that is zero or closed is fine. */
void local_port_close(struct local_port *port);

/* The number of its port, also when any was asked for; 0 of a path. */
uint16_t local_port_number(const struct local_port *port);
