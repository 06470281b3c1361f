#pragma once
/*
 * Names to addresses, by getaddrinfo on a helper thread: it knows /etc/hosts, mDNS and whatever
 * else the machine was set up with, and reads resolv.conf anew when a laptop changes networks.
 */
#include <stddef.h>
#include <stdint.h>

#include "net/offload.h"
#include "wire/address.h"

/* Addresses kept of an answer. Four of each family is more than anybody waits for at a dial. */
#define RESOLVE_MAX 8

struct resolve_job;

struct resolve {
	struct resolve_job *job; /* under way; NULL otherwise */
	/* n == 0: `why` says what failed, as a part of a sentence ("name not known"). */
	void (*done)(struct resolve *resolve, const struct address *list, size_t n,
		const char *why);
};

/*
 * Starts looking up `host`. `done` runs on the loop, never from within, with the addresses ordered
 * as RFC 6724 has it and families alternating (RFC 8305 section 4). 0, -EINVAL for a name too
 * long, or -ENOMEM.
 */
int resolve_start(struct resolve *resolve, struct loop *loop, struct offload *offload,
	const char *host, uint16_t port,
	void (*done)(struct resolve *, const struct address *list, size_t n, const char *why));

/* `done` does not come any more. Zero or finished is fine. */
void resolve_cancel(struct resolve *resolve);

/* Reorders so that the families alternate, from the first one's, each in the order it had. */
void resolve_interleave(struct address *list, size_t n);
