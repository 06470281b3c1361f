/* SPDX-License-Identifier: MIT */
#include "tests/unit/net/e2e_flow_scene.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

/* ---- The programs ---- */

static struct flow_end *end_of(struct flow *f)
{
	return container_of(f, struct flow_end, flow);
}

/* The first four bytes number them, as far as there is room: two of the same size differ at least from four on. */
static uint8_t byte_at(const struct flow_end *end, size_t number, size_t i)
{
	return i < 4 ? (uint8_t)(number >> 8 * i) : (uint8_t)(i * 31 + number * 7 + end->pattern);
}

void flow_scene_send(struct flow_scene *t, struct flow_end *end, size_t size)
{
	uint8_t *p = malloc(MAX(size, 1));
	if (!p || end->n_sent == SENT_MAX)
		abort();
	for (size_t i = 0; i < size; i++)
		p[i] = byte_at(end, end->n_sent, i);
	end->sizes[end->n_sent++] = size;
	flow_send(&end->flow, p, size, t->now);
	free(p);
}

static bool is_one(const struct flow_end *from, size_t number, const uint8_t *p, size_t n)
{
	if (from->arrived[number] || from->sizes[number] != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (p[i] != byte_at(from, number, i))
			return false;
	return true;
}

static void program_received(struct flow *f, const uint8_t *p, size_t n)
{
	struct flow_end *end = end_of(f), *from = end->other;
	end->got++;
	for (size_t i = 0; i < from->n_sent; i++)
		if (is_one(from, i, p, n)) {
			from->arrived[i] = true;
			return;
		}
	end->wrong = true;
}

static void program_closed(struct flow *f, enum frame_reset reason)
{
	end_of(f)->n_ended++;
	end_of(f)->reason = reason;
}

static void any_opening(struct flow *f, struct frame_open *open_out)
{
	open_out->service = 5;
}

static const struct flow_ops program_ops = {
	.opening = any_opening,
	.received = program_received,
	.closed = program_closed,
};

/* ---- The exit node ---- */

static void far_received(struct flow *f, const uint8_t *p, size_t n)
{
	struct flow_end *end = container_of(f, struct flow_end, far);
	if (end->n_said == SAID_MAX)
		return; /* lost, as at any queue */
	struct datagram d = {malloc(MAX(n, 1)), n};
	if (!d.p)
		abort();
	memcpy(d.p, p, n);
	end->said[end->n_said++] = d;
}

static void far_closed(struct flow *f, enum frame_reset reason)
{
	struct flow_end *end = container_of(f, struct flow_end, far);
	end->far_over = true;
	end->far_reason = reason;
}

static const struct flow_ops far_ops = {
	.opening = any_opening,
	.received = far_received,
	.closed = far_closed,
};

void flow_scene_tell(struct flow_scene *t, struct flow_end *to, const void *p, size_t n)
{
	flow_send(&to->far, p, n, t->now);
	flow_scene_turn(t);
}

void flow_scene_lose(struct flow_end *from, size_t at)
{
	free(from->said[at].p);
	from->n_said--;
	memmove(from->said + at, from->said + at + 1, (from->n_said - at) * sizeof(from->said[0]));
}

bool flow_scene_forward(struct flow_scene *t, struct flow_end *from)
{
	if (!from->n_said)
		return false;
	struct datagram d = from->said[0];
	flow_scene_tell(t, from->other, d.p, d.n);
	flow_scene_lose(from, 0);
	return true;
}

/* ---- Links ---- */

static struct stream *node_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return &container_of(m, struct flow_end, node)->far.stream;
}

static struct stream *client_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return &container_of(m, struct flow_end, mux)->flow.stream;
}

static void on_control(struct mux *m, const uint8_t *json, size_t n)
{
}

static void on_goaway(struct mux *m, uint8_t reason)
{
}

static void on_wake(struct mux *m)
{
}

static const struct mux_ops node_ops = {node_open, on_control, on_goaway, on_wake};
static const struct mux_ops client_ops = {client_open, on_control, on_goaway, on_wake};

