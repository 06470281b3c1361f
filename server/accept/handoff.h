/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The way of an accepted connection from the thread that accepts to the worker that goes on with it, and
 * there to the front that serves it.
 */
#include "net/listener.h"
#include "server/base/admission.h"

struct session_shard;

/*
 * From the main thread: the connection is `w`'s from here on, on whatever thread that runs. `shard` (or NULL)
 * is what it was chosen for.
 */
void handoff_send(const struct listener_config *config, struct worker *w, int fd,
	const struct address *peer, struct session_shard *shard);

/* The next worker in turn. */
struct worker *handoff_next_worker(struct node *n);

/* As listener_open()'s `exhausted`: no descriptors are left. */
void handoff_exhausted(struct listener *listener, int error);
