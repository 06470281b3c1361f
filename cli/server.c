#include "cli/commands.h"
#include "cli/launch.h"
#include "server/server.h"
#include "server/inspect.h"

static int check(void *opts, struct error *err)
{
	return server_options_check(opts, err);
}

static void inspect(const void *opts, void (*found)(void *arg, const char *sentence), void *arg)
{
	server_inspect(opts, found, arg);
}

static int run(const void *opts, struct reloader *r)
{
	return server_run(opts, r);
}

static void deinit(void *opts)
{
	server_options_deinit(opts);
}

static struct launch_fields fields(void *opts)
{
	struct server_options *o = opts;
	return (struct launch_fields){
		.token = &o->token,
		.token_from = &o->token_from,
		.no_token = &o->no_token,
		.log_level = &o->log_level,
		.log_format = &o->log_format,
		.access_log = &o->access_log,
	};
}

const struct launch launch_server = {
	.table = &server_option_table,
	.size = sizeof(struct server_options),
	.check = check,
	.inspect = inspect,
	.run = run,
	.deinit = deinit,
	.fields = fields,
};

int command_server(int argc, char **argv)
{
	return launch(&launch_server, argc, argv);
}
