/* SPDX-License-Identifier: MIT */
#include "server/control/fold.h"

#include "base/str.h"
#include "server/base/options.h"
#include "server/base/worker.h"
#include "server/control/grants.h"
#include "server/control/registrar.h"

static bool is_active(const struct identity *i)
{
	return !i->deleted && policy_identity_state(&i->value, policy_now()) == POLICY_ACTIVE;
}

static bool state_allows(const struct endpoint *e, struct error *why)
{
	const struct policy_endpoint *value = &e->value;
	if (policy_endpoint_usable(value))
		return true;
	if (*value->description)
		error_set(why, 0, "%s", value->description);
	else if (value->state == POLICY_PENDING)
		error_set(why, 0, "its owner has not decided yet");
	else if (value->state == POLICY_REJECTED)
		error_set(why, 0, "its owner rejected it");
	else
		error_set(why, 0, "its owner removed it: delete the endpoint here and ask again");
	return false;
}

static bool is_there(const struct endpoint *e, struct error *why)
{
	const struct private_service *s = e->service;
	if (e->gone)
		error_set(why, 0, "the endpoint was deleted");
	else if (s->gone || s->value.deleted)
		error_set(why, 0, "the private service was deleted");
	else
		return true;
	return false;
}

static bool identities_are_active(const struct endpoint *e, struct error *why)
{
	const struct identity *consumer = e->consumer, *owner = e->service->owner;
	if (!is_active(consumer))
		error_set(why, 0, "%s is not active any more", consumer->name);
	else if (!is_active(owner))
		error_set(why, 0, "whoever owns %s is not active any more", e->service->name);
	else
		return true;
	return false;
}

const struct policy_intention *fold_intention(const struct registrar *r, const struct endpoint *e)
{
	return catalog_decide(&r->catalog->intentions, e->consumer->name, e->service->name);
}

enum attachment_bar fold_endpoint(const struct registrar *r, const struct endpoint *e,
	struct error *why)
{
	if (!is_there(e, why))
		return ATTACHMENT_GONE;
	if (!state_allows(e, why))
		return ATTACHMENT_NO_APPROVAL;
	if (!identities_are_active(e, why))
		return ATTACHMENT_NO_TOKEN;
	if (grants_check_consume(e->consumer, e->service->name, why) != 0)
		return ATTACHMENT_NO_GRANT;
	const struct policy_intention *i = fold_intention(r, e);
	enum policy_action action = i ? i->action : server_default_intention(r->worker->opts);
	if (action == POLICY_ALLOW)
		return ATTACHMENT_PASSES;
	if (i)
		error_set(why, 0, "an intention denies it: %s => %s", i->source, i->destination);
	else
		error_set(why, 0, "no intention allows %s => %s, and the default is deny",
			e->consumer->name, e->service->name);
	return ATTACHMENT_NO_INTENTION;
}
