#pragma once
/*
 * By which door a connection came, copied along with it; and the way from the thread that accepts to the
 * worker that goes on.
 */
#include <stdbool.h>
#include <stdint.h>

#include "net/conn.h"
#include "server/service.h"
#include "wire/address.h"

#define DOOR_PLACE_SIZE 10 /* "tcp 65535" and a NUL */

struct door {
	bool links;  /* a link may be asked for */
	bool visits; /* visitors may */
	bool tls;    /* a service's port: TLS ends here */
	uint16_t port;
	char place
		[DOOR_PLACE_SIZE]; /* of a service's port among worker::ports; "": the HTTP front */
};

/* From the main thread: the connection is `w`'s from here on, on whatever thread that runs. */
void door_enter(const struct door *d, struct worker *w, int fd, const struct address *peer);

/* The next worker in turn. */
struct worker *door_next(struct node *n);
