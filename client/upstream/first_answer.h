/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the first bytes of an upstream say about what was written in --upstream: whether it speaks something
 * else. Only what is certain is said, as it goes to a log.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "client/config/upstreams.h"

/* Whether the first bytes tell anything: not of a TCP service, which may speak what it likes. */
bool first_answer_tells(const struct upstream *u);

/*
 * The first `n` bytes that came of a connection to the upstream, 0 when it ended without any. True: they are
 * wrong, and `out` is the rest of a sentence that begins with the upstream. `port` is the one of the
 * upstream's that was connected to.
 */
bool first_answer_wrong(const struct upstream *u, uint16_t port, const uint8_t *p, size_t n,
	struct error *out);
