/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The text of a file of names (hosts(5)) with the block of one process in it, and how it changes:
 *
 *	# tunnel 4711: private services; these lines go when it ends
 *	127.71.3.9	redis.k7m2q9x4p3ta.exit.example.org redis.internal.example.org
 *	# tunnel 4711: end
 *
 * All other lines stay as they are. Blocks of processes that live no more go as well.
 */
#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/str.h"

#define HOSTS_ADDRESS_SIZE 64 /* bytes of an address, with the NUL */

struct hosts_entry {
	char address[HOSTS_ADDRESS_SIZE];
	const char *alias; /* of the private service; NULL: none */
	const char *fqdns; /* its provider's names for it, with commas between; NULL: none */
	const char *own;   /* a host that is not for others to name: the exit node's; NULL: none */
};

/*
 * Appends `old` to `out` with the block of `pid` replaced by these entries; without any there is none. A name must
 * be a host name with a dot in it, and is left out where another line, or an entry before it, has it: a provider
 * can name its service as it likes, and must not take away what this machine knows. `alive` tells whether a
 * process lives. 0 or -ENOMEM.
 */
int hosts_text_change(struct str old, pid_t pid, bool (*alive)(pid_t pid),
	const struct hosts_entry *entries, size_t n, struct buf *out);

/*
 * The loopback address of a private service: the same for the same alias wherever it runs, so that configurations may
 * name it. `attempt` counts from 0: another one each time, for when two services have the same.
 */
void hosts_text_address(const char *alias, unsigned attempt, char out[HOSTS_ADDRESS_SIZE]);
