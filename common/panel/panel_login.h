/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Who has shown the token: by itself in a request, or by a cookie that was given for it. Neither is kept as it is, but
 * as its authentication code under a key of this process, and these are compared in constant time.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/str.h"
#include "crypto/digest.h"

/* Cookies at a time: one for each browser; one more takes the place of the oldest. */
#define PANEL_SESSIONS_MAX 64

/* How long a cookie is good, in seconds: a working day. */
#define PANEL_SESSION_AGE (12 * 3600)

#define PANEL_COOKIE_SIZE 65 /* 256 bits in hexadecimal, and a NUL */

/*
 * Wrong tokens from one address in a minute; then there is no answer but "later", whatever the token, unless
 * nobody guesses it anyway: behind a proxy all have one address, and a stranger must not keep the others out.
 */
#define PANEL_FAILURES_MAX 10
#define PANEL_UNGUESSABLE  32 /* characters: the token that the program makes has 40 */
#define PANEL_FAILURES_FOR (60 * CLOCK_S)

/* Addresses that are remembered for it; one more takes the place of the one remembered for longest. */
#define PANEL_FAILED_MAX 256

struct panel_session {
	uint8_t mac[MAC_SIZE];
	uint64_t until;  /* µs; 0: free */
	uint64_t number; /* from 1 on, never given again */
};

struct panel_failed {
	uint64_t network;
	uint64_t since; /* µs, of the first one; 0: free */
	unsigned n;
};

struct panel_login {
	uint8_t key[MAC_KEY_SIZE], token[MAC_SIZE];
	bool unguessable;
	struct panel_session sessions[PANEL_SESSIONS_MAX];
	uint64_t n_begun;
	struct panel_failed failed[PANEL_FAILED_MAX];
};

enum panel_login_result { PANEL_LOGIN_RIGHT, PANEL_LOGIN_WRONG, PANEL_LOGIN_LATER };

void panel_login_init(struct panel_login *l, const char *token);

/* Whether it is the token. LATER: too many were wrong from this network (address_network()). */
enum panel_login_result panel_login_try(struct panel_login *l, struct str token, uint64_t network,
	uint64_t now);

/* Until this network may try again, in seconds, at least 1. */
unsigned panel_login_wait(struct panel_login *l, uint64_t network, uint64_t now);

/* A cookie for who has shown the token. */
void panel_login_begin(struct panel_login *l, uint64_t now, char cookie_out[PANEL_COOKIE_SIZE]);
/* The number of the session that the cookie is good for; 0: it is good for none. */
uint64_t panel_login_find(struct panel_login *l, struct str cookie, uint64_t now);
/* Whether that session is still there. */
bool panel_login_lasts(const struct panel_login *l, uint64_t number, uint64_t now);
void panel_login_end(struct panel_login *l, struct str cookie);
