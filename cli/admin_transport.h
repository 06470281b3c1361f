/* SPDX-License-Identifier: MIT */
#pragma once
/* How a command reaches the admin API of an exit node: a socket of this machine, or a link. */
#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/exit_status.h"

struct admin_transport {
	/*
	 * One request, a whole HTTP/1.1 message, and its whole response: head and body as they came, appended to
	 * `response`. 0; or the exit status of a command that gets no answer, with a sentence. Blocks; one at a
	 * time.
	 */
	int (*call)(struct admin_transport *transport, const void *request, size_t n,
		struct buf *response, struct error *err);
	void (*close)(struct admin_transport *transport); /* frees it */
	bool offline; /* there is no server behind it: nothing comes by itself */
};

/*
 * Bytes of a response: a page of 500 identities with grants is less than a tenth of it, and a distant exit
 * node may be anybody's.
 */
#define ADMIN_RESPONSE_MAX ((size_t)16 << 20)
