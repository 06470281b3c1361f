/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which numbered datagrams came, where some are lost and some overtake others: the highest number and those shortly
 * before it (RFC 4303, section 3.4.3, as WireGuard and DTLS have it). Ask before a datagram is opened, note it when it
 * was: a number that a stranger made up moves nothing. All zero is a window that nothing has come into.
 */
#include <stdbool.h>
#include <stdint.h>

#define REPLAY_WINDOW 64 /* numbers below the next one, which may come in any order */

struct replay_window {
	uint64_t next; /* one above the highest number that came */
	uint64_t seen; /* bit i: next - 1 - i came */
};

/* False: it came, or is older than the window. `number` is below UINT64_MAX. */
bool replay_window_takes(const struct replay_window *w, uint64_t number);
/* It was opened. Only behind a true of the above. */
void replay_window_note(struct replay_window *w, uint64_t number);
