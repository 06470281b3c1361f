/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Names to addresses, by getaddrinfo: it knows /etc/hosts, mDNS and whatever else the machine was set
 * up with, and reads resolv.conf anew when a laptop changes networks. It blocks, and cannot be
 * interrupted: net/resolver runs it on a helper thread.
 */
#include <stdbool.h>
#include <stddef.h>

#include "wire/address.h"

/* Addresses kept of an answer: a UDP answer of the DNS without EDNS has room for about 30. */
#define RESOLVE_MAX 32

struct resolve_answer {
	struct address list[RESOLVE_MAX]; /* port 0; in getaddrinfo's order (RFC 6724) */
	size_t n;
	/* n == 0: */
	bool temporary;  /* no name server could say whether there is such a name */
	const char *why; /* a part of a sentence: "the name is not known"; static */
};

void resolve(const char *host, struct resolve_answer *out);

/* Reorders so that the families alternate, from the first one's, each in the order it had (RFC 8305,
   section 4). */
void resolve_interleave(struct address *list, size_t n);
