#include "cli/commands.h"
#include "cli/launch.h"
#include "server/server.h"

static int check(void *opts, struct error *err)
{
	return server_options_check(opts, err);
}

static int run(const void *opts)
{
	return server_run(opts);
}

static void deinit(void *opts)
{
	server_options_deinit(opts);
}

int command_server(int argc, char **argv)
{
	struct server_options opts = {0};
	const struct launch l = {
		.table = &server_option_table,
		.opts = &opts,
		.check = check,
		.run = run,
		.deinit = deinit,
		.token = &opts.token,
		.token_from = &opts.token_from,
		.no_token = &opts.no_token,
		.log_level = &opts.log_level,
		.log_format = &opts.log_format,
		.access_log = &opts.access_log,
	};
	return launch(&l, argc, argv);
}
