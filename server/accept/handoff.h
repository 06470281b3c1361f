#pragma once
/*
 * By which listener a connection came, copied along with it; and the way from the thread that accepts to the
 * worker that goes on.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/conn.h"
#include "net/listener.h"
#include "server/route/service.h"
#include "wire/address.h"
#include "wire/frame.h"

#define ADMISSION_SAY_AGAIN \
	(60 * CLOCK_S)         /* between two lines that say that all places are taken */
#define LISTENER_PLACE_SIZE 16 /* "tcp:10000-65535" and a NUL */

struct listener_config {
	bool links;   /* a link may be asked for */
	bool control; /* it is for links alone */
	bool visits;  /* visitors may */
	bool tls;     /* a service's port: TLS ends here */
	uint16_t port;
	/* Of a service's port among routing::ports; "": the HTTP front */
	char place[LISTENER_PLACE_SIZE];
};

/* A connection that comes in by it, when it is known what it is. */
struct accepted_conn {
	struct detached_conn detached; /* owned */
	struct buf early;              /* owned: bytes of the visitor's that were read already */
	struct listener_config listener;
	struct address peer, local;
	bool relayed; /* a balancer named the two */
};

/* Nobody takes it. */
void accepted_conn_close(struct accepted_conn *a);

/*
 * Counts one more visitor's connection, which takes its place under --max-visitors-per-address, unless
 * its address is that of a balancer whose header is still to come (`balancer`), or of a trusted proxy:
 * behind those everybody has one. False: there are too many from there. Once it is over, admission_leave() with
 * what `*counted_out` said, on any thread.
 */
bool admission_enter(struct worker *w, const struct address *peer, bool balancer,
	bool *counted_out);
void admission_leave(struct node *n, const struct address *peer, bool counted);

/*
 * From the main thread: the connection is `w`'s from here on, on whatever thread that runs. `p` (or NULL)
 * is what it was chosen for.
 */
void handoff_send(const struct listener_config *d, struct worker *w, int fd,
	const struct address *peer, struct session_shard *p);

/*
 * What OPEN says of the TLS that ends here, if any does; `protocols` are those that the service speaks
 * (wire/alpn's list), empty where it did not say.
 */
void frame_open_set_tls(const struct conn *conn, struct str protocols, struct frame_open *open_out);

/* The next worker in turn. */
struct worker *handoff_next_worker(struct node *n);

/* Says, at intervals, that a connection is closed because those of its address hold most of the memory. */
void admission_log_memory(struct worker *w, const struct address *peer);

/* As listener_open()'s `exhausted`. */
void handoff_exhausted(struct listener *listener, int error);
