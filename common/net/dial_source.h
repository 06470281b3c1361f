/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * From which of this machine's addresses a connection is made. One that is made for the same party has the
 * same address, as long as that has a port free toward where it goes: whoever it reaches can tell parties
 * apart by their addresses, and a busy one is not held to the 28,000 ports of one.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "wire/address.h"

/*
 * µs: so long one that has no port left is not tried again. The kernel looks through all of its ports to find that there
 * is none, 10 ms for 28,000 of them, and so for each connection.
 */
#define DIAL_SOURCE_REST CLOCK_S

struct dial_source {
	struct address address; /* port 0 */
	uint64_t rests_until;   /* µs; 0: it was not found without a port */
};

struct dial_sources {
	struct dial_source *v;
	size_t n;       /* 0: as the kernel picks */
	uint32_t party; /* a number of the caller's: the same, the same address */
};

/*
 * Begins to connect, at `now`, µs. 1 connected or 0 under way, with the socket, non-blocking and tuned; or -errno.
 * -EADDRNOTAVAIL: no source of the family of `to` is this machine's and has a port free, or had a moment ago.
 */
int dial_source_connect(const struct dial_sources *from, const struct address *to, uint64_t now,
	int *fd_out);

/* 0, or -errno with a sentence about the first one that this machine does not have. */
int dial_sources_check(const struct dial_sources *from, struct error *err);
