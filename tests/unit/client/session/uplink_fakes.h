/* SPDX-License-Identifier: MIT */
#pragma once
/* In place of the connector and the link below an uplink: both do nothing until the test says so. */
#include <stddef.h>

#include "client/session/uplink.h"

extern unsigned dials; /* calls of connector_start() */

extern struct fake_links {
	bool no_memory, no_memory_for_early;
	char early[16];
	size_t freed, keyed, closed;
	const char *why;
	struct budget budget;
} links;
