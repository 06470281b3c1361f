/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One request on a connection that is no link yet, and its answer: the proxy is asked for the way to the
 * exit node (CONNECT or SOCKS 5), the exit node for a WebSocket. Bytes in, bytes out; the connector owns
 * the socket.
 */
#include <time.h>

#include "base/buf.h"
#include "base/error.h"
#include "client/session/remote.h"
#include "link/upgrade.h"

#define CONNECT_HEAD_MAX    (16 * 1024) /* bytes of an HTTP answer's head; proxies add cookies */
#define CONNECT_FIELDS_MAX  HTTP1_FIELDS_DEFAULT /* of such a head */
#define CONNECT_INTERIM_MAX 16 /* 1xx answers before the one that counts (rule 32) */

enum connect_peer { CONNECT_PROXY, CONNECT_EXIT_NODE };

enum connect_result {
	CONNECT_MORE,   /* bytes are missing; there may be some to send, too */
	CONNECT_DONE,   /* the way is free; what `in` still holds came behind the answer */
	CONNECT_FAILED, /* with a sentence's rest */
};

struct connect_exchange {
	const struct remote *remote;
	enum connect_peer peer;
	struct buf out; /* to be sent; may hold the proxy's password: connect_exchange_sent() */
	struct buf in;  /* append what comes, then call connect_exchange_received() */
	struct socks5 socks;
	char key[WS_KEY_SIZE + 1];
	size_t scanned; /* http1_parse_response()'s */
	unsigned interim;
	time_t date;  /* that the exit node's answer names; 0: none */
	bool refused; /* with CONNECT_FAILED: a SOCKS proxy cannot reach the address it was told */
};

void connect_exchange_init(struct connect_exchange *x, const struct remote *remote);
/* Wipes. */
void connect_exchange_deinit(struct connect_exchange *x);

/*
 * Puts the request into `out`. `to` is the exit node's address, for a proxy of socks5://; without one the
 * proxy is told the name. 0, or -1 with a sentence's rest.
 */
int connect_exchange_ask_proxy(struct connect_exchange *x, const struct address *to,
	struct error *err);
int connect_exchange_ask_exit_node(struct connect_exchange *x, struct error *err);

/* So many bytes of `out` were sent; what was sent is wiped. */
void connect_exchange_sent(struct connect_exchange *x, size_t n);

/* More has come. `err` is set with CONNECT_FAILED. */
enum connect_result connect_exchange_received(struct connect_exchange *x, struct error *err);

/* The connection has ended before the answer was whole, by this errno or in order (0): why. */
void connect_exchange_lost(const struct connect_exchange *x, int error, struct error *err);
