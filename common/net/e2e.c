/* SPDX-License-Identifier: MIT */
/*
 * What comes is gathered until a record is whole, opened where it lies, and given to the relay. Its last byte is
 * taken from the stream only when the relay has taken all of its data: so the stream offers it again when the
 * socket has room, and tells of a FIN only behind it.
 *
 * What goes is read by the relay straight into the frame and sealed there. Where a frame has hardly room for a tag a
 * small record is made aside, and goes in pieces.
 */
#include "net/e2e.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/state.h"

#define LABEL      "tunnel.e2e.v1"
#define MAGIC      "E2E\1"
#define MAGIC_SIZE (sizeof(MAGIC) - 1)
#define SIZE_BYTES 2 /* of the number before a record */
/* What a record takes beside its data. */
#define OVERHEAD   (SIZE_BYTES + SEAL_TAG_SIZE)

_Static_assert(E2E_HEAD == MAGIC_SIZE + 1 + SIZE_BYTES, "magic, suite, size");
_Static_assert(E2E_HEAD + HANDSHAKE_IK_FIRST <= E2E_OUT, "the first message goes through `out`");
_Static_assert(E2E_OUT <= UINT8_MAX, "its bounds are bytes");

static struct e2e *e2e_of(struct stream *s)
{
	return container_of(s, struct relay, stream)->e2e;
}

static void e2e_set_state(struct e2e *e, enum e2e_state state)
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

static void handshake_over(struct e2e *e)
{
	handshake_deinit(e->handshake);
	free(e->handshake);
	e->handshake = NULL;
}

static void e2e_over(struct e2e *e)
{
	if (e->state != E2E_OVER)
		e2e_set_state(e, E2E_OVER);
	handshake_over(e);
}

/* Never from within pull(). The stream is closed behind it. */
static void e2e_fail(struct e2e *e, enum frame_reset reason, const char *why)
{
	struct relay *r = e->relay;
	e2e_over(e);
	e->failed(e, why);
	relay_abort(r, reason);
	r->ended(r, reason);
}

/* ---- The handshake ---- */

/* As in docs/protocol.md, section 12; suites count from 1 there. */
static void handshake_begin(struct e2e *e, const uint8_t *peer)
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

/* Writes the next message into `out`, with its size before it. False: the keys are none. */
static bool write_message(struct e2e *e)
{
	uint8_t *at = e->out + e->out_end;
	size_t n;
	if (handshake_write(e->handshake, NULL, 0, at + SIZE_BYTES,
		    sizeof(e->out) - e->out_end - SIZE_BYTES, &n) != 0)
		return false;
	bytes_set_be16(at, (uint16_t)n);
	e->out_end += (uint8_t)(SIZE_BYTES + n);
	return true;
}

/* Both messages were said. 0 or as handshake_split(). */
static int begin_records(struct e2e *e)
{
	int r = handshake_split(e->handshake, &e->send, &e->recv);
	if (r < 0)
		return r;
	handshake_over(e);
	e2e_set_state(e, E2E_UP);
	return 0;
}

void e2e_accept(struct e2e *e)
{
	struct stream *s = &e->relay->stream;
	if (e->state != E2E_ASKED || !stream_alive(s))
		return;
	if (!write_message(e))
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

/* ---- What comes ---- */

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
	return e->state == E2E_READ_FIRST ? E2E_HEAD : SIZE_BYTES;
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
	       memcmp(e->head, MAGIC, MIN(e->n_head, MAGIC_SIZE)) == 0;
}

static bool take_suite(struct e2e *e)
{
	uint8_t suite = e->head[MAGIC_SIZE];
	if (suite != 1 + SEAL_CHACHAPOLY && (suite != 1 + SEAL_AESGCM || !seal_has_aes()))
		return false;
	e->suite = (enum seal_suite)(suite - 1);
	handshake_begin(e, NULL);
	return true;
}

/* The head is whole. */
static void head_came(struct e2e *e)
{
	struct stream *s = &e->relay->stream;
	size_t n = bytes_be16(e->head + e->n_head - SIZE_BYTES);
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

/* Whether the relay has taken all of it. */
static bool deliver(struct e2e *e)
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

/* Whether it is done with. */
static bool record_came(struct e2e *e)
{
	if (seal_decrypt(&e->recv, e->in, e->in_size) != 0) {
		e2e_fail(e, FRAME_RESET_PROTOCOL,
			"what came is not what its other end has sent there");
		return false;
	}
	e->in_len = e->in_size - SEAL_TAG_SIZE;
	e->in_taken = 0;
	if (e->in_len) {
		e->opened = true;
		return deliver(e);
	}
	e->in_ended = true;
	drop_body(e);
	return true;
}

/* Whether it is done with. Messages of the handshake always are. */
static bool body_came(struct e2e *e)
{
	if (e->state == E2E_UP)
		return record_came(e);
	bool first = e->state == E2E_READ_FIRST;
	(first ? first_message_came : second_message_came)(e);
	if (stream_alive(&e->relay->stream))
		drop_body(e);
	return true;
}

static size_t gather_body(struct e2e *e, const uint8_t *p, size_t n)
{
	size_t step = MIN(n, e->in_size - e->in_len);
	memcpy(e->in + e->in_len, p, step);
	e->in_len += step;
	if (e->in_len < e->in_size || body_came(e))
		return step;
	return step - 1;
}

/* What is taken of it, in one step. */
static size_t e2e_take(struct e2e *e, const uint8_t *p, size_t n)
{
	if (e->opened)
		return deliver(e) ? 1 : 0;
	/* Nothing can come before the other end has our message; and nothing behind its end. */
	if (e->state == E2E_ASKED)
		return 0;
	if (e->state == E2E_WRITE_FIRST || e->in_ended) {
		e2e_fail(e, FRAME_RESET_PROTOCOL, "bytes came where none can be");
		return 0;
	}
	return e->in ? gather_body(e, p, n) : gather_head(e, p, n);
}

static size_t e2e_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct e2e *e = e2e_of(s);
	size_t took = 0, step = 1;
	while (step && took < n && stream_alive(s)) {
		step = e2e_take(e, p + took, n - took);
		took += step;
	}
	return took;
}

static void e2e_push_end(struct stream *s)
{
	struct e2e *e = e2e_of(s);
	if (e->in_ended)
		e->relay->inner->push_end(s);
	else
		e2e_fail(e, FRAME_RESET_ABORTED, "its data ended before its other end said so");
}

/* ---- What goes ---- */

/* Seals what the relay has to say: the bytes written, or as pull(). There is room for OVERHEAD and more. */
static ssize_t seal_record(struct e2e *e, uint8_t *room, size_t max)
{
	uint8_t *data = room + SIZE_BYTES;
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
	memcpy(e->out, MAGIC, MAGIC_SIZE);
	e->out[MAGIC_SIZE] = (uint8_t)(e->suite + 1);
	e->out_end = MAGIC_SIZE + 1;
	if (!write_message(e))
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

enum seal_suite e2e_suite(bool aes)
{
	return aes && seal_has_aes() ? SEAL_AESGCM : SEAL_CHACHAPOLY;
}

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
		handshake_begin(e, config->peer);
	e2e_set_state(e, config->peer ? E2E_WRITE_FIRST : E2E_READ_FIRST);
	relay->e2e = e;
	relay->inner = relay->stream.ops;
	relay->stream.ops = &e2e_ops;
	return 0;
}

void e2e_deinit(struct e2e *e)
{
	handshake_over(e);
	seal_deinit(&e->send);
	seal_deinit(&e->recv);
	free(e->in);
	*e = (struct e2e){0};
}
