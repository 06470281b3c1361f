/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Several clients of one identity at one public name, port or range. They share it, and are told when they do
 * not lead to the same upstream, as visitors then get one or the other. A client may insist on being alone
 * (--exclusive): then whoever comes second is refused, and the place is kept for it while it is lost for a
 * moment. All on the main thread.
 */
#include "server/route/service.h"

#define SHARING_SAY_AGAIN \
	(10 * CLOCK_S) /* a client is told at most so often of one of its services */
/* Places that are kept: as many as names are (ROUTES_LOST_MAX). Beyond it the one lost first goes. */
#define SHARING_KEPT_MAX 4096

struct registrar;
struct session;

/*
 * Whether the service, which has its place but no route yet, may be there with those that are: 0, or -EEXIST
 * with a sentence that names the one in its way, whose links then have to show that they live.
 */
int sharing_check(const struct service *service, struct error *err);

/* It is published: tells its client, the others at its place, and the log, if they should know. */
void sharing_tell(struct service *service);

/* The clients that publish this name are told the sentence, for their logs. */
void sharing_warn(struct registrar *r, const char *name, const char *sentence);

/*
 * The session has lost its last link: what it has alone is kept for --reconnect-grace for its client's
 * process, unless that had said that it leaves.
 */
void sharing_keep(struct session *s, bool left);

/* At the process's end. */
void sharing_deinit(struct registrar *r);
