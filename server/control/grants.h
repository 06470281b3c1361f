/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What identities may do, asked where they do it and again for all that lives when that changes. Each refusal
 * is a sentence that says which grant is missing, and what the operator types to give it. All on the main
 * thread.
 */
#include "base/error.h"
#include "server/control/session.h"

/* Whether a token may be used from an address: 0, or -EPERM with a sentence (it is not good any more; the address). */
int grants_check_token(const struct credential *k, const struct address *from, struct error *err);

/* The same of a link: whether it may be here. */
int grants_check_link(const struct server_link *l, struct error *err);

/* Whether its identity may have one more session: 0, or -EDQUOT. */
int grants_check_sessions(const struct identity *i, struct error *err);

/*
 * Whether the identity may have what the service asks for: its place, or `first`, the first of its ports (0: one
 * that the server chooses). 0, or -EPERM.
 */
int grants_check_service(const struct identity *i, const struct service *service, uint16_t first,
	struct error *err);

/* Whether it may have an endpoint at a private service of that name, be it there or not. 0, or -EPERM. */
int grants_check_consume(const struct identity *i, const char *name, struct error *err);

/* Whether it may publish a private service of that name. 0, or -EPERM. */
int grants_check_publish(const struct identity *i, const char *name, struct error *err);

/* The grant by which it has what it asked for: of several ports that of the first. Returns `to`. */
const char *grants_of_service(const struct identity *i, const struct service *service,
	char to[POLICY_GRANT_SIZE]);
