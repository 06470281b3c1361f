/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The admin API's door for clients: a stream of kind admin that a client opens on its link carries HTTP/1.1
 * requests, one after another. The stream lives on the link's worker and collects a request; the main thread asks
 * the table for it, if the link may still be here, and sends the answer back. Who asks is the link's identity.
 *
 *	COLLECTING -> ASKED -> ANSWERING -> COLLECTING, or ENDING after the last one
 *	     +----- refused here ----^
 */
#include "server/link/server_link.h"

/*
 * Under way on a link, with those whose stream is gone while the main thread has their request. A command has
 * one; each may hold API_BODY_MAX, which is charged to the link's session (docs/protocol.md, rule 21).
 */
#define ADMIN_STREAMS_MAX 4

/* For server_link_ops::admin. */
struct stream *admin_stream_open(struct server_link *l, enum frame_reset *reason_out);
