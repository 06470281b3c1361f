#include "cli/commands.h"
#include "cli/launch.h"
#include "client/client.h"

static int check(void *opts, struct error *err)
{
	return client_options_check(opts, err);
}

static int run(const void *opts, struct reloader *r)
{
	return client_run(opts, r);
}

static void deinit(void *opts)
{
	client_options_deinit(opts);
}

static struct launch_fields fields(void *opts)
{
	struct client_options *o = opts;
	return (struct launch_fields){
		.token = &o->token,
		.token_from = &o->token_from,
		.no_token = &o->no_token,
		.log_level = &o->log_level,
		.log_format = &o->log_format,
	};
}

const struct launch launch_client = {
	.table = &client_option_table,
	.size = sizeof(struct client_options),
	.check = check,
	.run = run,
	.deinit = deinit,
	.fields = fields,
	.token_needed = true,
};

int command_client(int argc, char **argv)
{
	return launch(&launch_client, argc, argv);
}
