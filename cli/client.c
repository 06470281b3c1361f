#include "cli/commands.h"
#include "cli/launch.h"
#include "client/client.h"

static int check(void *opts, struct error *err)
{
	return client_options_check(opts, err);
}

static int run(const void *opts)
{
	return client_run(opts);
}

static void deinit(void *opts)
{
	client_options_deinit(opts);
}

int command_client(int argc, char **argv)
{
	struct client_options opts = {0};
	const struct launch l = {
		.table = &client_option_table,
		.opts = &opts,
		.check = check,
		.run = run,
		.deinit = deinit,
		.token = &opts.token,
		.token_from = &opts.token_from,
		.no_token = &opts.no_token,
		.log_level = &opts.log_level,
		.log_format = &opts.log_format,
		.token_needed = true,
	};
	return launch(&l, argc, argv);
}
