/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The rules that a client gives for a service of its own: a list as that of a route, or a mapping with `rules` and
 * `paths`. The client compiles them for their mistakes, the exit node to run them, where they are the text of
 * somebody who may use it and is not its operator. So they have limits of their own, which bound what one service
 * keeps, and what one request for it costs, whoever wrote the rules for which request.
 *
 *	- when: {path: "/admin*", not: {address: 192.0.2.0/24}}
 *	  deny: 403
 */
#include "rules/front.h"

#define CLIENT_RULES_MAX      64 /* of a service: each may write a path, of 64 KiB, which takes 0.1 ms */
/*
 * Expressions, patterns with a star elsewhere than at one end, and fields, cookies and query parameters by name: each
 * may look through all of a request's head.
 */
#define CLIENT_RULES_SEARCHES 64
#define CLIENT_RULES_FIELDS   128 /* changes of fields: each is compared with all others */
/* Bytes of those of one service, compiled: 16 KiB of text can be made to take much more than rules do. */
#define CLIENT_RULES_MEMORY   (256u << 10)

struct client_rules_terms {
	const char *path; /* for the sentences: "FILE:12: …" */
	struct str place; /* what is published, for whom counts them */
	uint32_t verbs;   /* bits 1 << enum verb that they may have */
	bool countries;   /* who runs them has a file of them */
};

/*
 * `front_out` has one route, which has no host. 0; -EINVAL with a sentence that has the line, -EACCES where it is a
 * verb that they may not have; or -ENOMEM.
 */
int client_rules_compile(struct str text, const struct client_rules_terms *terms,
	struct front **front_out, struct error *err);

/* What they take. */
static inline size_t client_rules_memory(const struct front *f)
{
	return sizeof(*f) + f->arena.held;
}
