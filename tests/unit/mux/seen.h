/* SPDX-License-Identifier: MIT */
#pragma once
/* What a mux has sent, frame by frame. */
#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "fake.h"
#include "mux/mux_internal.h"

#define BUDGET ((size_t)1 << 20)

static struct fr seen[SEEN_MAX];

/* Everything that is ready; returns how many frames. */
#define TURN (MUX_RECORD / 2) /* bytes of a stream when others wait */

static inline size_t fill_all(struct fake_mux *f)
{
	return fill(f, 0, FAKE_NOW, seen);
}

static inline void expect(size_t at, uint8_t type, uint32_t id, uint64_t v)
{
	assert_int_equal(seen[at].type, type);
	assert_int_equal(seen[at].id, id);
	assert_int_equal(seen[at].v, v);
}

/* As much credit as there can be, for all streams so far. */
static inline void credit_all(struct fake_mux *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct stream *s = &f->streams[i]->stream;
		struct fr window[] = {{FRAME_WINDOW, s->id, FRAME_CREDIT_MAX - s->credit}, {0}};
		assert_int_equal(feed(f, window, FAKE_NOW), 0);
	}
}
