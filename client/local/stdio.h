/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Standard input and output as one connection (--stdio). They may be files, or pipes that somebody else has made
 * blocking, which no event loop takes; so two threads copy between them and one end of a socket pair, whose other
 * end is a connection like any other. The end of the input is passed on as half-close, and the output ends when
 * what came has been written.
 */
#include <pthread.h>

#include "loop/loop.h"

struct stdio_copy;

struct stdio {
	/* All that came was written out, or `error` (errno) says why it cannot be. Runs once, from the loop. */
	void (*written)(struct stdio *s, int error);
	struct stdio_copy *copy; /* what the threads have, too; NULL: not begun */
};

/*
 * Begins to copy from descriptor `in` and to descriptor `out`, which are the caller's; behind the last byte `out`
 * becomes /dev/null, so that its reader learns of the end. The other end of the pair, or -errno.
 */
int stdio_start(struct stdio *s, struct loop *loop, int in, int out,
	void (*written)(struct stdio *s, int error));

/*
 * The threads end as soon as nothing holds them: one that waits for somebody to read the output is left behind, for
 * the process to end. Accepts zeroed memory.
 */
void stdio_deinit(struct stdio *s);
