/* SPDX-License-Identifier: MIT */
#include "net/resolve.h"

#include <netdb.h>
#include <string.h>

/* glibc's own texts name calls, not causes. */
static void explain(int code, struct resolve_answer *out)
{
	switch (code) {
	case 0:
	case EAI_NONAME:
	case EAI_NODATA:
	case EAI_ADDRFAMILY:
		out->why = "the name is not known";
		return;
	case EAI_AGAIN:
		out->why = "no name server answered";
		break;
	case EAI_FAIL:
		out->why = "the name server could not answer";
		break;
	default:
		out->why = gai_strerror(code);
	}
	out->temporary = true;
}

/*
 * Without AI_ADDRCONFIG: on a machine with an IPv4 address it would hide ::1 for "localhost", where
 * many a development server listens alone. An address without a route costs a failed connect().
 */
void resolve(const char *host, struct resolve_answer *out)
{
	*out = (struct resolve_answer){0};
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *answer = NULL;
	int code = getaddrinfo(host, NULL, &hints, &answer);
	if (code == 0) {
		for (struct addrinfo *ai = answer; ai && out->n < RESOLVE_MAX; ai = ai->ai_next) {
			struct address address = address_from_sockaddr(ai->ai_addr);
			address.port = 0;
			if (address.family != ADDRESS_NONE)
				out->list[out->n++] = address;
		}
		freeaddrinfo(answer);
	}
	if (!out->n)
		explain(code, out);
}

void resolve_interleave(struct address *list, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		size_t other = i;
		while (other < n && list[other].family == list[i - 1].family)
			other++;
		if (other == n)
			return; /* the rest is of one family */
		struct address next = list[other];
		memmove(&list[i + 1], &list[i], (other - i) * sizeof *list);
		list[i] = next;
	}
}
