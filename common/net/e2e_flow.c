/* SPDX-License-Identifier: MIT */
#include "net/e2e_flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "mux/mux.h"
#include "net/e2e_internal.h"

#define LABEL     "tunnel.e2e.udp.v1"
#define DATA_HEAD (E2E_FLOW_OVERHEAD - SEAL_TAG_SIZE) /* what stands before a record */

enum { FIRST = 1, SECOND, DATA }; /* the first byte */

static struct e2e_flow *e2e_flow_of(struct stream *s)
{
	return container_of(s, struct flow, stream)->e2e;
}

/* Wipes and frees what only the handshake needs. */
static void handshake_over(struct e2e_flow *e)
{
	handshake_deinit(e->handshake);
	free(e->handshake);
	e->handshake = NULL;
}

static void e2e_flow_over(struct e2e_flow *e)
{
	if (e->state != E2E_OVER)
		e2e_step(&e->state, E2E_OVER);
	handshake_over(e);
}

/* Never from within pull(). The stream is closed behind it. */
static void e2e_flow_fail(struct e2e_flow *e, enum frame_reset reason, const char *why)
{
	struct flow *f = e->flow;
	e2e_flow_over(e);
	e->failed(e, why);
	flow_abort(f, reason);
	f->ops->closed(f, reason);
}

static void refuse(struct e2e_flow *e)
{
	e->refused++;
	e->dropped(e);
}

/* ---- The handshake ---- */

static void handshake_begin(struct e2e_flow *e, const uint8_t *peer)
{
	struct e2e_terms terms = {LABEL, e->suite, e->service, e->link};
	e2e_handshake_init(e->handshake, &terms, e->own, peer);
}

/* False: the keys are none. */
static bool write_message(struct e2e_flow *e, uint8_t *to, size_t size)
{
	size_t n;
	return handshake_write(e->handshake, NULL, 0, to, size, &n) == 0;
}

static bool write_first(struct e2e_flow *e)
{
	e->first[0] = FIRST;
	memcpy(e->first + 1, E2E_MAGIC, E2E_MAGIC_SIZE);
	e->first[1 + E2E_MAGIC_SIZE] = e2e_suite_byte(e->suite);
	return write_message(e, e->first + E2E_FLOW_FIRST - HANDSHAKE_IK_FIRST, HANDSHAKE_IK_FIRST);
}

static void say(struct e2e_flow *e)
{
	e->saying = true;
	stream_ready(&e->flow->stream);
}

/* Both messages are known here. What waited grows old from now on. */
static void begin_records(struct e2e_flow *e)
{
	if (handshake_split(e->handshake, &e->send, &e->recv) < 0) {
		e2e_flow_fail(e, FRAME_RESET_NO_MEMORY, "out of memory");
		return;
	}
	handshake_over(e);
	e2e_step(&e->state, E2E_UP);
	e->flow->began = e->flow->stream.mux->last_now;
	stream_ready(&e->flow->stream);
}

void e2e_flow_accept(struct e2e_flow *e)
{
	if (e->state != E2E_ASKED || !stream_alive(&e->flow->stream))
		return;
	e->second[0] = SECOND;
	if (!write_message(e, e->second + 1, HANDSHAKE_IK_SECOND)) {
		e2e_flow_fail(e, FRAME_RESET_DENIED, "its key is none");
		return;
	}
	e->saying = true;
	begin_records(e);
}

static bool is_first(const uint8_t *p, size_t n)
{
	return n == E2E_FLOW_FIRST && p[0] == FIRST &&
	       memcmp(p + 1, E2E_MAGIC, E2E_MAGIC_SIZE) == 0;
}

static void first_came(struct e2e_flow *e, const uint8_t *p, size_t size)
{
	uint8_t key[KEY_PAIR_SIZE];
	size_t n;
	if (!is_first(p, size)) {
		e2e_flow_fail(e, FRAME_RESET_PROTOCOL, "what it sends is not sealed end to end");
		return;
	}
	if (!e2e_read_suite(p[1 + E2E_MAGIC_SIZE], &e->suite)) {
		e2e_flow_fail(e, FRAME_RESET_PROTOCOL,
			"it asks for a cipher that this machine has not");
		return;
	}
	handshake_begin(e, NULL);
	if (handshake_read(e->handshake, p + E2E_FLOW_FIRST - HANDSHAKE_IK_FIRST,
		    HANDSHAKE_IK_FIRST, NULL, 0, &n) != 0) {
		e2e_flow_fail(e, FRAME_RESET_DENIED,
			"it does not seal for this client's key and this private service");
		return;
	}
	memcpy(e->first, p, sizeof(e->first));
	memcpy(key, handshake_peer(e->handshake), sizeof(key)); /* which goes with the handshake */
	e2e_step(&e->state, E2E_ASKED);
	e->asked(e, key);
}

static void second_came(struct e2e_flow *e, const uint8_t *p)
{
	size_t n;
	if (handshake_read(e->handshake, p + 1, HANDSHAKE_IK_SECOND, NULL, 0, &n) == 0)
		begin_records(e);
	else
		e2e_flow_fail(e, FRAME_RESET_DENIED,
			"its other end has not the key that its private service should have");
}

bool e2e_flow_repeat(struct e2e_flow *e)
{
	if (e->state != E2E_READ_SECOND)
		return true;
	if (e->repeats == E2E_FLOW_REPEATS)
		return false;
	e->repeats++;
	say(e);
	return true;
}

