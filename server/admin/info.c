/* SPDX-License-Identifier: MIT */
/* What the server was told: its version and its options, but for what is secret. */
#include <unistd.h>

#include "api/api_json.h"
#include "server/admin/api.h"
#include "server/base/worker.h"
#include "version.h"

static void info(struct api_request *rq)
{
	const struct worker *w = admin_of(rq)->node->workers[0];
	api_answer(rq, 200,
		json_pack("{s:s, s:s, s:o, s:i, s:o, s:o}", "version", TUNNEL_VERSION, "side",
			"server", "hostname", hostname_json(), "pid", (int)getpid(), "started",
			clock_moment_json(admin_of(rq)->node->started), "options",
			options_json(&server_option_table, w->opts)));
}

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/info", API_OPERATOR, .run = info},
};
const struct api_operations admin_info = {rows, ARRAY_LEN(rows)};
