/* SPDX-License-Identifier: MIT */
#pragma once
/* Two workers, of which the first one chooses, and up to SESSIONS sessions whose links a test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/worker.h"
#include "server/link/server_link.h"
#include "server/route/balance.h"

#define SESSIONS 3
#define GRACE    (5 * CLOCK_S)

/* One session: what it has on this worker, and on the other one. */
struct side {
	bool link, silent, failing;
	unsigned load; /* requests under way */
};
#define LINK(n)                           \
	{                                 \
		.link = true, .load = (n) \
	}
#define SILENT(n)                                         \
	{                                                 \
		.link = true, .silent = true, .load = (n) \
	}
#define FAILING(n)                                         \
	{                                                  \
		.link = true, .failing = true, .load = (n) \
	}
#define NO_LINK   \
	{         \
		0 \
	}

struct scene {
	struct node node;
	struct worker workers[2];
	struct server_options options;
	struct routing routing;
	struct {
		struct session_base base;
		struct identity identity;
		struct service *service;
		struct server_link links[2];
	} sessions[SESSIONS];
	unsigned n;
	bool is_private; /* what is added publishes a private service */
};

int scene_open(void **state);
int scene_close(void **state);

/* What a session has on a worker. */
void set_side(struct scene *s, unsigned session, unsigned worker, struct side side);

/* One more session, and its service for that host, in the routes of worker 0. */
void add_session(struct scene *s, const char *host, enum control_kind kind);
/* The same, as `m` says it. */
void add_service(struct scene *s, const char *place, const struct control *m);

/* As a request without a history asks. */
enum route_outcome find(struct scene *s, const char *host, struct route_found *found_out);
