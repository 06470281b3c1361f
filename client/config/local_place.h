/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where programs of this machine find a private service: what stands behind the '=' of a --service.
 *
 *	6379			TCP at that port of 127.0.0.1; 0: at any port that is free
 *	127.0.0.2:6379		at another address; localhost is 127.0.0.1
 *	[::1]:6379		of IPv6
 *	unix:/run/redis.sock	TCP by a socket; /run/redis.sock and ./redis.sock, too
 *	udp:53			datagrams at that port of 127.0.0.1
 *	udp://127.0.0.2:53	at another address
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "wire/url.h"

#define LOCAL_PLACE_HOST      "127.0.0.1" /* where none is said */
/* Bytes of an address, with a zone, and the NUL. */
#define LOCAL_PLACE_HOST_SIZE 64
/* "unix:" and the longest path. */
#define LOCAL_PLACE_TEXT_SIZE (URL_SOCKET_MAX + 8)

enum local_place_kind {
	LOCAL_PLACE_TCP,
	LOCAL_PLACE_UDP,
	LOCAL_PLACE_UNIX,
	LOCAL_PLACE_STDIO, /* nowhere: standard input and output (--stdio) */
};

struct local_place {
	enum local_place_kind kind;
	bool host_given;
	uint16_t port;                    /* of TCP and UDP; 0: any */
	char host[LOCAL_PLACE_HOST_SIZE]; /* of TCP and UDP: an address without brackets */
	char path[URL_SOCKET_MAX + 1];    /* of a socket; else "" */
};

/* 0, or -EINVAL with a sentence and `out` as it was. */
int local_place_parse(struct str text, struct local_place *out, struct error *err);

/* Whether both would be listened on by the same socket. Two that may have any port are not. */
bool local_place_meets(const struct local_place *a, const struct local_place *b);
bool local_place_same(const struct local_place *a, const struct local_place *b);

/* For people: "127.0.0.1:6379", "UDP [::1]:53", "unix:/run/redis.sock", "standard input and output". */
const char *local_place_text(const struct local_place *p, char text[LOCAL_PLACE_TEXT_SIZE]);
