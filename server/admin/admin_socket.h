/* SPDX-License-Identifier: MIT */
#pragma once
/* The server's admin socket: where it is, and who may come in. */
#include "base/error.h"

struct panel;
struct server_options;

/* Outcome of admin_socket_open(): there is none. */
#define ADMIN_SOCKET_NONE 1

/*
 * Opens the socket that the options name; by default in $RUNTIME_DIRECTORY or `state_dir` (NULL: there is none).
 * 0; ADMIN_SOCKET_NONE: by the options, or the default could not be had, which is logged; -errno with a sentence.
 * Before the workers run.
 */
int admin_socket_open(struct panel *p, const struct server_options *o, const char *state_dir,
	struct error *err);

/* Whether admin_socket_open() could do what the options ask for: 0, or -errno with a sentence. Makes nothing. */
int admin_socket_inspect(const struct server_options *o, struct error *err);
