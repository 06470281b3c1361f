/* SPDX-License-Identifier: MIT */
/*
 * What goes is read by the relay straight into the frame and sealed there. Where a frame has hardly room for a tag a
 * small record is made aside, and goes in pieces.
 */
#include "net/e2e.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "net/e2e_internal.h"

/* What a record takes beside its data. */
#define OVERHEAD (E2E_SIZE_BYTES + SEAL_TAG_SIZE)

/* ---- What goes ---- */

/* Seals what the relay has to say: the bytes written, or as pull(). There is room for OVERHEAD and more. */
static ssize_t seal_record(struct e2e *e, uint8_t *room, size_t max)
{
	uint8_t *data = room + E2E_SIZE_BYTES;
	ssize_t n = e->relay->inner->pull(&e->relay->stream, data,
		MIN(max - OVERHEAD, (size_t)E2E_DATA_MAX));
	if (n < 0)
		return n;
	int r = seal_encrypt(&e->send, data, (size_t)n);
	if (r < 0)
		return r;
	e->out_ended = n == 0;
	bytes_set_be16(room, (uint16_t)(n + SEAL_TAG_SIZE));
	return n + (ssize_t)OVERHEAD;
}

static ssize_t take_out(struct e2e *e, uint8_t *room, size_t max)
{
	size_t n = MIN(max, (size_t)(e->out_end - e->out_start));
	memcpy(room, e->out + e->out_start, n);
	e->out_start += (uint8_t)n;
	if (e->out_start == e->out_end)
		e->out_start = e->out_end = 0;
	return (ssize_t)n;
}

static ssize_t pull_first(struct e2e *e, uint8_t *room, size_t max)
{
	memcpy(e->out, E2E_MAGIC, E2E_MAGIC_SIZE);
	e->out[E2E_MAGIC_SIZE] = e2e_suite_byte(e->suite);
	e->out_end = E2E_MAGIC_SIZE + 1;
	if (!e2e_write_message(e))
		return -EPROTO;
	e2e_set_state(e, E2E_READ_SECOND);
	return take_out(e, room, max);
}

static ssize_t e2e_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct e2e *e = e2e_of(s);
	if (e->out_end)
		return take_out(e, room, max);
	if (e->state == E2E_WRITE_FIRST)
		return pull_first(e, room, max);
	if (e->state != E2E_UP)
		return -EAGAIN;
	if (e->out_ended)
		return 0;
	if (max >= sizeof(e->out))
		return seal_record(e, room, max);
	ssize_t n = seal_record(e, e->out, sizeof(e->out));
	if (n < 0)
		return n;
	e->out_end = (uint8_t)n;
	return take_out(e, room, max);
}

/* ---- The stream ---- */

static void e2e_opening(struct stream *s, struct frame_open *open_out)
{
	e2e_of(s)->relay->inner->opening(s, open_out);
}

/*
 * An exit node may say of a stream that its opener is done with it, which ends a socket as if everything were in
 * order: it is not, where the other end has not said so.
 */
static void e2e_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	struct e2e *e = e2e_of(s);
	if (reason == FRAME_RESET_NONE && !(e->in_ended && e->out_ended))
		reason = FRAME_RESET_ABORTED;
	e2e_over(e);
	e->relay->inner->closed(s, reason, taken);
}

static const struct stream_ops e2e_ops = {
	.opening = e2e_opening,
	.pull = e2e_pull,
	.push = e2e_push,
	.push_end = e2e_push_end,
	.closed = e2e_closed,
};

int e2e_start(struct e2e *e, struct relay *relay, const struct e2e_config *config)
{
	*e = (struct e2e){
		.relay = relay,
		.suite = config->suite,
		.own = config->own,
		.link = config->link,
		.handshake = calloc(1, sizeof(*e->handshake)),
	};
	if (!e->handshake)
		return -ENOMEM;
	memcpy(e->service, config->service, strnlen(config->service, E2E_SERVICE_MAX));
	if (config->peer)
		e2e_handshake_begin(e, config->peer);
	e2e_set_state(e, config->peer ? E2E_WRITE_FIRST : E2E_READ_FIRST);
	relay->e2e = e;
	relay->inner = relay->stream.ops;
	relay->stream.ops = &e2e_ops;
	return 0;
}

void e2e_deinit(struct e2e *e)
{
	e2e_handshake_over(e);
	seal_deinit(&e->send);
	seal_deinit(&e->recv);
	free(e->in);
	*e = (struct e2e){0};
}
