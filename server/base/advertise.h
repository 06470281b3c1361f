/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The client command that a server prints when it starts: where this machine is, as far as it can tell
 * by itself, and how a client shows that it may come in.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

/* Bytes: a host name, a colon, a port, a NUL. */
#define ADVERTISE_SIZE 264

/* How an address is known. */
enum advertise_how {
	ADVERTISE_TOLD, /* --advertise */
	ADVERTISE_BOUND, /* it is the one that is listened on; NAT or a proxy may have another outside */
	ADVERTISE_HERE,  /* the same, and only this machine reaches it */
	ADVERTISE_GUESS, /* that which packets on the default route leave from */
};

/*
 * Takes "https://", "wss://", "http://" or "ws://" off the option, which tell how visitors and clients come where
 * a reverse proxy stands in front; `port` then becomes that scheme's. Returns "https", "http", or NULL: nothing
 * is said.
 */
const char *advertise_scheme(const char **option, uint16_t *port);

/*
 * "host:port" for clients: `option` (--advertise; its own port, if it names one, else `port`), else `bound`
 * (--bind-addr or --control-addr, when it is one address; or NULL), else a guess. Sends no packet. -EINVAL
 * with a sentence for an option that is neither a name nor an address.
 */
int advertise_address(const char *option, const char *bound, uint16_t port,
	char out[ADVERTISE_SIZE], enum advertise_how *how_out, struct error *err);

/*
 * Appends "tunnel client --remote=… --upstream=http://127.0.0.1:3000 …" without a newline, quoted for
 * a shell where need be. How it proves itself is the first of these that is given: `token` (when it
 * may be shown), `token_file`, else --no-token. With `pin` (or NULL) it knows the certificate by that. 0
 * or -ENOMEM.
 */
int advertise_command(struct buf *out, const char *remote, struct str token, const char *token_file,
	const char *pin);

/* Appends "scp HOST:PATH TO", quoted as well: `address` is "host:port". 0 or -ENOMEM. */
int advertise_copy(struct buf *out, const char *address, const char *path, const char *to);

/* Whether the token itself may be shown: --print-token, or a person sits before standard error. */
bool advertise_may_show(bool print_token);
