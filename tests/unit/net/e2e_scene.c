/* SPDX-License-Identifier: MIT */
#include "tests/unit/net/e2e_scene.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "wire/frame.h"

static struct scene_end *end_of(struct stream *s)
{
	return container_of(container_of(s, struct relay, stream), struct scene_end, relay);
}

uint8_t scene_byte(const struct scene_end *end, size_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 7 + end->pattern);
}

/* ---- The program, where a relay has its socket ---- */

static void program_opening(struct stream *s, struct frame_open *open_out)
{
	*open_out = (struct frame_open){.kind = FRAME_KIND_TCP};
}

static ssize_t program_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct scene_end *end = end_of(s);
	size_t n = MIN(max, end->give - end->sent);
	if (!n && !end->end)
		return -EAGAIN;
	for (size_t i = 0; i < n; i++)
		room[i] = scene_byte(end, end->sent + i);
	end->sent += n;
	end->sent_end = !n;
	return (ssize_t)n;
}

static size_t program_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct scene_end *end = end_of(s);
	n = MIN(n, end->take - end->got);
	for (size_t i = 0; i < n; i++)
		if (end->got_end || end->got + i >= end->other->sent ||
			p[i] != scene_byte(end->other, end->got + i))
			end->wrong = true;
	end->got += n;
	return n;
}

static void program_push_end(struct stream *s)
{
	struct scene_end *end = end_of(s);
	if (end->got_end || !end->other->sent_end || end->got != end->other->sent)
		end->wrong = true;
	end->got_end = true;
}

static void program_over(struct relay *r, enum frame_reset reason)
{
	struct scene_end *end = container_of(r, struct scene_end, relay);
	end->n_ended++;
	end->reason = reason;
}

static void program_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	program_over(&end_of(s)->relay, reason);
}

static const struct stream_ops program_ops = {
	.opening = program_opening,
	.pull = program_pull,
	.push = program_push,
	.push_end = program_push_end,
	.closed = program_closed,
};

/* ---- The exit node ---- */

static struct scene_end *end_of_far(struct stream *s)
{
	return container_of(s, struct scene_end, far);
}

static ssize_t far_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct scene_end *end = end_of_far(s);
	size_t n = MIN(max, buf_len(&end->told));
	if (!n)
		return end->told_end ? 0 : -EAGAIN;
	memcpy(room, buf_head(&end->told), n);
	buf_consume(&end->told, n);
	return (ssize_t)n;
}

static size_t far_push(struct stream *s, const uint8_t *p, size_t n)
{
	if (buf_append(&end_of_far(s)->said, p, n) < 0)
		abort();
	return n;
}

static void far_push_end(struct stream *s)
{
	end_of_far(s)->said_end = true;
}

static void far_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	end_of_far(s)->far_over = true;
	end_of_far(s)->far_reason = reason;
}

static const struct stream_ops far_ops = {
	.opening = program_opening,
	.pull = far_pull,
	.push = far_push,
	.push_end = far_push_end,
	.closed = far_closed,
};

void scene_tell(struct scene_end *to, const void *p, size_t n)
{
	if (buf_append(&to->told, p, n) < 0)
		abort();
	stream_ready(&to->far);
}

/* ---- Links ---- */

static struct stream *node_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return &container_of(m, struct scene_end, node)->far;
}

static struct stream *client_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return &container_of(m, struct scene_end, mux)->relay.stream;
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

/* Time stands still, so that windows stay as they are. */
static bool carry(struct mux *from, struct mux *to)
{
	uint8_t record[FRAME_MESSAGE_MAX];
	size_t n = mux_fill(from, record, sizeof(record), 1000 * CLOCK_S);
	if (n && mux_input(to, record, n, 1000 * CLOCK_S) != 0)
		abort();
	return n;
}

void scene_turn(struct scene *t)
{
	bool moved = true;
	while (moved) {
		moved = carry(&t->consumer.mux, &t->consumer.node);
		moved |= carry(&t->consumer.node, &t->consumer.mux);
		moved |= carry(&t->provider.mux, &t->provider.node);
		moved |= carry(&t->provider.node, &t->provider.mux);
	}
}

