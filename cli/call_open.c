/* SPDX-License-Identifier: MIT */
/* Which server a command asks, and how it is reached. */
#include <errno.h>

#include "cli/admin_remote.h"
#include "cli/admin_local.h"
#include "cli/verb.h"
#include "config/token_source.h"

static int find_token(struct admin_options *o, struct error *err)
{
	struct client_options *way = &o->remote;
	struct error warning = {""};
	struct token_source src = {.path = way->token_from};
	int r = token_source_find(&src, &way->token, &warning, err);
	if (r == TOKEN_SOURCE_NONE)
		return error_set(err, -EINVAL,
			"--remote needs the token of an identity with --operator: --token-from "
			"FILE, "
			"or the variable TUNNEL_TOKEN");
	return r < 0 ? r : 0;
}

int call_open(struct call *c)
{
	struct admin_options *o = c->o;
	const struct admin_local_places places = {o->admin_socket, o->state_dir};
	if (c->transport)
		return 0;
	if (!o->remote.remote)
		return admin_local_open(&c->transport, &places, c->err);
	if (client_options_check(&o->remote, c->err) || find_token(o, c->err))
		return STATUS_USAGE;
	return admin_remote_open(&c->transport, &o->remote, c->err);
}
