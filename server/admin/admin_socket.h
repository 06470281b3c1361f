/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What is asked at --admin-socket (common/panel, on its own thread) is posted to the main
 * thread, asked of the table there, and the answer goes back. Who comes in there may do everything.
 */
#include "base/error.h"

struct admin;
struct panel;
struct server_options;

struct admin_socket {
	struct admin *admin;
	struct panel *panel; /* NULL: --admin-socket=none, or the default could not be had */
};

/*
 * Opens the socket that the options name; by default in $RUNTIME_DIRECTORY or `state_dir` (NULL: there is none).
 * 0; or -errno with a sentence: only for what the options ask for, the lack of the default is logged. Before the
 * workers run.
 */
int admin_socket_open(struct admin_socket *d, struct admin *a, const struct server_options *o,
	const char *state_dir, struct error *err);

/* Nothing is asked any more, and the socket is gone. */
void admin_socket_close(struct admin_socket *d);

/* When nothing that it asked can be answered any more, nor discarded. Accepts zeroed memory. */
void admin_socket_deinit(struct admin_socket *d);

/* Whether admin_socket_open() could do what the options ask for: 0, or -errno with a sentence. Makes nothing. */
int admin_socket_inspect(const struct server_options *o, struct error *err);
