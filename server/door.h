#pragma once
/*
 * By which door a connection came, copied along with it; and the way from the thread that accepts to the
 * worker that goes on.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/conn.h"
#include "server/service.h"
#include "wire/address.h"
#include "wire/frame.h"

#define DOOR_PLACE_SIZE 10 /* "tcp:65535" and a NUL */

struct door {
	bool links;   /* a link may be asked for */
	bool control; /* it is for links alone */
	bool visits;  /* visitors may */
	bool tls;     /* a service's port: TLS ends here */
	uint16_t port;
	char place
		[DOOR_PLACE_SIZE]; /* of a service's port among worker::ports; "": the HTTP front */
};

/* A connection that comes in by it, when it is known what it is. */
struct entrance {
	struct plug plug; /* owned */
	struct buf early; /* owned: bytes of the visitor's that were read already */
	struct door door;
	struct address peer, local;
	bool relayed; /* a balancer named the two */
};

/*
 * From the main thread: the connection is `w`'s from here on, on whatever thread that runs. `p` (or NULL)
 * is what it was chosen for.
 */
void door_enter(const struct door *d, struct worker *w, int fd, const struct address *peer,
	struct presence *p);

/* What OPEN says of the TLS that ends here, if any does. */
void door_secured(const struct conn *conn, struct frame_open *open_out);

/* The next worker in turn. */
struct worker *door_next(struct node *n);
