/* SPDX-License-Identifier: MIT */
/*
 * End to end through an exit node that does as the input says. First byte: bit 0 AES, bit 1 a small window, bit 2 the
 * provider accepts late; then steps of three bytes: what, and a number; some have bytes behind them. What is claimed:
 * a program is given a beginning of what the other has sent, and hears an end only behind all of it; when all is over
 * nothing is held.
 */
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "tests/unit/net/e2e_scene.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

enum step { SAY, SAY_ALL, FORWARD, RUN, FLIP, DROP, TELL, END, DONE, TAKE, ACCEPT, N_STEPS };

static struct scene t;

static void check(const struct scene_end *end)
{
	const struct scene_end *other = end->other;
	CLAIM(!end->wrong);
	CLAIM(end->n_ended <= 1);
	CLAIM(!end->got_end || (other->sent_end && end->got == other->sent));
	if (end->n_ended && end->reason == FRAME_RESET_NONE)
		CLAIM(end->got_end && end->sent_end);
}

static void say(struct scene_end *end, size_t n, bool all)
{
	if (end->end)
		return;
	end->give += n;
	end->end = all;
	stream_ready(&end->relay.stream);
}

static void flip(struct buf *said, unsigned at)
{
	if (buf_len(said))
		buf_head(said)[at / 8 % buf_len(said)] ^= (uint8_t)(1 << at % 8);
}

/* Bytes of `rest` that the step used. */
static size_t do_step(unsigned what, unsigned n, const uint8_t *rest, size_t size)
{
	struct scene_end *end = what & 1 ? &t.consumer : &t.provider;
	switch ((enum step)(what / 2 % N_STEPS)) {
	case SAY:
		say(end, n, false);
		break;
	case SAY_ALL:
		say(end, n, true);
		break;
	case FORWARD:
		scene_forward(end, n);
		break;
	case RUN:
		scene_run(&t);
		break;
	case FLIP:
		flip(&end->said, n);
		break;
	case DROP:
		buf_consume(&end->said, MIN(n, buf_len(&end->said)));
		break;
	case TELL:
		size = MIN(size, n);
		if (size)
			scene_tell(end, rest, size);
		return size;
	case END:
		end->told_end = true;
		stream_ready(&end->far);
		break;
	case DONE:
		stream_reset(&end->far, FRAME_RESET_NONE);
		break;
	case TAKE:
		end->take = MAX(end->got, n);
		stream_resume(&end->relay.stream);
		break;
	case ACCEPT:
		e2e_accept(&t.provider.e2e);
		break;
	case N_STEPS:
		break;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || crypto_start() != 0)
		return 0;
	struct scene_config config = {
		.suite = e2e_suite(data[0] & 1),
		.window = data[0] & 2 ? 1000 : 0,
	};
	if (scene_init(&t, &config) < 0)
		abort();
	t.provider.waits = data[0] & 4;
	for (size_t at = 1; size - at >= 3;) {
		unsigned n = (unsigned)data[at + 1] << 8 | data[at + 2];
		at += 3 + do_step(data[at], n, data + at + 3, size - at - 3);
		scene_turn(&t);
		check(&t.consumer);
		check(&t.provider);
	}
	scene_deinit(&t);
	CLAIM(!t.budget.sum.held);
	return 0;
}