/* ---- Datagrams ---- */

/* Not inlined: its frame is 64 KiB, which nobody else should pay for. */
__attribute__((noinline)) static void open_data(struct e2e_flow *e, const uint8_t *p, size_t n)
{
	uint8_t data[FRAME_DATAGRAM_MAX];
	uint64_t number = bytes_be64(p + 1);
	n -= DATA_HEAD;
	memcpy(data, p + DATA_HEAD, n);
	if (!replay_window_takes(&e->window, number) ||
		seal_decrypt_datagram(&e->recv, number, data, n) != 0) {
		refuse(e);
		return;
	}
	replay_window_note(&e->window, number);
	e->inner->push(&e->flow->stream, data, n - SEAL_TAG_SIZE);
}

static bool is_data(const uint8_t *p, size_t n)
{
	return n >= E2E_FLOW_OVERHEAD && p[0] == DATA;
}

/* The answer may come twice, and what the provider seals may come without it: it was lost, and is asked for again. */
static void consumer_heard(struct e2e_flow *e, const uint8_t *p, size_t n)
{
	bool up = e->state == E2E_UP, answer = n == E2E_FLOW_SECOND && p[0] == SECOND;
	if (answer && !up)
		second_came(e, p);
	else if (is_data(p, n) && up)
		open_data(e, p, n);
	else if (!answer && !is_data(p, n))
		refuse(e);
}

/* Its message may come again: the consumer has not had the answer, or somebody says it who can do nothing with that. */
static void provider_heard(struct e2e_flow *e, const uint8_t *p, size_t n)
{
	bool up = e->state == E2E_UP;
	if (e->state == E2E_READ_FIRST)
		first_came(e, p, n);
	else if (is_data(p, n) && up)
		open_data(e, p, n);
	else if (n != E2E_FLOW_FIRST || memcmp(p, e->first, n) != 0)
		refuse(e);
	else if (up)
		say(e);
}

static size_t on_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct e2e_flow *e = e2e_flow_of(s);
	(e->provider ? provider_heard : consumer_heard)(e, p, n);
	return n;
}

static ssize_t pull_message(struct e2e_flow *e, uint8_t *room, size_t max)
{
	size_t n = e->provider ? sizeof(e->second) : sizeof(e->first);
	if (n > max)
		return -EMSGSIZE;
	memcpy(room, e->provider ? e->second : e->first, n);
	e->saying = false;
	return (ssize_t)n;
}

static ssize_t on_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct e2e_flow *e = e2e_flow_of(s);
	if (e->saying)
		return pull_message(e, room, max);
	if (e->state != E2E_UP)
		return -EAGAIN;
	if (max < E2E_FLOW_OVERHEAD)
		return -EMSGSIZE;
	ssize_t n = e->inner->pull(s, room + DATA_HEAD, max - E2E_FLOW_OVERHEAD);
	if (n < 0)
		return n;
	uint64_t number;
	int r = seal_encrypt_datagram(&e->send, room + DATA_HEAD, (size_t)n, &number);
	if (r < 0)
		return r;
	room[0] = DATA;
	bytes_set_be64(room + 1, number);
	return n + E2E_FLOW_OVERHEAD;
}

/* ---- The stream ---- */

static void on_opening(struct stream *s, struct frame_open *open_out)
{
	e2e_flow_of(s)->inner->opening(s, open_out);
}

static void on_lost(struct stream *s)
{
	e2e_flow_of(s)->inner->lost(s);
}

static void on_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	struct e2e_flow *e = e2e_flow_of(s);
	e2e_flow_over(e);
	e->inner->closed(s, reason, taken);
}

static const struct stream_ops e2e_flow_ops = {
	.opening = on_opening,
	.pull = on_pull,
	.push = on_push,
	.lost = on_lost,
	.closed = on_closed,
};

static int consumer_begin(struct e2e_flow *e, const uint8_t *peer)
{
	e2e_step(&e->state, E2E_WRITE_FIRST);
	handshake_begin(e, peer);
	if (!write_first(e))
		return -EPROTO;
	e2e_step(&e->state, E2E_READ_SECOND);
	e->saying = true;
	return 0;
}

int e2e_flow_start(struct e2e_flow *e, struct flow *flow, const struct e2e_config *config)
{
	*e = (struct e2e_flow){
		.flow = flow,
		.inner = flow->stream.ops,
		.provider = !config->peer,
		.suite = config->suite,
		.own = config->own,
		.link = config->link,
		.handshake = calloc(1, sizeof(*e->handshake)),
	};
	if (!e->handshake)
		return -ENOMEM;
	memcpy(e->service, config->service, strnlen(config->service, E2E_SERVICE_MAX));
	flow->e2e = e;
	flow->max = E2E_FLOW_DATAGRAM_MAX;
	flow->began = UINT64_MAX;
	flow->stream.ops = &e2e_flow_ops;
	if (config->peer)
		return consumer_begin(e, config->peer);
	e2e_step(&e->state, E2E_READ_FIRST);
	return 0;
}

void e2e_flow_deinit(struct e2e_flow *e)
{
	handshake_over(e);
	seal_deinit(&e->send);
	seal_deinit(&e->recv);
	*e = (struct e2e_flow){0};
}
