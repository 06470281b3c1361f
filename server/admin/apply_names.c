/* SPDX-License-Identifier: MIT */
#include "server/admin/apply_names.h"

#include <string.h>

#include "server/store/catalog.h"

struct apply_ids apply_ids_of(const struct catalog *c)
{
	return (struct apply_ids){.identity = c->max_id + 1,
		.service = c->private.max_service_id + 1,
		.endpoint = c->private.max_endpoint_id + 1,
		.link = c->private.next_link};
}

const struct policy_identity *apply_identity(struct change *c, const char *name,
	struct apply_ids *ids, bool *failed_out)
{
	*failed_out = false;
	for (size_t i = 0; i < c->rows.n; i++) {
		const struct store_row *row = &c->rows.v[i];
		if (row->kind == STORE_IDENTITY && strcmp(row->identity.name, name) == 0)
			return &row->identity;
	}
	const struct identity *i = catalog_find(catalog_of(c), str_from(name));
	if (!i || i->value.id)
		return i ? &i->value : NULL;
	/* `default` is no row before something refers to it. */
	struct store_row *row = change_add(c, &c->rows, STORE_IDENTITY);
	*failed_out = !row || policy_identity_copy(&row->identity, &i->value) < 0;
	if (*failed_out) {
		change_no_memory(c);
		return NULL;
	}
	row->identity.id = ids->identity++;
	return &row->identity;
}

const struct policy_private_service *apply_service(struct change *c, const char *name)
{
	for (size_t i = 0; i < c->rows.n; i++) {
		const struct store_row *row = &c->rows.v[i];
		if (row->kind == STORE_SERVICE && strcmp(row->service.name, name) == 0)
			return &row->service;
	}
	const struct private_service *s = catalog_find_service(catalog_of(c), str_from(name));
	return s && !s->value.deleted ? &s->value : NULL;
}

bool apply_say(struct change *c, json_t *changes, const char *action, const char *subject,
	json_t *detail)
{
	json_t *item = json_pack("{s:s, s:s, s:o}", "action", action, "subject", subject, "detail",
		detail);
	return json_array_append_new(changes, item) == 0 ? true : change_no_memory(c);
}
