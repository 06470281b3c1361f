/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A mux without a link: an owner that does as told, records written frame by frame, and records
 * read back frame by frame. Each fake stream sends and expects a pattern of its own, so bytes that
 * get lost, doubled or into another stream are noticed where they arrive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mux/mux.h"

#define FAKE_STREAMS 512
#define FAKE_BASE    4096u /* bytes of base window, both ways */
#define FAKE_NOW     (100 * CLOCK_S)

struct fake_mux;

struct fake {
	struct stream stream;
	struct fake_mux *owner;

	/* sending */
	size_t give;   /* bytes that pull() still has */
	size_t piece;  /* at most so many at once; 0: as many as fit */
	bool end;      /* FIN behind them */
	int broken;    /* what pull() answers instead */
	size_t pulled; /* bytes given so far */
	int n_pulls;   /* times that it was asked */
	/* Where the stream is one of datagrams: `give` of them, of `piece` bytes each. */

	/* receiving */
	size_t take; /* bytes that push() still takes */
	size_t got;
	int n_datagrams;
	uint8_t seed; /* of the pattern it expects */
	int ended;

	int n_closed;
	enum frame_reset reason;
	uint64_t taken;

	/* what else happens inside the callback */
	void (*on_pull)(struct fake *f);
	void (*on_push)(struct fake *f);
	void (*on_end)(struct fake *f);
	void (*on_closed)(struct fake *f);
};

struct fake_mux {
	struct mux mux;
	struct budget budget;
	struct mux_streams shared;
	struct fake *streams[FAKE_STREAMS]; /* accepted or opened, in that order */
	size_t n;
	size_t take;              /* of streams that are accepted from now on */
	enum frame_reset refusal; /* not NONE: open() refuses with it */
	int wakes, controls, goaways;
	void (*on_accept)(struct fake *f);
	void (*on_wake)(struct fake_mux *f);
};

void fake_init(struct fake_mux *f, bool client, size_t budget);
void fake_share_budget(struct fake_mux *f, struct fake_mux *with);
void fake_deinit(struct fake_mux *f); /* and asserts that the budget is back to 0 */

/* A stream of `f`, opened; -1 in `give` for one that never ends. */
struct fake *fake_open(struct fake_mux *f, size_t give, bool end);
struct fake *fake_stream(struct fake_mux *f, uint32_t id);
uint8_t fake_byte(uint8_t seed, size_t i);

/* One frame, to be written or as it was read. */
struct fr {
	uint8_t type;
	uint32_t id;
	uint64_t
		v; /* DATA, CONTROL, others: size; FIN, RESET: taken; WINDOW: increment; GOAWAY: last */
	uint8_t reason;
};

/* A record of frames up to one of type 0; DATA carries the pattern from `at[id]` on. */
struct script {
	uint8_t p[FRAME_MESSAGE_MAX];
	size_t n;
	size_t at[64]; /* bytes of DATA so far for small ids */
};

void script_add(struct script *s, struct fr frame);
/* Feeds it, in exactly allocated memory, and empties it. */
int script_feed(struct script *s, struct fake_mux *f, uint64_t now);
int feed(struct fake_mux *f, const struct fr *frames, uint64_t now); /* frames up to type 0 */

/* One record that the mux fills, as frames; returns how many. `max` 0: as large as it may be. */
#define SEEN_MAX 8192
size_t fill(struct fake_mux *f, size_t max, uint64_t now, struct fr seen_out[SEEN_MAX]);
