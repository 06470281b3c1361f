/* SPDX-License-Identifier: MIT */
#pragma once
/* Who is at the other end of a Unix socket, by the kernel's word. */
#include "panel/panel.h"

/* 0 or -errno. */
int panel_peer_read(int fd, struct panel_peer *out);

/* Root, this process's own user, or a member of the group of the options. */
bool panel_peer_may(int fd, const struct panel_peer *peer, const struct panel_socket_options *o);
