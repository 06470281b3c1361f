/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Makes a connected socket a TLS one, as the client, within a deadline: after a dial, and after a proxy's
 * answer to CONNECT.
 */
#include "net/conn.h"
#include "tls/tls.h"

struct tls_handshake {
	struct conn conn;
	struct loop_timer timer;
	struct loop_task report;
	/*
	 * Exactly once unless cancelled, from the loop, never from within tls_handshake_start(). The connection is the
	 * callee's and the handshake is over; or its fd is -1 and `why` is a sentence's rest. Either may
	 * be started again or freed in it.
	 */
	void (*done)(struct tls_handshake *h, struct detached_conn detached, const char *why);
	bool distrusted; /* no CA that is trusted vouches for the peer */
	bool misnamed;   /* its certificate is for other names */
	bool foreign;    /* it does not speak TLS */
	char why[400];
};

/* Owns `fd` and `tls` from here on. `deadline` is absolute, µs. */
void tls_handshake_start(struct tls_handshake *h, struct loop *loop, int fd, struct tls *tls,
	uint64_t deadline,
	void (*done)(struct tls_handshake *h, struct detached_conn detached, const char *why));

/* Closes; done() does not come any more. One that is zero or finished is fine. */
void tls_handshake_cancel(struct tls_handshake *h);
