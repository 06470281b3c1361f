/* SPDX-License-Identifier: MIT */
/*
 * What comes is opened record by record, and given to the relay together, up to E2E_BATCH of it: a write of 64 KiB
 * costs it little more than one of 16. A record that is not whole yet is gathered. Where the relay does not take all,
 * the rest is kept, and the last byte of what was opened is not taken from the stream: so the stream offers that again
 * when the socket has room, and tells of a FIN only behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "net/e2e_internal.h"

static void drop_body(struct e2e *e)
{
	free(e->in);
	e->in = NULL;
	e->n_head = 0;
	stream_keep(&e->relay->stream, e->in_size, 0);
	e->in_size = 0;
}

static size_t head_size(const struct e2e *e)
{
	return e->state == E2E_READ_FIRST ? E2E_HEAD : E2E_SIZE_BYTES;
}

/* Of what comes now, whether it can be so long. */
static bool size_fits(const struct e2e *e, size_t n)
{
	if (e->state == E2E_READ_FIRST)
		return n == HANDSHAKE_IK_FIRST;
	if (e->state == E2E_READ_SECOND)
		return n == HANDSHAKE_IK_SECOND;
	return n >= SEAL_TAG_SIZE && n <= E2E_RECORD_MAX;
}

/* Looked at as it comes: who does not seal may say a few bytes and wait for an answer. */
static bool head_begins_well(const struct e2e *e)
{
	return e->state != E2E_READ_FIRST ||
	       memcmp(e->head, E2E_MAGIC, MIN(e->n_head, E2E_MAGIC_SIZE)) == 0;
}

static bool take_suite(struct e2e *e)
{
	if (!e2e_read_suite(e->head[E2E_MAGIC_SIZE], &e->suite))
		return false;
	e2e_handshake_begin(e, NULL);
	return true;
}

/* The head is whole. */
static void head_came(struct e2e *e)
{
	struct stream *s = &e->relay->stream;
	size_t n = bytes_be16(e->head + e->n_head - E2E_SIZE_BYTES);
	if (!size_fits(e, n)) {
		e2e_fail(e, FRAME_RESET_PROTOCOL, "a record has a length that it cannot have");
		return;
	}
	if (e->state == E2E_READ_FIRST && !take_suite(e)) {
		e2e_fail(e, FRAME_RESET_PROTOCOL, "it asks for a cipher that this machine has not");
		return;
	}
	e->in = malloc(n);
	if (!e->in || !stream_keep(s, 0, n)) {
		e2e_fail(e, FRAME_RESET_NO_MEMORY, "out of memory");
		return;
	}
	e->in_size = n;
	e->in_len = 0;
}

static size_t gather_head(struct e2e *e, const uint8_t *p, size_t n)
{
	size_t step = MIN(n, head_size(e) - e->n_head);
	memcpy(e->head + e->n_head, p, step);
	e->n_head += (uint8_t)step;
	if (!head_begins_well(e))
		e2e_fail(e, FRAME_RESET_PROTOCOL, "what it sends is not sealed end to end");
	else if (e->n_head == head_size(e))
		head_came(e);
	return step;
}

static size_t gather_body(struct e2e *e, const uint8_t *p, size_t n)
{
	size_t step = MIN(n, e->in_size - e->in_len);
	memcpy(e->in + e->in_len, p, step);
	e->in_len += step;
	return step;
}

/* What it was given before, and has not taken then. Whether that is all taken now. */
static bool deliver_rest(struct e2e *e)
{
	struct stream *s = &e->relay->stream;
	size_t left = e->in_len - e->in_taken;
	size_t took = e->relay->inner->push(s, e->in + e->in_taken, left);
	if (!stream_alive(s))
		return false;
	e->in_taken += took;
	if (took < left)
		return false;
	e->opened = false;
	drop_body(e);
	return true;
}

/* Whether there is memory for it. */
static bool keep_rest(struct e2e *e, const uint8_t *p, size_t n)
{
	e->in = malloc(n);
	if (!e->in || !stream_keep(&e->relay->stream, 0, n)) {
		e2e_fail(e, FRAME_RESET_NO_MEMORY, "out of memory");
		return false;
	}
	memcpy(e->in, p, n);
	e->in_size = e->in_len = n;
	e->in_taken = 0;
	e->opened = true;
	return true;
}

