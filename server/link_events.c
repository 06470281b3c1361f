/* SPDX-License-Identifier: MIT */
#include "server/link_events.h"

#include "server/admin/admin_stream.h"
#include "server/base/worker.h"
#include "server/control/registrar.h"
#include "server/http/http_worker.h"
#include "server/private/private_open.h"
#include "server/route/routing.h"

static void link_usable(struct server_link *l)
{
	wait_queue_wake(&l->worker->routing->wait_queue);
}

static void link_leaving(struct server_link *l)
{
	http_worker_rest_streams(l->worker, l);
}

static void link_silent(struct server_link *l)
{
	http_worker_leave_link(l);
}

const struct server_link_ops link_events = {
	.up = registrar_link_up,
	.control = registrar_link_control,
	.admin = admin_stream_open,
	.open = private_open,
	.usable = link_usable,
	.leaving = link_leaving,
	.silent = link_silent,
	.gone = registrar_link_gone,
};
