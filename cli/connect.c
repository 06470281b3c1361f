/* SPDX-License-Identifier: MIT */
/* `tunnel connect`: the client that publishes nothing, and uses private services of others. */
#include "cli/commands.h"
#include "cli/launch.h"
#include "client/config/options.h"

/* Standard error is read by whoever called ssh: with --stdio it gets what somebody has to act on. */
static bool is_quiet(const void *opts)
{
	const struct client_options *o = opts;
	return local_services_stdio(&o->local_services);
}

void launch_connect(struct launch *l_out)
{
	*l_out = launch_client;
	l_out->table = &connect_option_table;
	l_out->quiet = is_quiet;
}

int command_connect(int argc, char **argv)
{
	struct launch l;
	launch_connect(&l);
	return launch(&l, argc, argv);
}
