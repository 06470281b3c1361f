/* SPDX-License-Identifier: MIT */
/* The option table of `tunnel connect`. A default's reason stands beside it. */
#include <string.h>

#include "base/macros.h"
#include "client/config/exit_node_rows.h"
#include "client/config/habits.h"
#include "client/config/key_rows.h"
#include "client/config/local_options.h"
#include "config/shared.h"

#define AT(field) offsetof(struct client_options, field)

static const struct option_row rows[] = {
	EXIT_NODE_ROW("The exit node"),
	{.name = "endpoints",
		.type = OPTION_GROUP,
		.group = &local_stdio_option_table,
		.element = sizeof(struct local_options),
		.help = "Private services to use",
		.required = true,
		.reloadable = true,
		.offset = AT(endpoints)},
	LOCAL_PLACE_ROWS,
	{.name = "wait",
		.type = OPTION_DURATION,
		.min = CLOCK_S,
		.max = 365 * 86400 * CLOCK_S,
		.help = "How long to wait until each of the services can be used, before ending "
			"with "
			"status 6; default: for ever, with --stdio 60s",
		.brief = "How long to wait for an approval; default: for ever",
		.offset = AT(wait)},
	EXIT_NODE_WAY_ROWS,
	KEY_ROWS,
	/* Below curl's patience. */
	{.name = "dial-timeout",
		.type = OPTION_DURATION,
		.default_text = "5s",
		.min = 100 * CLOCK_MS,
		.max = 120 * CLOCK_S,
		.help = "How long a connection waits for a link to the exit node before it is "
			"reset",
		.section = "Local connections",
		.offset = AT(dial_timeout)},
	SHARED_UDP_ROW(struct client_options),

	SHARED_LINK_ROWS(struct client_options),

	SHARED_RUN_ROWS(struct client_options),
	ADMIN_SOCKET_ROW,
	SHARED_GENERATE_ROW(struct client_options, shared_generate_client),
};

const struct option_table connect_option_table = {
	.command = "connect",
	.usage = "--remote=HOST[:PORT] --service ALIAS=LISTEN [OPTION]...",
	.example = "Examples:\n"
		   "  tunnel connect --remote=127.0.0.1 --service redis=6379 \\\n"
		   "    --token-from ~/.local/state/tunnel/token\n"
		   "  ssh -o ProxyCommand=\"tunnel connect --stdio ssh-box\" user@ssh-box\n",
	.summary = "Uses private services of others at ports and sockets of this machine.",
	.rows = rows,
	.n = ARRAY_LEN(rows),
	.stray = "the private service stands behind --service, as in --service redis=6379",
	.habits = connect_habits,
};
