/* SPDX-License-Identifier: MIT */
#pragma once
/* The server's admin socket: where it is, and who may come in. */
#include "api/api_panel.h"

struct admin;
struct server_options;

/*
 * Opens the socket that the options name; by default in $RUNTIME_DIRECTORY or `state_dir` (NULL: there is none).
 * 0; or -errno with a sentence: only for what the options ask for, the lack of the default is logged. Before the
 * workers run.
 */
int admin_socket_open(struct api_panel *d, struct admin *a, const struct server_options *o,
	const char *state_dir, struct error *err);

/* Whether admin_socket_open() could do what the options ask for: 0, or -errno with a sentence. Makes nothing. */
int admin_socket_inspect(const struct server_options *o, struct error *err);
