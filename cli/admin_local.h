/* SPDX-License-Identifier: MIT */
#pragma once
/* The transport to this machine's own server: its admin socket. */
#include "cli/admin_transport.h"
#include "server/store/state_dir.h"

#define ADMIN_SOCKET_RUNTIME \
	"/run/tunnel/" STATE_DIR_ADMIN_SOCKET /* systemd's, RuntimeDirectory=tunnel */

struct admin_local_places {
	const char *
		socket; /* --admin-socket or $TUNNEL_ADMIN_SOCKET: this one alone; NULL: not given */
	const char *state_dir; /* --state-dir; NULL: as the server finds it */
};

/*
 * Finds the socket on which a server answers: the one that is given, else the first of ADMIN_SOCKET_RUNTIME and
 * the state directory's. 0; STATUS_NO_ANSWER or, where this user may not, STATUS_FAILED, with a sentence that
 * names what was tried.
 */
int admin_local_open(struct admin_transport **transport_out,
	const struct admin_local_places *places, struct error *err);
