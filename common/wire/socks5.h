/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The client's part of SOCKS 5 (RFC 1928) with user name and password (RFC 1929), up to where the proxy
 * has connected. Bytes in, bytes out; the answers may come in any pieces.
 *
 *	METHOD [-> LOGIN] -> REPLY -> connected
 */
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "wire/address.h"

#define SOCKS5_NAME_MAX \
	255 /* bytes of a host name, a user name, a password: one byte says how many */
#define SOCKS5_LOGIN_MAX (3 + 2 * SOCKS5_NAME_MAX)
#define SOCKS5_OUT_MAX   SOCKS5_LOGIN_MAX /* the longest message that is sent */

enum socks5_state { SOCKS5_METHOD, SOCKS5_LOGIN, SOCKS5_REPLY };

/* Texts are borrowed until it is over. */
struct socks5 {
	enum socks5_state state;
	struct str login;       /* socks5_login()'s; empty: none */
	struct str host;        /* where to: a name, or else */
	struct address address; /* with the port of either */
	uint8_t reply;          /* the proxy's code, with SOCKS5_E_REFUSED */
};

enum socks5_result {
	SOCKS5_CONNECTED,   /* what follows is the other end's */
	SOCKS5_MORE,        /* bytes are missing */
	SOCKS5_ANSWER,      /* something is to be sent, then more is read */
	SOCKS5_E_VERSION,   /* it speaks something else */
	SOCKS5_E_METHOD,    /* it takes none of the ways to log in that were offered */
	SOCKS5_E_LOGIN,     /* it does not take user name and password */
	SOCKS5_E_REFUSED,   /* it does not connect: see `reply` */
	SOCKS5_E_MALFORMED, /* not an answer */
};

/* RFC 1929's message. The length; 0 for a user name that is empty, or either that is too long. */
size_t socks5_login(struct str user, struct str password, uint8_t out[SOCKS5_LOGIN_MAX]);

/* Fill in `login` and `host` or `address` first, all else zero. The first message to send. */
size_t socks5_begin(struct socks5 *s, uint8_t out[SOCKS5_OUT_MAX]);

/*
 * The answer to what was sent last. `used_out` is what it took of the `n` bytes, unless it is
 * SOCKS5_MORE; `out` and `n_out` are what to send, with SOCKS5_ANSWER.
 */
enum socks5_result socks5_input(struct socks5 *s, const uint8_t *p, size_t n, size_t *used_out,
	uint8_t out[SOCKS5_OUT_MAX], size_t *n_out);

/* What a reply code says, as the rest of a sentence: "it cannot reach the network". */
const char *socks5_reply_text(uint8_t reply);
