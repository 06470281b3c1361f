#pragma once
/*
 * SIGHUP: the options are read again, and every worker goes over to them in turn. What was read before is
 * freed when the last one has.
 */
#include "config/reload.h"
#include "server/accept/certificates.h"
#include "server/base/broadcast.h"

struct reload {
	struct node *node;
	struct certificates *certificates;
	struct reloader *reloader;
	const struct server_options *running;
	bool under_way, again; /* again: asked for meanwhile */
	void *former;
	struct broadcast broadcast;
};

void reload_init(struct reload *r, struct node *n, struct certificates *c,
	const struct server_options *running, struct reloader *reloader);

/* Now, or behind the one that is under way. */
void reload_start(struct reload *r);
