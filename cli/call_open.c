/* SPDX-License-Identifier: MIT */
/* Which server a command asks, and how it is reached. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/admin_local.h"
#include "cli/admin_offline.h"
#include "cli/admin_remote.h"
#include "cli/verb.h"
#include "config/token_source.h"

static int find_token(struct call *c, struct error *err)
{
	struct client_options *way = &c->o->remote;
	struct error warning = {""};
	struct token_source src = {.path = way->token_from};
	if (c->token_is_read) {
		explicit_bzero(way->token, strlen(way->token));
		free(way->token);
		way->token = NULL;
	}
	c->token_is_read = !way->token;
	int r = token_source_find(&src, &way->token, &warning, err);
	c->token_is_read &= way->token != NULL;
	if (r == TOKEN_SOURCE_NONE)
		return error_set(err, -EINVAL,
			"--remote needs the token of an identity: --token-from FILE, or the "
			"variable TUNNEL_TOKEN");
	return r < 0 ? r : 0;
}

/* The server that runs here; or its store, when none does and it can be told apart from another's. */
static int open_here(struct call *c)
{
	const struct admin_local_places places = {c->o->admin_socket, c->o->state_dir};
	int r = admin_local_open(&c->transport, &places, c->err);
	if (r != STATUS_NO_ANSWER || !c->verb->offline || c->o->admin_socket)
		return r;
	r = admin_offline_open(&c->transport, c->o->state_dir, c->err);
	if (!r)
		call_advise(c,
			"no server runs here: the store in its state directory is asked itself");
	return r;
}

int call_open(struct call *c)
{
	struct admin_options *o = c->o;
	if (c->transport)
		return 0;
	if (!o->remote.remote)
		return open_here(c);
	if (client_options_check(&o->remote, c->err) || find_token(c, c->err))
		return STATUS_USAGE;
	return admin_remote_open(&c->transport, &o->remote, c->err);
}

void call_close(struct call *c)
{
	if (c->transport)
		c->transport->close(c->transport);
	c->transport = NULL;
}
