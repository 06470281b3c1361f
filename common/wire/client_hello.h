/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Reads the name that a TLS client asks for, from the first bytes of its connection and without
 * answering: the exit node then passes those bytes on, with all that follows, to the service that has
 * the name. Nothing here knows a key, and a name that is encrypted (ECH) stays so: what is read then is
 * the outer one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/hostname.h"

/*
 * Bytes from the connection's start, the records' heads included. A browser's has up to 2 KiB, with
 * large tickets or key shares a few more; 16 KiB is the largest record, and the most that a
 * stranger's connection may hold.
 */
#define CLIENT_HELLO_MAX 16384

struct client_hello {
	char sni[HOSTNAME_SIZE]; /* in wire/hostname's canonical form; "" without server_name */
	size_t sni_size;
	bool alpn; /* protocols are offered */
	bool acme; /* one, by which a CA verifies a name (RFC 8737, 3) */
};

enum client_hello_result {
	CLIENT_HELLO_MORE = 1,    /* the beginning of one so far */
	CLIENT_HELLO_E_NOT_TLS,   /* such first bytes begin no TLS connection */
	CLIENT_HELLO_E_MALFORMED, /* begins like one and is none, or is too long */
	CLIENT_HELLO_E_NAME,      /* a whole one, but what it asks for is no host name */
};

/*
 * Reads the ClientHello (RFC 8446, 4.1.2; that of older versions is read alike) at the front of the
 * first `n` bytes of a connection, anew each time more have come, however records and segments cut it:
 * 0 or a CLIENT_HELLO_*. It is never MORE from CLIENT_HELLO_MAX bytes on. Uses 16 KiB of stack.
 */
int client_hello_read(const uint8_t *p, size_t n, struct client_hello *out);
