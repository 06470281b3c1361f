/* SPDX-License-Identifier: MIT */
/* What the client was told: its version, its exit node, and its options but for what is secret. */
#include <unistd.h>

#include "api/api_json.h"
#include "client/admin/client_admin.h"
#include "client/admin/client_api.h"
#include "version.h"

static void info(struct api_request *rq)
{
	const struct client_admin *a = client_admin_of(rq);
	api_answer(rq, 200,
		json_pack("{s:s, s:s, s:s, s:o, s:i, s:o, s:o}", "version", TUNNEL_VERSION, "side",
			"client", "exitNode", a->session->remote.authority, "hostname",
			hostname_json(), "pid", (int)getpid(), "started",
			clock_moment_json(a->started), "options",
			options_json(&client_option_table, *a->options)));
}

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/info", API_OPERATOR, .run = info},
};
const struct api_operations client_api_info = {rows, ARRAY_LEN(rows)};
