/* SPDX-License-Identifier: MIT */
/* The states of end to end, its two messages, and its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/state.h"
#include "net/e2e_internal.h"

#define LABEL "tunnel.e2e.v1"

void e2e_set_state(struct e2e *e, enum e2e_state state)
{
	static const char *const names[] = {"none", "to write the first message",
		"to read the second message", "to read the first message", "asked", "up", "over"};
	static const uint8_t legal[] = {
		[E2E_NONE] = 1 << E2E_WRITE_FIRST | 1 << E2E_READ_FIRST,
		[E2E_WRITE_FIRST] = 1 << E2E_READ_SECOND | 1 << E2E_OVER,
		[E2E_READ_SECOND] = 1 << E2E_UP | 1 << E2E_OVER,
		[E2E_READ_FIRST] = 1 << E2E_ASKED | 1 << E2E_OVER,
		[E2E_ASKED] = 1 << E2E_UP | 1 << E2E_OVER,
		[E2E_UP] = 1 << E2E_OVER,
		[E2E_OVER] = 0,
	};
	static const struct state_table table = {"end to end", names, legal};
	state_step(&table, e->state, state);
	e->state = state;
}

/* ---- The end of it ---- */

void e2e_handshake_over(struct e2e *e)
{
	handshake_deinit(e->handshake);
	free(e->handshake);
	e->handshake = NULL;
}

void e2e_over(struct e2e *e)
{
	if (e->state != E2E_OVER)
		e2e_set_state(e, E2E_OVER);
	e2e_handshake_over(e);
}

void e2e_fail(struct e2e *e, enum frame_reset reason, const char *why)
{
	struct relay *r = e->relay;
	e2e_over(e);
	e->failed(e, why);
	relay_abort(r, reason);
	r->ended(r, reason);
}

/* ---- The handshake ---- */

/* As in docs/protocol.md, section 12; suites count from 1 there. */
void e2e_handshake_begin(struct e2e *e, const uint8_t *peer)
{
	uint8_t prologue[sizeof(LABEL) + sizeof(e->service) + 4];
	size_t name = strlen(e->service) + 1, n = sizeof(LABEL) - 1;
	memcpy(prologue, LABEL, n);
	prologue[n++] = (uint8_t)(e->suite + 1);
	memcpy(prologue + n, e->service, name);
	bytes_set_be32(prologue + n + name, e->link);
	struct handshake_keys keys = {.own = e->own, .peer = peer};
	handshake_init_ik(e->handshake, e->suite, prologue, n + name + 4, &keys);
}

bool e2e_write_message(struct e2e *e)
{
	uint8_t *at = e->out + e->out_end;
	size_t n;
	if (handshake_write(e->handshake, NULL, 0, at + E2E_SIZE_BYTES,
		    sizeof(e->out) - e->out_end - E2E_SIZE_BYTES, &n) != 0)
		return false;
	bytes_set_be16(at, (uint16_t)n);
	e->out_end += (uint8_t)(E2E_SIZE_BYTES + n);
	return true;
}

/* Both messages were said. 0 or as handshake_split(). */
static int begin_records(struct e2e *e)
{
	int r = handshake_split(e->handshake, &e->send, &e->recv);
	if (r < 0)
		return r;
	e2e_handshake_over(e);
	e2e_set_state(e, E2E_UP);
	return 0;
}

void e2e_accept(struct e2e *e)
{
	struct stream *s = &e->relay->stream;
	if (e->state != E2E_ASKED || !stream_alive(s))
		return;
	if (!e2e_write_message(e))
		e2e_fail(e, FRAME_RESET_DENIED, "its key is none");
	else if (begin_records(e) < 0)
		e2e_fail(e, FRAME_RESET_NO_MEMORY, "out of memory");
	else
		stream_ready(s);
}

static void first_message_came(struct e2e *e)
{
	size_t n;
	if (handshake_read(e->handshake, e->in, e->in_size, NULL, 0, &n) != 0) {
		e2e_fail(e, FRAME_RESET_DENIED,
			"it does not seal for this client's key and this private service");
		return;
	}
	uint8_t key[KEY_PAIR_SIZE];
	memcpy(key, handshake_peer(e->handshake), sizeof(key)); /* which goes with the handshake */
	e2e_set_state(e, E2E_ASKED);
	e->asked(e, key);
}

static void second_message_came(struct e2e *e)
{
	size_t n;
	if (handshake_read(e->handshake, e->in, e->in_size, NULL, 0, &n) != 0)
		e2e_fail(e, FRAME_RESET_DENIED,
			"its other end has not the key that its private service should have");
	else if (begin_records(e) < 0)
		e2e_fail(e, FRAME_RESET_NO_MEMORY, "out of memory");
	else
		stream_ready(&e->relay->stream);
}

void e2e_message_came(struct e2e *e)
{
	bool first = e->state == E2E_READ_FIRST;
	(first ? first_message_came : second_message_came)(e);
}
