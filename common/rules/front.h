/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The operator's file of routes (--front), compiled: for a host its rules, and where its requests go. It is made
 * once by each reload and never changed; threads share it, and whoever began with it ends with it.
 *
 *	routes:
 *	  - host: [example.org, www.example.org]
 *	    rules:
 *	      - when: {method: POST}
 *	        to: api.internal
 *	    to: web.internal
 *	client-rules: [deny, redirect, basic]
 */
#include "rules/origin_group.h"
#include "rules/rules.h"

#define FRONT_ID_SIZE    32   /* bytes */
#define FRONT_ROUTES_MAX 4096 /* of a file */

/* What rules of clients may have where the file says nothing: all but `to`, which leads to what others publish. */
#define FRONT_CLIENT_VERBS (((1u << VERBS) - 1) & ~(1u << VERB_TO))

struct front_route {
	unsigned line;
	bool of_client;  /* it has the rules of a client for a service (rules/client_rules.h) */
	struct str name; /* its first host, as the file has it; or the service's place */
	struct rules rules;
	struct str
		to; /* a host, or a group's origin_group::place; empty: the host that was asked for */
};

struct front_host {
	struct str host; /* canonical, "*.example.org", or "*" */
	unsigned line;
	const struct front_route *route;
};

struct front {
	atomic_uint users;
	atomic_uint n_checks; /* passwords of its users that are checked now */
	uint8_t id
		[FRONT_ID_SIZE]; /* of a client's: the same for the same rules of one identity and place */
	struct arena arena;
	struct country_file *countries; /* NULL: there are none */
	uint32_t client_verbs; /* bits 1 << enum verb: what rules of clients may have, or have */
	struct front_route *routes;
	size_t n_routes;
	struct front_host *hosts; /* sorted */
	size_t n_hosts;
	bool wildcards; /* some of them are */
	struct origin_groups groups;
	struct str *inner; /* sorted: what `to` names and no route has as its host */
	size_t n_inner;
};

/* `paths` of a route. 0, or < 0 with a sentence. */
int front_compile_paths(struct compile *c, const struct tree_node *node, struct rules *out);

/* 0, or < 0 with a sentence that has file and line. */
int front_load(const char *path, struct front **out, struct error *err);

/* From any thread. The counts of rules are of all of them. */
struct front *front_hold(const struct front *f);
/* Accepts NULL; returns NULL. */
struct front *front_release(const struct front *f);

/* Whether they are a client's, for a service (rules/client_rules.h). */
static inline bool front_of_client(const struct front *f)
{
	return f->n_routes == 1 && f->routes->of_client;
}

/* Its own, else the longest wildcard's, else that of "*". NULL: there is none. */
const struct front_route *front_route(const struct front *f, struct str host);

/* Whether only rules lead there: whoever asks for this host himself would pass them by. */
bool front_is_inner(const struct front *f, struct str host);

/* What holds for the origins of a group's place, or of a host. NULL: nothing does. */
const struct origin_group *front_group(const struct front *f, struct str place);
