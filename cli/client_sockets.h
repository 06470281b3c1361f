/* SPDX-License-Identifier: MIT */
#pragma once
/* The admin sockets of the clients that run on this machine, as client/admin/client_socket.h has them by default. */
#include <stddef.h>

struct client_sockets {
	char **paths; /* owned, in their order */
	size_t n;
};

/* Those that somebody listens at, or may not be asked: 0 or -ENOMEM. Free them in any case. */
int client_sockets_find(struct client_sockets *s);
void client_sockets_free(struct client_sockets *s);
