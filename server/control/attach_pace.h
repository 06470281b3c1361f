/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How fast an identity is told that there is nothing to attach to. Names and aliases of private services are
 * secrets among those who have them; who guesses them in a row gets an answer a second. What is found anew ends that: what
 * was there before would, too, for whoever says it between two guesses.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "server/store/catalog.h"

/* In a row, of all sessions of an identity: more than a configuration has typing errors. */
#define ATTACH_MISSES     20
/* Between two answers from then on. Guessing an alias of 60 random bits takes 10^10 years so. */
#define ATTACH_MISS_EVERY CLOCK_S

/*
 * What an identity has stored by asking (an endpoint, its message, its key): each is a commit, a row of the audit and a
 * line of the log, and who deletes what he asked for may ask again for ever. At once as many as a session may use, then
 * one a second.
 */
#define ATTACH_NEWS_BURST 1024
#define ATTACH_NEWS_EVERY CLOCK_S

bool attach_pace_may_store(const struct identity *i, uint64_t now);
void attach_pace_stored(struct identity *i, uint64_t now);

/* When the next one of this identity may be checked, µs of the loop's clock; `now` or before: at once. */
uint64_t attach_pace_due(const struct identity *i);
/* It was checked at `now`, and nothing was found. */
void attach_pace_missed(struct identity *i, uint64_t now);
/* It was checked, and there is something that it did not have. */
void attach_pace_found(struct identity *i);
