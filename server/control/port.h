/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A public port, or a range of them, that sessions asked for: its listener, on the main thread, which hands
 * connections to the worker that has a link for them, or the UDP port for its datagrams, which is on such a
 * worker itself. It is there as long as a service holds it.
 */
#include "net/listener.h"
#include "server/base/admission.h"
#include "server/route/service.h"

#define PORT_TRIES 64 /* ports of --allow-ports that are tried when any will do */

/* Of the process's descriptors one in so many may be a port's: the others are for connections to them. */
#define PORT_DESCRIPTORS_SHARE 2

struct registrar;
struct session;

struct port {
	struct list link; /* registrar::ports */
	struct registrar *registrar;
	enum control_kind kind;
	uint16_t first;
	unsigned n;                    /* of its ports */
	unsigned holders;              /* services */
	struct listener listener;      /* tcp */
	struct udp_port *udp_port;     /* udp */
	struct listener_config config; /* with its name among routing::ports */
};

/*
 * For a service of this session: opens its ports from `number` on (0: any one that --allow-ports has), all
 * or none, or shares just these with others of the same identity. 0 with service::port set; -errno with a
 * reason and a sentence that names the port in the way.
 */
int port_hold(struct session *s, struct service *service, uint32_t number,
	enum control_reason *reason_out, struct error *err);
/* It takes no more visitors; whoever holds it may go on holding it. */
void port_close(struct port *p);
/* Its holder lets go; the last one closes it. Accepts NULL; returns NULL. */
struct port *port_release(struct port *p);
