/* SPDX-License-Identifier: MIT */
/*
 * A flow that is sealed end to end, through an exit node that does as the input says. First byte: bit 0 AES, bit 1 the
 * provider accepts late, bit 2 both are close to the end of a key; then steps of three bytes: what, and a number; some have
 * bytes behind them. What is claimed: a program is given what the other's has sent, each at most once; when all is over
 * nothing is held.
 */
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "tests/unit/net/e2e_flow_scene.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

enum step { SAY, FORWARD, LOSE, REPEAT, FLIP, CUT, TELL, RUN, TICK, ACCEPT, END, N_STEPS };

static struct flow_scene t;

static void check(const struct flow_end *end)
{
	CLAIM(!end->wrong);
	CLAIM(end->n_ended <= 1);
	CLAIM(end->got <= end->other->n_sent);
	CLAIM(end->n_dropped == end->e2e.refused);
}

/* It goes to the other end, changed, and stays as it was. */
static void harm(struct flow_end *end, enum step what, unsigned n)
{
	if (!end->n_said)
		return;
	const struct datagram *d = &end->said[n % end->n_said];
	size_t len = what == CUT ? MIN(d->n, n % 256) : d->n;
	uint8_t *copy = malloc(MAX(len, 1));
	CLAIM(copy);
	memcpy(copy, d->p, len);
	if (what == FLIP && len)
		copy[n / 8 % len] ^= (uint8_t)(1 << n % 8);
	flow_scene_tell(&t, end->other, copy, len);
	free(copy);
}

/* Bytes of `rest` that the step used. */
static size_t do_step(unsigned what, unsigned n, const uint8_t *rest, size_t size)
{
	struct flow_end *end = what & 1 ? &t.consumer : &t.provider;
	enum step step = what / 2 % N_STEPS;
	switch (step) {
	case SAY:
		if (end->n_sent < SENT_MAX)
			flow_scene_send(&t, end, MAX(n, 2));
		break;
	case FORWARD:
		flow_scene_forward(&t, end);
		break;
	case LOSE:
		if (end->n_said)
			flow_scene_lose(end, n % end->n_said);
		break;
	case REPEAT:
	case FLIP:
	case CUT:
		harm(end, step, n);
		break;
	case TELL:
		size = MIN(size, n);
		flow_scene_tell(&t, end, rest, size);
		return size;
	case RUN:
		flow_scene_run(&t);
		break;
	case TICK:
		t.now += n * CLOCK_MS;
		e2e_flow_repeat(&t.consumer.e2e);
		break;
	case ACCEPT:
		e2e_flow_accept(&t.provider.e2e);
		break;
	case END:
		flow_abort(&end->far, FRAME_RESET_DENIED);
		break;
	case N_STEPS:
		break;
	}
	return 0;
}

/* As if so many had gone: what both ends count begins shortly before the next key. */
static void near_the_next_key(void)
{
	flow_scene_run(&t);
	struct e2e_flow *from = &t.consumer.e2e, *to = &t.provider.e2e;
	if (from->state != E2E_UP || to->state != E2E_UP)
		return;
	from->send.n = to->recv.n = to->window.next = SEAL_DATAGRAMS_PER_KEY - 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || crypto_start() != 0)
		return 0;
	if (flow_scene_init(&t, &(struct flow_scene_config){.suite = e2e_suite(data[0] & 1)}) < 0)
		abort();
	t.provider.waits = data[0] & 2;
	flow_scene_turn(&t);
	if (data[0] & 4)
		near_the_next_key();
	for (size_t at = 1; size - at >= 3;) {
		unsigned n = (unsigned)data[at + 1] << 8 | data[at + 2];
		at += 3 + do_step(data[at], n, data + at + 3, size - at - 3);
		flow_scene_turn(&t);
		check(&t.consumer);
		check(&t.provider);
	}
	flow_scene_deinit(&t);
	CLAIM(!t.budget.sum.held);
	return 0;
}
