/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Handshakes of links that failed for want of a good token, and who may not try again for a while. Who guesses
 * tokens names another key id each time, so the key ids that fail from an address (its network,
 * address_network()) are counted: beyond LOCKOUT_GUESSES the address is locked out, for a time that doubles
 * with each further one. A client that comes again and again with one and the same wrong token is no guess,
 * and must not shut out the others behind its NAT: beyond LOCKOUT_REPEATS that key id alone is, from there.
 *
 * Nothing here knows whether a key id is good: who has seen one on the wire must not learn it by being locked
 * out sooner or later (server/store/keyring.h). That addresses from which a key was proved are never locked
 * out is the caller's to see to (half_open_knows()).
 *
 * One server/base/cell_table.h: what a flood of addresses pushes out is forgiven. From any thread.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"
#include "crypto/token.h"
#include "server/base/cell_table.h"
#include "wire/address.h"

/* 256 KiB, of which only what fails takes pages; a failure takes two cells. */
#define LOCKOUT_CELLS   16384
/* Key ids that may fail: an office where ten machines were each left with an old token of their own. */
#define LOCKOUT_GUESSES 10
/* Failures of one key id: a client gives up after some eight (CLIENT_SESSION_REJECTED_FOR). */
#define LOCKOUT_REPEATS 16
#define LOCKOUT_MIN     CLOCK_S
/* People who have just mended something wait so long at most; a guesser gets 288 tries a day. */
#define LOCKOUT_MAX     (300 * CLOCK_S)
/* What failed is forgotten when nothing failed for so long, lock-outs not counted: twice the longest of them. */
#define LOCKOUT_FORGET  (600 * CLOCK_S)

struct lockout {
	struct cell_table cells;
	atomic_ullong
		begun; /* lock-outs, since the start: each time that one begins or is made longer */
	atomic_ullong refused; /* handshakes, by lock-outs */
};

/* 0 or -ENOMEM. */
int lockout_init(struct lockout *l);
void lockout_deinit(struct lockout *l);

/* What a handshake showed. `stamp` is keyring_stamp()'s: other keys make a key id another one. */
struct lockout_try {
	const struct address *peer;
	uint8_t key_id[TOKEN_ID_SIZE];
	uint64_t stamp;
};

/* µs for which no handshake from there is to begin; 0: it may. */
uint64_t lockout_of_address(const struct lockout *l, const struct address *peer, uint64_t now);
/* The same when its key id is known. */
uint64_t lockout_of_try(const struct lockout *l, const struct lockout_try *t, uint64_t now);
/* One was refused for that. */
void lockout_refused(struct lockout *l);

/*
 * It failed. The µs for which it is locked out from now on; mostly 0. `*address_out`: with all others at its
 * address, else its key id from there alone.
 */
uint64_t lockout_failed(struct lockout *l, const struct lockout_try *t, uint64_t now,
	bool *address_out);