static bool carry(const struct flow_scene *t, struct mux *from, struct mux *to)
{
	uint8_t record[FRAME_MESSAGE_MAX];
	size_t n = mux_fill(from, record, sizeof(record), t->now);
	if (n && mux_input(to, record, n, t->now) != 0)
		abort();
	return n;
}

void flow_scene_turn(struct flow_scene *t)
{
	bool moved = true;
	while (moved) {
		moved = carry(t, &t->consumer.mux, &t->consumer.node);
		moved |= carry(t, &t->consumer.node, &t->consumer.mux);
		moved |= carry(t, &t->provider.mux, &t->provider.node);
		moved |= carry(t, &t->provider.node, &t->provider.mux);
	}
}

void flow_scene_run(struct flow_scene *t)
{
	bool moved = true;
	while (moved) {
		flow_scene_turn(t);
		moved = flow_scene_forward(t, &t->consumer);
		moved |= flow_scene_forward(t, &t->provider);
	}
}

/* ---- Both ends ---- */

static void on_asked(struct e2e_flow *e, const uint8_t key[KEY_PAIR_SIZE])
{
	struct flow_end *end = container_of(e, struct flow_end, e2e);
	end->n_asked++;
	memcpy(end->asked_by, key, KEY_PAIR_SIZE);
	if (!end->waits)
		e2e_flow_accept(e);
}

static void on_failed(struct e2e_flow *e, const char *why)
{
	container_of(e, struct flow_end, e2e)->why = why;
}

static void on_dropped(struct e2e_flow *e)
{
	container_of(e, struct flow_end, e2e)->n_dropped++;
}

static int init_end(struct flow_end *end, const struct e2e_config *config)
{
	flow_init(&end->flow, &program_ops);
	flow_init(&end->far, &far_ops);
	if (!config)
		return 0;
	int r = e2e_flow_start(&end->e2e, &end->flow, config);
	end->e2e.asked = on_asked;
	end->e2e.failed = on_failed;
	end->e2e.dropped = on_dropped;
	return r;
}

static void init_link(struct flow_scene *t, struct flow_end *end)
{
	struct mux_limits limits = {MUX_BASE_WINDOW, MUX_MAX_WINDOW, 10};
	mux_init(&end->mux, &client_ops, &limits, &t->budget, true);
	mux_init(&end->node, &node_ops, &limits, &t->budget, false);
	mux_set_peer(&end->mux, MUX_BASE_WINDOW, 10);
	mux_set_peer(&end->node, MUX_BASE_WINDOW, 10);
}

int flow_scene_init(struct flow_scene *t, const struct flow_scene_config *config)
{
	struct flow_end *c = &t->consumer, *p = &t->provider;
	*t = (struct flow_scene){.consumer = {.other = p, .pattern = 1},
		.provider = {.other = c, .pattern = 2},
		.now = 1000 * CLOCK_S};
	budget_init(&t->budget, config->budget ? config->budget : 64 << 20);
	init_link(t, c);
	init_link(t, p);
	key_pair_random(&c->keys);
	key_pair_random(&p->keys);
	struct e2e_config near = {
		.own = &c->keys,
		.peer = config->peer ? config->peer : p->keys.public,
		.suite = config->suite,
		.service = config->consumer_service ? config->consumer_service : "dns",
		.link = config->consumer_link ? config->consumer_link : 17,
	};
	struct e2e_config far = {
		.own = &p->keys,
		.service = config->provider_service ? config->provider_service : "dns",
		.link = config->provider_link ? config->provider_link : 17,
	};
	int r = init_end(c, config->plain ? NULL : &near);
	if (!r)
		r = init_end(p, &far);
	if (!r)
		r = mux_open(&c->mux, &c->flow.stream);
	return r ? r : mux_open(&p->node, &p->far.stream);
}

static void deinit_end(struct flow_end *end)
{
	mux_deinit(&end->mux);
	mux_deinit(&end->node);
	flow_abort(&end->flow, FRAME_RESET_NONE);
	flow_abort(&end->far, FRAME_RESET_NONE);
	e2e_flow_deinit(&end->e2e);
	while (end->n_said)
		flow_scene_lose(end, end->n_said - 1);
}

void flow_scene_deinit(struct flow_scene *t)
{
	deinit_end(&t->consumer);
	deinit_end(&t->provider);
}
