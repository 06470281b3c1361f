/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One attempt to reach the exit node: from an address to a connection that has become a WebSocket. Looks up
 * the name, connects, asks a proxy for the way if there is one, speaks TLS if the remote is wss://, sends
 * the link request and checks the answer.
 *
 *	IDLE -> DIALLING [-> PROXY] [-> TLS] -> UPGRADING -> IDLE, with one call of opened() or failed()
 */
#include "client/session/connect_exchange.h"
#include "net/conn.h"
#include "net/dial.h"
#include "net/tls_handshake.h"

#define CONNECTOR_DIAL_TIME \
	(10 * CLOCK_S) /* to look up and connect: two lost SYNs and a slow DNS */
#define CONNECTOR_TLS_TIME    (10 * CLOCK_S) /* for the TLS handshake: a few round trips */
#define CONNECTOR_ANSWER_TIME (10 * CLOCK_S) /* for each answer: a server does nothing for it */

enum connector_state {
	CONNECTOR_IDLE,
	CONNECTOR_DIALLING,
	CONNECTOR_PROXY,
	CONNECTOR_TLS,
	CONNECTOR_UPGRADING
};

struct connector {
	const struct remote *remote; /* borrowed */
	enum connector_state state;
	struct resolver_query query; /* for a SOCKS proxy that takes addresses alone */
	struct address resolved;     /* its result, or none */
	struct dial dial;
	struct tls_handshake handshake;
	struct conn conn;
	struct connect_exchange exchange;
	struct loop_timer timer;
	struct loop_task work;

	/* The connection is the callee's; the `n` bytes that came behind the answer are there until it returns. */
	void (*opened)(struct connector *c, struct detached_conn detached, const void *early,
		size_t n);
	/* `why` is the rest of a sentence: "connection refused by …" */
	void (*failed)(struct connector *c, const char *why);
};

void connector_init(struct connector *c, const struct remote *remote);

/* In IDLE. The calls come later, from the loop; the next attempt may be started from within them. */
void connector_start(struct connector *c);

/* Neither call comes any more. */
void connector_cancel(struct connector *c);
