/* SPDX-License-Identifier: MIT */
#include "cli/any_side.h"

#include <string.h>

#include "cli/admin_client.h"
#include "cli/admin_local.h"
#include "cli/answer.h"
#include "cli/client_sockets.h"

/* The clients that answer: the first one is call::transport then, and all are named in `names`. */
static size_t try_clients(struct call *c, const struct client_sockets *sockets, struct buf *names)
{
	size_t n = 0;
	for (size_t i = 0; i < sockets->n; i++) {
		const struct admin_local_places place = {.socket = sockets->paths[i]};
		struct admin_transport *transport;
		struct error ignored;
		if (admin_local_open(&transport, &place, &ignored))
			continue; /* it has ended */
		if (n++)
			transport->close(transport);
		else
			c->transport = transport;
		buf_append(names, " ", 1);
		buf_append(names, sockets->paths[i], strlen(sockets->paths[i]));
	}
	return n;
}

/* STATUS_NO_ANSWER leaves call::err as it was. */
static int open_client(struct call *c)
{
	struct client_sockets sockets;
	struct buf names = BUF_NULL;
	int r = 0;
	if (client_sockets_find(&sockets))
		r = error_set(c->err, STATUS_FAILED, "no memory");
	size_t n = r ? 0 : try_clients(c, &sockets, &names);
	if (!r && !n)
		r = STATUS_NO_ANSWER;
	if (n > 1) {
		call_close(c);
		r = error_set(c->err, STATUS_USAGE,
			"several clients run here: name one of them with --admin-socket=PATH:%.*s",
			(int)buf_len(&names), (const char *)buf_head(&names));
	}
	client_sockets_free(&sockets);
	buf_deinit(&names);
	return r;
}

int call_open_any(struct call *c, enum side *side_out)
{
	const struct admin_options *o = c->o;
	bool named = o->admin_socket || o->remote.remote || o->state_dir;
	json_t *info = NULL;
	const struct admin_client_request ask = {.method = "GET", .target = "/api/v1/info"};
	int r = call_open(c);
	if (r == STATUS_NO_ANSWER && !named)
		r = open_client(c);
	if (!r)
		r = admin_client_ask(c->transport, &ask, &info, c->err);
	if (!r)
		*side_out = strcmp(answer_text(info, "side"), "client") == 0 ? SIDE_CLIENT
									     : SIDE_SERVER;
	json_decref(info);
	return r;
}
