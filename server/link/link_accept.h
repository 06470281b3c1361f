/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How a link begins: whether one more may, and its way from the worker where it was asked for to the one
 * where it will live.
 */
#include "link/upgrade.h"
#include "server/link/server_link.h"

/* A link on its way to its worker. */
struct server_link_offer {
	struct mail mail;
	struct worker *worker;
	struct detached_conn detached; /* owned */
	struct half_open_slot *slot;   /* owned */
	struct address peer;
	uint64_t connection; /* log_new_connection() */
	size_t n;
	char response[UPGRADE_RESPONSE_MAX];
};

/*
 * A place for one more: a handshake costs a Diffie-Hellman, a link buffers. NULL: there is none. What is
 * refused, and that others lose their places, is logged at intervals. server_link_accept() must follow.
 */
struct half_open_slot *server_link_admit(struct worker *w, uint64_t connection,
	const struct address *peer);

/*
 * Takes over a connection whose link request was admitted, on whichever worker has the fewest links;
 * `response` is its 101.
 */
void server_link_accept(struct worker *w, uint64_t connection, struct detached_conn detached,
	struct half_open_slot *slot, const struct address *peer, const char *response, size_t n);
