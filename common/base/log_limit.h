/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Limits how often a kind of line is logged whose cause an untrusted peer can repeat at will. A few lines
 * pass at once, then one per period; the next line that passes says how many were left out.
 *
 *	char more[LOG_LIMIT_MORE];
 *	if (log_limit_pass(&w->refused, now, GUEST_LOG_EVERY, 1, more))
 *		log_info("rejected a connection from %s: %s%s", peer, why, more);
 *
 * All zero is a limit that has let nothing pass yet. Not shared between threads.
 */
#include <stdbool.h>
#include <stdint.h>

#define LOG_LIMIT_MORE 64 /* bytes for " (4294967295 similar since the last message)" */

struct log_limit {
	uint64_t due;     /* µs: when as many as `burst` may be logged again */
	uint32_t similar; /* left out since the last one */
};

/*
 * Whether one may be logged now: `burst` (1 or more) at once, one each `every` µs in the long run. If so
 * `more` is what goes behind the sentence, mostly "".
 */
bool log_limit_pass(struct log_limit *l, uint64_t now, uint64_t every, unsigned burst,
	char more[LOG_LIMIT_MORE]);
