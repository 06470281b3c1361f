/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The client's admin socket. A client has one whether or not anybody ever asks, so it costs a descriptor and no
 * more: the panel, with its thread and libwebsockets' memory, is made when somebody connects first.
 */
#include "api/api_panel.h"
#include "client/config/options.h"
#include "loop/event.h"
#include "net/unix_socket.h"

struct client_socket {
	struct api_panel panel;
	struct unix_socket socket; /* until the panel has it */
	struct loop_event event;   /* somebody connects */
	bool listens;
	char *lock; /* owned; the lock file of a socket that no other process will have; NULL: none */
};

/*
 * Listens where the options say; by default in $RUNTIME_DIRECTORY, in $XDG_RUNTIME_DIR/tunnel or, as root, in
 * /run/tunnel. 0; or -errno with a sentence: only for what the options ask for, the lack of the default is
 * logged.
 */
int client_socket_open(struct client_socket *s, struct api *api, const struct client_options *o,
	struct error *err);

/*
 * Makes the panel now, which takes the socket and whoever waits there, and is reached over TCP as well, if `tcp` says
 * where. 0; or -errno with a sentence: where TCP is not to be had the socket is left as it was.
 */
int client_socket_serve(struct client_socket *s, const struct panel_tcp_options *tcp,
	struct error *err);

/* Nothing is asked any more, and the file is gone. Accepts zeroed memory. */
void client_socket_close(struct client_socket *s);

/* When nothing that was asked can be answered any more, nor discarded. Accepts zeroed memory. */
void client_socket_deinit(struct client_socket *s);
