/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * HAProxy's PROXY protocol (proxy-protocol.txt of 2020/03/05; sections below are its): one header in
 * front of a connection's bytes that says between which addresses it was before a proxy relayed it.
 * Version 1 is a line of text, version 2 is binary; which one stands there, the first bytes tell.
 *
 * Which peers may send one is the caller's to know (section 2: never guess whether there is a header; rule 39).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"
#include "wire/frame.h"

#define PROXY_HEADER_READ_MAX \
	1024 /* bytes of a header that is read: rule 39; no address needs more */
/* Bytes of a header that is written: 52 to the ports, 258 of ALPN, 18 of TLS, 8 of a link id, 66 of a name. */
#define PROXY_HEADER_MAX 402

struct proxy_header {
	size_t size; /* bytes of the header; what follows is the connection's */
	/* The connection is the sender's own (LOCAL), or what the sender relays has no addresses that
	   we know (UNKNOWN, UNSPEC, Unix sockets, datagrams): then it keeps the socket's. */
	bool local;
	struct address source, destination; /* ADDRESS_NONE when local */
};

enum proxy_header_result {
	PROXY_HEADER_MORE = 1,    /* the beginning of one so far */
	PROXY_HEADER_E_NOT,       /* such first bytes begin no header */
	PROXY_HEADER_E_MALFORMED, /* begins like one and is none, is too long, or fails its checksum */
};

/*
 * Reads the header at the front of the first `n` bytes of a connection, anew each time more have come:
 * 0 or a PROXY_HEADER_*. It is never MORE from PROXY_HEADER_READ_MAX bytes on. Of a version 2 header
 * the addresses are taken, the lengths of its other parts checked, and its CRC32c where it has one.
 */
int proxy_header_read(const uint8_t *p, size_t n, struct proxy_header *out);

/*
 * What version 2 tells beside the addresses. Those of a private service's consumer are told as Azure's
 * private link service has it: TLV 0xEE, one byte of 1 and the link id, little-endian; and its identity's
 * name in TLV 0xE1, of the range that is left to applications (2.2.8).
 */
struct proxy_header_facts {
	const struct address *visitor, *local;
	enum frame_tls tls;   /* of the visitor's connection */
	struct str alpn;      /* at most 255 bytes, none where nothing was agreed */
	uint32_t link;        /* 0: no private service */
	const char *consumer; /* with `link`; at most FRAME_CONSUMER_MAX bytes */
};

/*
 * Write at most PROXY_HEADER_MAX bytes and return how many, to be sent at once, before anything else.
 * An IPv4 address beside an IPv6 one is written as ::ffff:1.2.3.4. Where one of the two is not known,
 * it is "UNKNOWN" in version 1, LOCAL in version 2. With a link, version 2 is never LOCAL, which would hide it
 * from readers: an address that is not known is all zeros then, and where neither is known there is none.
 */
size_t proxy_header_write_v1(uint8_t *at, const struct address *visitor,
	const struct address *local);
size_t proxy_header_write_v2(uint8_t *at, const struct proxy_header_facts *facts);