/* Data of several records, and room to open the last one in. */
struct batch {
	size_t n;
	uint8_t data[E2E_BATCH + SEAL_TAG_SIZE];
};

/* A whole record. False: it is not what the other end has sent here. */
static bool open_record(struct e2e *e, const uint8_t *p, size_t n, struct batch *batch)
{
	uint8_t *at = batch->data + batch->n;
	memcpy(at, p, n);
	if (seal_decrypt(&e->recv, at, n) != 0)
		return false;
	batch->n += n - SEAL_TAG_SIZE;
	e->in_ended = n == SEAL_TAG_SIZE;
	return true;
}

/* The bytes up to the next record's end, if they have come: the rest of one that was begun, or all of one. */
static size_t whole_record(const struct e2e *e, const uint8_t *p, size_t n)
{
	if (e->in)
		return n >= e->in_size - e->in_len ? e->in_size - e->in_len : 0;
	if (e->n_head || n < E2E_SIZE_BYTES)
		return 0;
	size_t size = bytes_be16(p);
	return size_fits(e, size) && n >= E2E_SIZE_BYTES + size ? E2E_SIZE_BYTES + size : 0;
}

/* `n` as whole_record() says. */
static bool take_record(struct e2e *e, const uint8_t *p, size_t n, struct batch *batch)
{
	if (!e->in)
		return open_record(e, p + E2E_SIZE_BYTES, n - E2E_SIZE_BYTES, batch);
	gather_body(e, p, n);
	bool good = open_record(e, e->in, e->in_size, batch);
	drop_body(e);
	return good;
}

/* Behind whatever was taken: whether the relay has taken all of it, too. */
static bool deliver(struct e2e *e, const struct batch *batch, bool good)
{
	struct stream *s = &e->relay->stream;
	size_t took = batch->n ? e->relay->inner->push(s, batch->data, batch->n) : 0;
	if (!stream_alive(s))
		return true;
	if (!good) {
		e2e_fail(e, FRAME_RESET_PROTOCOL,
			"what came is not what its other end has sent there");
		return true;
	}
	return took == batch->n || !keep_rest(e, batch->data + took, batch->n - took);
}

/*
 * Opens the whole records that are there, and gives them to the relay together; 0: there is none. Not inlined: its frame
 * is 64 KiB, which nobody else should pay for.
 */
__attribute__((noinline)) static size_t take_records(struct e2e *e, const uint8_t *p, size_t n)
{
	struct batch batch;
	batch.n = 0;
	size_t took = 0, whole;
	bool good = true;
	while (good && !e->in_ended && batch.n + E2E_DATA_MAX <= E2E_BATCH &&
		stream_alive(&e->relay->stream) &&
		(whole = whole_record(e, p + took, n - took)) > 0) {
		good = take_record(e, p + took, whole, &batch);
		took += whole;
	}
	if (!took || !stream_alive(&e->relay->stream))
		return took;
	return deliver(e, &batch, good) ? took : took - 1;
}

/* What is taken of it, in one step. */
static size_t e2e_take(struct e2e *e, const uint8_t *p, size_t n)
{
	if (e->opened)
		return deliver_rest(e) ? 1 : 0;
	/* Nothing can come before the other end has our message; and nothing behind its end. */
	if (e->state == E2E_ASKED)
		return 0;
	if (e->state == E2E_WRITE_FIRST || e->in_ended) {
		e2e_fail(e, FRAME_RESET_PROTOCOL, "bytes came where none can be");
		return 0;
	}
	size_t took = e->state == E2E_UP ? take_records(e, p, n) : 0;
	if (took || e->opened || !stream_alive(&e->relay->stream))
		return took;
	took = e->in ? gather_body(e, p, n) : gather_head(e, p, n);
	if (e->state == E2E_UP || !e->in || e->in_len < e->in_size)
		return took;
	e2e_message_came(e);
	if (stream_alive(&e->relay->stream))
		drop_body(e);
	return took;
}

size_t e2e_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct e2e *e = e2e_of(s);
	size_t took = 0, step = 1;
	while (step && took < n && stream_alive(s)) {
		step = e2e_take(e, p + took, n - took);
		took += step;
	}
	return took;
}

void e2e_push_end(struct stream *s)
{
	struct e2e *e = e2e_of(s);
	if (e->in_ended)
		e->relay->inner->push_end(s);
	else
		e2e_fail(e, FRAME_RESET_ABORTED, "its data ended before its other end said so");
}
