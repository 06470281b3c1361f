/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which intentions somebody may see and make. An operator may all. Others make those whose destination is a private
 * service of theirs, and see these and those whose source they are. Nothing here tells what else there is: the
 * questions are answered by the names alone, and by what is one's own.
 */
#include "server/admin/admin.h"
#include "server/store/catalog.h"

/* The destination is a private service of his; "*" is nobody's. */
bool intention_scope_owns(const struct catalog *c, const struct api_actor *actor,
	const char *destination);

/* The source is he. */
bool intention_scope_is(const struct api_actor *actor, const char *source);

bool intention_scope_sees(const struct catalog *c, const struct api_actor *actor,
	const struct policy_intention *i);

/* Whether he may make and delete it; false: he may not, and the request was refused. */
bool intention_scope_may(struct api_request *rq, const char *destination);

/*
 * Names of the path or the query: as policy_intention_check_name() makes them. False: the request was refused.
 */
bool intention_scope_name(struct api_request *rq, const char *what, const char *text,
	char out[POLICY_NAME_SIZE]);
