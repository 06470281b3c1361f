#pragma once
/*
 * A public port that sessions asked for: its listener, on the main thread, which hands connections to the
 * worker that has a link for them, or the hatch for its datagrams, which is on such a worker itself. It is
 * there as long as a service holds it.
 */
#include "net/listener.h"
#include "server/door.h"
#include "server/service.h"

#define PORT_TRIES 64 /* ports of --allow-ports that are tried when any will do */

struct registrar;

struct port {
	struct list link; /* registrar::ports */
	struct registrar *registrar;
	enum control_kind kind;
	uint16_t number;
	unsigned holders;         /* services */
	struct listener listener; /* tcp */
	struct hatch *hatch;      /* udp */
	struct door door;         /* with its name among worker::ports */
};

/*
 * For a service of this session: opens the port (0: any that --allow-ports has), or shares it with others
 * of the same identity. 0 with service::port set; -errno with a reason and a sentence.
 */
int port_hold(struct session *s, struct service *service, uint32_t number,
	enum control_reason *reason_out, struct error *err);
/* It takes no more visitors; whoever holds it may go on holding it. */
void port_close(struct port *p);
/* Its holder lets go; the last one closes it. Accepts NULL; returns NULL. */
struct port *port_release(struct port *p);
