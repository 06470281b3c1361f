/* SPDX-License-Identifier: MIT */
/* `tunnel http` and its like: the client with other words for its first upstream. */
#include "cli/commands.h"
#include "cli/launch.h"
#include "client/config/options.h"

static int launch_short_form(enum upstream_form form, int (*check)(void *opts, struct error *err),
	int argc, char **argv)
{
	struct launch l = launch_client;
	l.table = &client_short_forms[form];
	l.check = check;
	return launch(&l, argc, argv);
}

#define SHORT_FORM(name, form)                                            \
	static int check_##name(void *opts, struct error *err)            \
	{                                                                 \
		return client_short_form_check(opts, form, err);          \
	}                                                                 \
                                                                          \
	int command_##name(int argc, char **argv)                         \
	{                                                                 \
		return launch_short_form(form, check_##name, argc, argv); \
	}

SHORT_FORM(http, UPSTREAM_FORM_HTTP)
SHORT_FORM(tcp, UPSTREAM_FORM_TCP)
SHORT_FORM(udp, UPSTREAM_FORM_UDP)
SHORT_FORM(tls, UPSTREAM_FORM_TLS)
