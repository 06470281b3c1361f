/* SPDX-License-Identifier: MIT */
#include "client/admin/client_admin.h"

void client_admin_init(struct client_admin *a, const struct api_operations *const *tables,
	struct loop *loop, const struct client_options *const *options,
	const struct client_session *session)
{
	*a = (struct client_admin){.options = options, .session = session, .started = clock_now()};
	api_init(&a->api, tables, loop, "client");
}

void client_admin_close(struct client_admin *a)
{
	api_close(&a->api);
}
