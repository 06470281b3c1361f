#include "cli/commands.h"
#include "cli/launch.h"
#include "client/client.h"
#include "client/inspect.h"

static int check(void *opts, struct error *err)
{
	return client_options_check(opts, err);
}

static void inspect(const void *opts, void (*found)(void *arg, const char *sentence), void *arg)
{
	client_inspect(opts, found, arg);
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
	.inspect = inspect,
	.run = run,
	.deinit = deinit,
	.fields = fields,
	.token_needed = true,
};

/* ---- Short forms ---- */

static int check_http(void *opts, struct error *err)
{
	return client_short_form_check(opts, UPSTREAM_FORM_HTTP, err);
}

static int check_tcp(void *opts, struct error *err)
{
	return client_short_form_check(opts, UPSTREAM_FORM_TCP, err);
}

static int check_udp(void *opts, struct error *err)
{
	return client_short_form_check(opts, UPSTREAM_FORM_UDP, err);
}

static int check_tls(void *opts, struct error *err)
{
	return client_short_form_check(opts, UPSTREAM_FORM_TLS, err);
}

static int launch_short_form(enum upstream_form form, int (*check_form)(void *, struct error *),
	int argc, char **argv)
{
	struct launch l = launch_client;
	l.table = &client_short_forms[form];
	l.check = check_form;
	return launch(&l, argc, argv);
}

int command_http(int argc, char **argv)
{
	return launch_short_form(UPSTREAM_FORM_HTTP, check_http, argc, argv);
}

int command_tcp(int argc, char **argv)
{
	return launch_short_form(UPSTREAM_FORM_TCP, check_tcp, argc, argv);
}

int command_udp(int argc, char **argv)
{
	return launch_short_form(UPSTREAM_FORM_UDP, check_udp, argc, argv);
}

int command_tls(int argc, char **argv)
{
	return launch_short_form(UPSTREAM_FORM_TLS, check_tls, argc, argv);
}

int command_client(int argc, char **argv)
{
	return launch(&launch_client, argc, argv);
}
