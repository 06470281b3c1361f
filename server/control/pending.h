/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Endpoints that wait for an approval: whoever publishes the private service is told of each when it comes, and again
 * over each new link; so is the log, with the command that approves it. All on the main thread.
 */
#include "server/control/session.h"

#define PENDING_LOG_BURST 64 /* lines at once, as many as an identity may have endpoints, */
#define PENDING_LOG_EVERY CLOCK_S

struct endpoint;

/* An endpoint has changed: if it waits, and nobody has been told so, all are. */
void pending_look(struct registrar *r, struct endpoint *e);

/* Over the link, what waits at the private service that its session publishes. */
void pending_tell_service(struct server_link *l, const struct service *service);
/* Likewise, of all that its session publishes. */
void pending_tell_all(struct server_link *l, const struct session *s);
