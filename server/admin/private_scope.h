/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which private services and endpoints somebody may see and change. An operator may all. Others see private services
 * of their own and those whose visibility lets them, endpoints at their own, and their own endpoints. What somebody may
 * not see is refused as what is not there: one reason, one sentence (docs/protocol.md, rule 52).
 */
#include "server/admin/admin.h"
#include "server/store/catalog.h"

/* It is his, or he is an operator: he decides about it. */
bool private_scope_owns(const struct api_actor *actor, const struct private_service *s);

/* `by_alias`: he has named its tag. */
bool private_scope_sees(const struct api_actor *actor, const struct private_service *s,
	bool by_alias);

/* He decides about it, or it is his own. */
bool private_scope_sees_endpoint(const struct api_actor *actor, const struct endpoint *e);

/* By a name or an alias, if he may see it. NULL: the request was refused. */
struct private_service *private_scope_service(struct api_request *rq, const char *text);
/* The same, if he decides about it. */
struct private_service *private_scope_own_service(struct api_request *rq, const char *text);

/*
 * By its id, or the beginning of it that no other that he may see has; "service" of the query says at which private
 * service. NULL: the request was refused.
 */
struct endpoint *private_scope_endpoint(struct api_request *rq, const char *text);
/* The same, if he decides about it. */
struct endpoint *private_scope_decided(struct api_request *rq, const char *text);
