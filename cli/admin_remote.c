/* SPDX-License-Identifier: MIT */
#include "cli/admin_remote.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "cli/admin_link.h"

struct admin_remote {
	struct admin_transport transport;
	struct admin_link *link;
};

/* The exit status for what a link's function ended with. */
static int status_of(int result)
{
	switch (result) {
	case 0:
		return 0;
	case ADMIN_LINK_REJECTED:
		return STATUS_REJECTED;
	case ADMIN_LINK_NO_ANSWER:
		return STATUS_NO_ANSWER;
	case -EINVAL:
	case -EIO: /* an option, and a file that one names */
		return STATUS_USAGE;
	default:
		return STATUS_FAILED;
	}
}

static int call(struct admin_transport *transport, const void *request, size_t n,
	struct buf *response, struct error *err)
{
	struct admin_remote *r = (struct admin_remote *)transport;
	return status_of(admin_link_call(r->link, request, n, response, err));
}

static void close_remote(struct admin_transport *transport)
{
	struct admin_remote *r = (struct admin_remote *)transport;
	admin_link_close(r->link);
	free(r);
}

int admin_remote_open(struct admin_transport **transport_out, const struct client_options *o,
	struct error *err)
{
	auto_free struct admin_remote *r = calloc(1, sizeof *r);
	if (!r)
		return error_set(err, STATUS_FAILED, "no memory");
	r->transport = (struct admin_transport){.call = call, .close = close_remote};
	int result = admin_link_open(&r->link, o, err);
	if (result)
		return status_of(result);
	*transport_out = &r->transport;
	r = NULL;
	return 0;
}
