/* SPDX-License-Identifier: MIT */
#pragma once
/* The transport to an exit node elsewhere: a link that publishes nothing and only asks. */
#include "cli/admin_transport.h"
#include "client/config/options.h"

/*
 * `o` was checked and has its token; it outlives the transport. 0; STATUS_REJECTED, STATUS_NO_ANSWER, STATUS_USAGE for a
 * wrong option, or STATUS_FAILED, each with a sentence.
 */
int admin_remote_open(struct admin_transport **transport_out, const struct client_options *o,
	struct error *err);
