/* SPDX-License-Identifier: MIT */
/* The two messages of a stream of bytes, and its end. */
#include <stdlib.h>
#include <string.h>

#include "net/e2e_internal.h"

#define LABEL "tunnel.e2e.v1"

void e2e_set_state(struct e2e *e, enum e2e_state state)
{
	e2e_step(&e->state, state);
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

void e2e_handshake_begin(struct e2e *e, const uint8_t *peer)
{
	struct e2e_terms terms = {LABEL, e->suite, e->service, e->link};
	e2e_handshake_init(e->handshake, &terms, e->own, peer);
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
