/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * SIGHUP: the options and the file of routes are read again, and every worker goes over to them in turn; what was
 * read before is freed when the last one has, and when no request uses its routes any more. The certificates are read again on a helper thread meanwhile. The reload is over,
 * and systemd told so (READY=1), when every worker has both.
 */
#include "config/reload.h"
#include "server/accept/certificates.h"
#include "server/base/broadcast.h"

struct reload {
	struct node *node;
	struct certificates *certificates;
	struct reloader *reloader;
	const struct server_options *running;
	unsigned parts; /* of a reload that are under way; 0: there is none */
	bool again;     /* asked for meanwhile */
	void *former;
	const struct front *front, *former_front;
	struct broadcast broadcast;
};

void reload_init(struct reload *r, struct node *n, struct certificates *c,
	const struct server_options *running, struct reloader *reloader);

/* Now, or behind the one that is under way. */
void reload_start(struct reload *r);
