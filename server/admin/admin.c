/* SPDX-License-Identifier: MIT */
#include "server/admin/admin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/offload.h"
#include "server/control/change.h"

int admin_init(struct admin *a, const struct admin_config *config)
{
	*a = (struct admin){.catalog = config->catalog,
		.store = config->store,
		.node = config->node,
		.registrar = config->registrar};
	api_init(&a->api, config->tables, config->loop, "server");
	seen_requests_init(&a->seen, config->loop, config->node);
	a->changes = changes_new(config->loop, config->catalog, config->store, config->registrar);
	if (config->registrar)
		config->registrar->changes = a->changes;
	return a->changes ? 0 : -ENOMEM;
}

void admin_close(struct admin *a)
{
	if (!a->api.tables)
		return;
	a->deriving = offload_free(a->deriving);
	api_close(&a->api);
	seen_requests_close(&a->seen);
	changes_close(a->changes);
}

void admin_deinit(struct admin *a)
{
	a->changes = changes_free(a->changes);
	authority_deinit(&a->authority);
}
