/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A visitor's connection as it comes in: by which listener, from where, and whether there may be one more.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/conn.h"
#include "wire/address.h"
#include "wire/frame.h"

#define ADMISSION_SAY_AGAIN \
	(60 * CLOCK_S)         /* between two lines about connections that were refused */
#define LISTENER_PLACE_SIZE 16 /* "tcp:10000-65535" and a NUL */

struct node;
struct worker;

/* The properties of a listener; each connection has a copy of its listener's. */
struct listener_config {
	bool links;   /* a link may be asked for */
	bool control; /* it is for links alone */
	bool visits;  /* visitors may come */
	bool tls;     /* a service's port: TLS ends here */
	uint16_t port;
	/* Of a service's port among routing::ports; "": the HTTP front */
	char place[LISTENER_PLACE_SIZE];
};

/* A connection whose protocol is known, on its way to the front that serves it. */
struct accepted_conn {
	struct detached_conn detached; /* owned */
	struct buf early;              /* owned: the visitor's bytes that were read already */
	struct listener_config listener;
	struct address peer, local;
	bool relayed;        /* a balancer named the two addresses */
	uint64_t connection; /* log_new_connection() */
};

/* No front takes it. */
void accepted_conn_close(struct accepted_conn *a);

/*
 * Counts one more visitor's connection, which the log calls `connection`. It takes a place under
 * --max-visitors-per-address too, unless its address is that of a balancer whose header is still to come
 * (`balancer`), or of a trusted proxy: all visitors behind those share one address. False: a limit is reached. When the
 * connection is over, admission_leave() with what `*counted_out` said, on any thread.
 */
bool admission_enter(struct worker *w, uint64_t connection, const struct address *peer,
	bool balancer, bool *counted_out);
void admission_leave(struct node *n, const struct address *peer, bool counted);

/*
 * Whether its address may begin one more connection now (--connection-rate-per-address): to be asked once for
 * each visitor's connection, as soon as its address is known.
 */
bool admission_in_time(struct worker *w, uint64_t connection, const struct listener_config *config,
	const struct address *peer);

/* Logs, at intervals, that a connection is closed because its address holds most of the memory. */
void admission_log_memory(struct worker *w, uint64_t connection, const struct address *peer);

/*
 * What OPEN says of the TLS that ends here, if any does; `protocols` are those that the service speaks
 * (wire/alpn's list), empty where it did not say.
 */
void frame_open_set_tls(const struct conn *conn, struct str protocols, struct frame_open *open_out);
