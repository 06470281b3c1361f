/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * From a publication to a connection that can carry its stream: a socket to the upstream, the PROXY header
 * if --proxy-protocol asks for one, TLS if the upstream is https. A folder has no address; the file server
 * is at the other end of its socket.
 */
#include "client/files/file_server.h"
#include "client/publish/publication.h"
#include "net/conn.h"
#include "net/dial.h"
#include "net/resolver.h"
#include "wire/frame.h"

struct upstream_handshake;

/* Fill in what stands first before upstream_dial_start(); it is borrowed until one of the calls. */
struct upstream_dial {
	struct loop *loop;
	struct resolver *resolver;
	struct file_server *files;
	const struct publication *pub;
	const struct frame_open *open; /* whose stream it is */
	uint64_t connection;           /* log_new_connection() */
	uint64_t deadline;             /* µs */

	/* One call of these comes, from the loop. The connection is the callee's. */
	void (*connected)(struct upstream_dial *d, struct detached_conn detached);
	/* `why` is the rest of a sentence. */
	void (*failed)(struct upstream_dial *d, enum frame_reset reason, const char *why);

	struct dial dial;
	struct upstream_handshake *handshake; /* NULL but during TLS's handshake: it is big */
};

void upstream_dial_start(struct upstream_dial *d);

/* Neither call comes any more. Accepts one that was never started, or that is over. */
void upstream_dial_cancel(struct upstream_dial *d);
