/* SPDX-License-Identifier: MIT */
/* What people and clients mean by what they write. */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "server/store/catalog.h"

struct private_service *catalog_find_alias(const struct catalog *c,
	const struct policy_alias *alias)
{
	struct private_service *s = catalog_find_service(c, str_from(alias->name));
	return s && !s->value.deleted && policy_alias_is(alias, s->name, s->value.tag) ? s : NULL;
}

static bool is_meant(const struct endpoint *e, const struct policy_endpoint_id *id)
{
	return (!id->service[0] || strcmp(e->service->name, id->service) == 0) &&
	       policy_endpoint_id_covers(id, e->value.uid);
}

int catalog_find_endpoint_id(const struct catalog *c, const struct policy_endpoint_id *id,
	struct endpoint **out)
{
	const struct identity *consumer = catalog_find(c, str_from(id->consumer));
	struct endpoint *found = NULL;
	if (!consumer)
		return -ENOENT;
	list_for_each (it, &consumer->endpoints) {
		struct endpoint *e = list_entry(it, struct endpoint, of_consumer);
		if (!is_meant(e, id))
			continue;
		if (found)
			return CATALOG_AMBIGUOUS;
		found = e;
	}
	if (!found)
		return -ENOENT;
	*out = found;
	return 0;
}

bool catalog_may_add_service(const struct identity *owner)
{
	return owner->n_private_services < POLICY_SERVICES_MAX;
}

bool catalog_may_add_endpoint(const struct identity *consumer)
{
	uint64_t max = consumer->value.max_endpoints;
	return consumer->n_endpoints < (max == POLICY_NONE ? POLICY_ENDPOINTS_MAX : max);
}
