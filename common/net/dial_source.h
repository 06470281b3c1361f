/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * From which of this machine's addresses a connection is made. One that is made for the same party has the
 * same address, as long as that has a port free toward where it goes: whoever it reaches can tell parties
 * apart by their addresses, and a busy one is not held to the 28,000 ports of one.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/address.h"

struct dial_sources {
	const struct address *v; /* ports 0 */
	size_t n;                /* 0: as the kernel picks */
	uint32_t party;          /* a number of the caller's: the same, the same address */
};

/*
 * Begins to connect. 1 connected or 0 under way, with the socket, non-blocking and tuned; or -errno.
 * -EADDRNOTAVAIL: no source of the family of `to` is this machine's and has a port free.
 */
int dial_source_connect(const struct dial_sources *from, const struct address *to, int *fd_out);

/* 0, or -errno with a sentence about the first one that this machine does not have. */
int dial_sources_check(const struct dial_sources *from, struct error *err);
