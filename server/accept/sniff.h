/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Reads the first bytes of a connection: the PROXY header of a balancer in front of the server, where one is
 * due; then whether TLS or plain text follows; then the server name of the TLS, where that decides which service
 * gets the connection. It knows no socket and no clock.
 *
 * Which peers send a header is known by their addresses, never guessed (rule 39). From these it is read once,
 * before anything else. From any other peer such bytes are data, because a header says who its sender is.
 */
#include "wire/cidr.h"
#include "wire/client_hello.h"

/* Bytes that the owner must be ready to hold while the verdict is SNIFF_MORE. */
#define SNIFF_MAX CLIENT_HELLO_MAX

/*
 * How far the owner needs to see. Of TLS it is always the whole ClientHello: OpenSSL's state is some 47 KB,
 * and should not be had for one byte.
 */
enum sniff_look {
	SNIFF_LOOK_NOT,  /* all is one kind: it may be the upstream that speaks first */
	SNIFF_LOOK_KIND, /* TLS or plain text */
	SNIFF_LOOK_NAME, /* the same, and who asks for a name that is none is refused */
};

enum sniff_verdict {
	SNIFF_MORE,  /* not known yet */
	SNIFF_PLAIN, /* or whatever it is, when nobody looks */
	SNIFF_TLS,
	SNIFF_E_HEADER, /* a header is due and something else came, or a broken one */
	SNIFF_E_HELLO,  /* begins like TLS and is none, or names what is no host (LOOK_NAME) */
};

enum sniff_stage { SNIFF_HEADER, SNIFF_OPENING };

struct sniff {
	uint8_t stage; /* enum sniff_stage: SNIFF_HEADER while one is due */
	uint8_t look;  /* enum sniff_look */
	bool relayed;  /* a header named the two addresses: they are not the socket's */
	struct address peer, local; /* who came and where to, as far as is known (rule 36) */
};

/* `balancers`: whose connections to this listener begin with a header; may be empty. */
void sniff_init(struct sniff *s, const struct address *peer, const struct address *local,
	const struct cidr_list *balancers, enum sniff_look look);

/*
 * Looks at the first bytes of the connection: `n` at `p`, the same ones again with those that followed,
 * less what was used. To be asked at once with none (a verdict may need no byte), then whenever more
 * came, until it is not SNIFF_MORE. `*used_out` (also with MORE) are the header's, which go; what
 * stands behind them is the connection's, and all of it its owner's to pass on.
 *
 * `hello_out`, which may be NULL with SNIFF_LOOK_NOT, is set with SNIFF_TLS, unless it names no host.
 *
 * A connection that ends while nothing of it is held is a balancer's health check, whatever the stage.
 */
enum sniff_verdict sniff_take(struct sniff *s, const uint8_t *p, size_t n, size_t *used_out,
	struct client_hello *hello_out);

/* Whether it must still send a header, for which its owner has a timer. */
static inline bool sniff_header_due(const struct sniff *s)
{
	return s->stage == SNIFF_HEADER;
}
