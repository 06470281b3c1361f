/* SPDX-License-Identifier: MIT */
#include "server/admin/intention_scope.h"

#include <string.h>

bool intention_scope_owns(const struct catalog *c, const struct api_actor *actor,
	const char *destination)
{
	const struct private_service *s =
		actor->may_all ? NULL : catalog_find_service(c, str_from(destination));
	return actor->may_all || (s && s->owner == actor->identity);
}

bool intention_scope_is(const struct api_actor *actor, const char *source)
{
	return actor->may_all || strcmp(actor->identity->name, source) == 0;
}

bool intention_scope_sees(const struct catalog *c, const struct api_actor *actor,
	const struct policy_intention *i)
{
	return intention_scope_is(actor, i->source) ||
	       intention_scope_owns(c, actor, i->destination);
}

bool intention_scope_may(struct api_request *rq, const char *destination)
{
	if (intention_scope_owns(admin_of(rq)->catalog, &rq->actor, destination))
		return true;
	api_refuse(rq, API_DENIED,
		"%s may say who uses a private service of its own, and \"%s\" is none; for others "
		"it "
		"takes an identity with --operator",
		rq->actor.name, destination);
	return false;
}

bool intention_scope_name(struct api_request *rq, const char *what, const char *text,
	char out[POLICY_NAME_SIZE])
{
	struct error err;
	if (policy_intention_check_name(str_from(text), out, &err) == 0)
		return true;
	api_refuse(rq, API_INVALID, "the %s: %s", what, err.text);
	return false;
}
