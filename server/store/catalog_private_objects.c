/* SPDX-License-Identifier: MIT */
/* How long private services and endpoints are there: as long as the catalog, or anybody who lives, holds them. */
#include <stdlib.h>

#include "server/store/catalog_internal.h"

struct private_service *private_service_stage(const struct policy_private_service *value)
{
	struct private_service *s = calloc(1, sizeof(*s));
	if (!s || policy_private_service_copy(&s->value, value) < 0) {
		free(s);
		return NULL;
	}
	s->name = s->value.name;
	s->holds = 1;
	list_init(&s->of_owner);
	list_init(&s->endpoints);
	list_init(&s->services);
	list_init(&s->changed);
	return s;
}

struct endpoint *endpoint_stage(const struct policy_endpoint *value)
{
	struct endpoint *e = calloc(1, sizeof(*e));
	if (!e || policy_endpoint_copy(&e->value, value) < 0) {
		free(e);
		return NULL;
	}
	e->holds = 1;
	list_init(&e->of_service);
	list_init(&e->of_consumer);
	list_init(&e->attachments);
	list_init(&e->changed);
	return e;
}

void private_service_hold(struct private_service *s)
{
	s->holds++;
}

void private_service_release(struct private_service *s)
{
	if (!s || --s->holds)
		return;
	list_unlink(&s->changed);
	policy_private_service_deinit(&s->value);
	free(s);
}

void endpoint_hold(struct endpoint *e)
{
	e->holds++;
}

void endpoint_release(struct endpoint *e)
{
	if (!e || --e->holds)
		return;
	list_unlink(&e->changed);
	private_service_release(e->service);
	policy_endpoint_deinit(&e->value);
	free(e);
}

void endpoint_used(struct endpoint *e, uint64_t now)
{
	e->value.last_used_at = now;
	e->use_is_news = true;
}
