/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the client's links dial, and how: the exit node's address, the proxy before it, TLS. Made of the
 * options once, at start; all links share it.
 */
#include "base/error.h"
#include "client/config/options.h"
#include "client/session/proxy.h"
#include "net/resolver.h"
#include "tls/tls.h"
#include "wire/control.h"

struct remote {
	struct loop *loop;
	struct resolver *resolver; /* its own: links never wait behind the upstreams' names */
	const struct url *url;
	const char *path; /* of the link request */
	struct proxy proxy;
	struct tls_client *tls;             /* of wss://; NULL: ws:// */
	char authority[URL_AUTHORITY_SIZE]; /* for CONNECT, and for people */
	char name[CONTROL_REMOTE + 1];      /* what is dialled, as the exit node is told */
};

/*
 * Reads the files that the options name, and warns of a client certificate that is not valid now. The options
 * must outlive it. 0, -EINVAL (an option), -EIO (a file) or -ENOMEM, with a sentence; behind an error, too,
 * it is for remote_deinit().
 */
int remote_init(struct remote *r, struct loop *loop, const struct client_options *options,
	struct error *err);
/* Accepts zeroed memory. */
void remote_deinit(struct remote *r);

/*
 * Goes behind the exit node's name in a sentence: where its port comes from, if --remote names none; else "".
 * Returns `text`.
 */
#define REMOTE_PORT_NOTE_SIZE 96
const char *remote_port_note(const struct remote *r, char text[REMOTE_PORT_NOTE_SIZE]);