bool scene_forward(struct scene_end *from, size_t n)
{
	n = MIN(n, buf_len(&from->said));
	if (n) {
		scene_tell(from->other, buf_head(&from->said), n);
		buf_consume(&from->said, n);
	}
	bool end = from->said_end && !buf_len(&from->said) && !from->other->told_end;
	if (end) {
		from->other->told_end = true;
		stream_ready(&from->other->far);
	}
	return n || end;
}

void scene_run(struct scene *t)
{
	bool moved = true;
	while (moved) {
		scene_turn(t);
		moved = scene_forward(&t->consumer, SIZE_MAX);
		moved |= scene_forward(&t->provider, SIZE_MAX);
	}
}

/* ---- Both ends ---- */

static void on_asked(struct e2e *e, const uint8_t key[KEY_PAIR_SIZE])
{
	struct scene_end *end = container_of(e, struct scene_end, e2e);
	end->n_asked++;
	memcpy(end->asked_by, key, KEY_PAIR_SIZE);
	if (!end->waits)
		e2e_accept(e);
}

static void on_failed(struct e2e *e, const char *why)
{
	container_of(e, struct scene_end, e2e)->why = why;
}

static void relay_opening(struct relay *r, struct frame_open *open_out)
{
	program_opening(&r->stream, open_out);
}

static int init_end(struct scene_end *end, struct loop *loop, const struct e2e_config *config)
{
	relay_init(&end->relay, loop, false, program_over);
	end->relay.opening = relay_opening;
	if (!loop)
		end->relay.stream.ops = &program_ops;
	stream_init(&end->far, &far_ops);
	if (!config)
		return 0;
	int r = e2e_start(&end->e2e, &end->relay, config);
	end->e2e.asked = on_asked;
	end->e2e.failed = on_failed;
	return r;
}

static void init_link(struct scene *t, struct scene_end *end, const struct scene_config *config)
{
	uint32_t window = config->window ? config->window : MUX_BASE_WINDOW;
	struct mux_limits limits = {window, window, 10};
	mux_init(&end->mux, &client_ops, &limits, &t->budget, true);
	mux_init(&end->node, &node_ops, &limits, &t->budget, false);
	mux_set_peer(&end->mux, window, 10);
	mux_set_peer(&end->node, window, 10);
}

int scene_init(struct scene *t, const struct scene_config *config)
{
	struct scene_end *c = &t->consumer, *p = &t->provider;
	*t = (struct scene){.consumer = {.other = p, .pattern = 1, .take = SIZE_MAX},
		.provider = {.other = c, .pattern = 2, .take = SIZE_MAX}};
	budget_init(&t->budget, config->budget ? config->budget : 64 << 20);
	init_link(t, c, config);
	init_link(t, p, config);
	key_pair_random(&c->keys);
	key_pair_random(&p->keys);
	struct e2e_config near = {
		.own = &c->keys,
		.peer = config->peer ? config->peer : p->keys.public,
		.suite = config->suite,
		.service = config->consumer_service ? config->consumer_service : "redis",
		.link = config->consumer_link ? config->consumer_link : 17,
	};
	struct e2e_config far = {
		.own = &p->keys,
		.service = config->provider_service ? config->provider_service : "redis",
		.link = config->provider_link ? config->provider_link : 17,
	};
	if (init_end(c, config->loop, config->plain ? NULL : &near) < 0 ||
		init_end(p, config->loop, &far) < 0)
		return -ENOMEM;
	int r = mux_open(&c->mux, &c->relay.stream);
	return r ? r : mux_open(&p->node, &p->far);
}

static void deinit_end(struct scene_end *end)
{
	mux_deinit(&end->mux);
	mux_deinit(&end->node);
	e2e_deinit(&end->e2e);
	buf_deinit(&end->said);
	buf_deinit(&end->told);
}

void scene_deinit(struct scene *t)
{
	deinit_end(&t->consumer);
	deinit_end(&t->provider);
}
