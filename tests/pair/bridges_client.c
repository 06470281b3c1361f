/* SPDX-License-Identifier: MIT */
#include "bridges.h"

#include <stdio.h>

#include "base/macros.h"

#define LIVE_MAX 60 /* talks of the consumer's at a time */

uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed % below;
}

/* ---- A talk's end ---- */

static struct talk_end *end_of(struct stream *s)
{
	return container_of(s, struct talk_end, stream);
}

static struct client *client_of(const struct talk_end *e);

/* Of all talks and both directions a different run of bytes. */
static uint8_t pattern(const struct talk *t, bool near, size_t i)
{
	return (uint8_t)(i * 167 + (i >> 8) * 13 + t->number * 59u + near * 101u);
}

static void over(struct talk_end *e)
{
	struct client *c = client_of(e);
	e->over = true;
	atomic_fetch_add(&c->moved, 1);
	atomic_fetch_sub(&c->n_live, 1);
	if (e->near)
		atomic_fetch_add(&c->n_over, 1);
}

static void reset(struct talk_end *e)
{
	e->resetting = true;
	e->reason = e->near ? FRAME_RESET_CANCELLED : FRAME_RESET_ABORTED;
	stream_reset(&e->stream, e->reason);
	over(e);
}

static void on_opening(struct stream *s, struct frame_open *open_out)
{
	open_out->kind = FRAME_KIND_TCP;
	open_out->service = ATTACHED;
	open_out->visitor.family = 4;
	open_out->visitor.port = end_of(s)->talk->number;
}

static ssize_t on_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct talk_end *e = end_of(s);
	size_t n = MIN(MIN(max, e->script.piece), e->script.give - e->gave);
	if (!n) {
		atomic_store(&e->talk->total[!e->near], e->gave);
		atomic_store(&e->talk->finished[!e->near], true);
		return 0;
	}
	n = MIN(n, e->pulled_to - MIN(e->gave, e->pulled_to));
	for (size_t i = 0; i < n; i++)
		room[i] = pattern(e->talk, e->near, e->gave + i);
	e->gave += n;
	atomic_fetch_add(&client_of(e)->moved, n);
	return n ? (ssize_t)n : -EAGAIN;
}

static size_t on_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct talk_end *e = end_of(s);
	n = MIN(n, e->taken_to - MIN(e->got, e->taken_to));
	for (size_t i = 0; i < n; i++)
		if (p[i] != pattern(e->talk, !e->near, e->got + i))
			fail_msg("seed %u: byte %zu of talk %u is wrong", client_of(e)->all->seed,
				e->got + i, e->talk->number);
	e->got += n;
	atomic_fetch_add(&client_of(e)->moved, n);
	if (e->got >= e->script.reset_at)
		reset(e);
	return n;
}

static void on_push_end(struct stream *s)
{
	struct talk_end *e = end_of(s);
	e->got_end = true;
	/* Only a FIN is an end of data, and the other one said it behind all of them. */
	assert_true(atomic_load(&e->talk->finished[e->near]));
	assert_int_equal(e->got, atomic_load(&e->talk->total[e->near]));
}

static void on_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	struct talk_end *e = end_of(s);
	e->reason = reason;
	over(e);
}

static const struct stream_ops stream_ops = {
	.opening = on_opening,
	.pull = on_pull,
	.push = on_push,
	.push_end = on_push_end,
	.closed = on_closed,
};

static struct client *client_of(const struct talk_end *e)
{
	const struct talk *t = e->talk;
	struct bridges *b = container_of(t - (t->number - 1), struct bridges, talks[0]);
	return e->near ? &b->consumer : &b->provider;
}

static void begin(struct talk_end *e)
{
	e->begun = true;
	e->over = e->got_end = false;
	e->gave = e->got = 0;
	e->pulled_to = e->script.pause_at;
	e->taken_to = e->script.stall_at;
	stream_init(&e->stream, &stream_ops);
	atomic_fetch_add(&client_of(e)->n_live, 1);
	atomic_fetch_add(&client_of(e)->moved, 1);
}

/* It goes on where it rests, or not yet; or it has had enough. */
static void go_on(struct client *c, struct talk_end *e)
{
	if (!e->begun || e->over || draw(&c->seed, 3))
		return;
	if (e->gave >= e->script.reset_at) {
		reset(e);
		return;
	}
	if (e->gave >= e->pulled_to)
		e->pulled_to += e->script.pause_at;
	stream_ready(&e->stream);
	if (e->got >= e->taken_to) {
		e->taken_to += e->script.stall_at;
		stream_resume(&e->stream);
	}
}

/* ---- Links ---- */

static void key_run(struct client_link *l)
{
	struct client *c = l->owner;
	client_link_key(l, l->salt, &c->all->key);
}

static void on_salt(struct client_link *l, const uint8_t salt[HELLO_SALT])
{
}

static void on_up(struct client_link *l, const struct control *hello)
{
	struct client *c = l->owner;
	char host[64];
	struct control m = {.type = CONTROL_PUBLISH};
	snprintf(host, sizeof(host), "%s.example", (const char *)l->io.link.config.instance);
	m.publish.service = 1;
	m.publish.kind = CONTROL_HTTP;
	m.publish.host = host;
	m.publish.upstream = "http://127.0.0.1:3000";
	assert_int_equal(link_send(&l->io.link, &m), 0);
	atomic_fetch_add(&c->n_up, 1);
}

static void on_control(struct client_link *l, const struct control *message)
{
}

static struct stream *on_open(struct client_link *l, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct client *c = l->owner;
	assert_false(c->consumes);
	assert_int_equal(open->service, SERVICE);
	assert_string_equal(open->consumer, POLICY_DEFAULT);
	assert_in_range(open->link, 1, LINKS_MAX);
	assert_in_range(open->visitor.port, 1, TALKS);
	struct talk *t = &c->all->talks[open->visitor.port - 1];
	if (t->refuse) {
		t->refuse = false;
		*reason_out = FRAME_RESET_REFUSED;
		return NULL;
	}
	assert_true(!t->far.begun);
	begin(&t->far); /* ready when it is its turn, as it is in no mux yet */
	return &t->far.stream;
}

static void on_goaway(struct client_link *l, uint8_t reason)
{
}

static void on_link_closed(struct client_link *l)
{
	struct client *c = l->owner;
	for (unsigned i = 0; i < c->n_links; i++)
		if (c->links[i] == l)
			c->links[i] = NULL;
}

void client_connect(struct client *c)
{
	static const struct client_link_ops ops = {
		.salt = on_salt,
		.up = on_up,
		.control = on_control,
		.open = on_open,
		.goaway = on_goaway,
		.closed = on_link_closed,
	};
	for (unsigned i = 0; i < c->n_links; i++) {
		struct link_config config = {
			.client = true,
			.limits = {MUX_BASE_WINDOW, 1 << 20, 1000},
			.budget = &c->budget,
			.random = &c->random,
			.instance = c->instances[i],
			.version = "test",
		};
		c->links[i] =
			client_link_new(c->loop, DETACHED_CONN_OF(c->fds[i]), &config, &ops, c);
		assert_non_null(c->links[i]);
	}
	loop_timer_set(&c->tick, loop_now(c->loop) + TICK);
}

void client_hang_up(struct client *c)
{
	for (unsigned i = 0; i < c->n_links; i++)
		if (c->links[i])
			client_link_close(c->links[i], "the test ends it");
}

/* ---- Rounds ---- */

static void script_draw(struct client *c, struct script *s)
{
	static const uint32_t sizes[] = {1, 100, 5000, 100000, 400000};
	uint32_t *seed = &c->seed;
	size_t give = draw(seed, sizes[draw(seed, ARRAY_LEN(sizes))]);
	*s = (struct script){
		.give = give,
		.piece = 1 + draw(seed, sizes[1 + draw(seed, ARRAY_LEN(sizes) - 1)]),
		.pause_at = 1 + draw(seed, 2) * give + give / (1 + draw(seed, 8)),
		.stall_at = draw(seed, 3) ? SIZE_MAX / 2 : 5000 + draw(seed, 100000),
		.reset_at = draw(seed, 8) ? SIZE_MAX : draw(seed, 50000),
	};
}

/* Each draws its own ends; the provider first. */
void client_begin(struct client *c)
{
	for (unsigned i = 0; i < TALKS; i++) {
		struct talk *t = &c->all->talks[i];
		struct talk_end *e = c->consumes ? &t->near : &t->far;
		*e = (struct talk_end){.talk = t, .near = c->consumes};
		script_draw(c, &e->script);
		if (c->consumes)
			continue;
		t->number = (uint16_t)(i + 1);
		t->refuse = draw(&c->seed, 10) == 0;
		for (int side = 0; side < 2; side++) {
			atomic_store(&t->total[side], 0);
			atomic_store(&t->finished[side], false);
		}
	}
	c->next = c->consumes ? 0 : TALKS;
	atomic_store(&c->n_over, 0);
}

static void open_next(struct client *c)
{
	struct talk_end *e = &c->all->talks[c->next].near;
	struct client_link *l = c->links[draw(&c->seed, c->n_links)];
	c->next++;
	begin(e);
	if (l && mux_open(&l->io.link.mux, &e->stream) == 0) {
		stream_ready(&e->stream);
		return;
	}
	e->resetting = true;
	over(e);
}

static void on_tick(struct loop_timer *timer)
{
	struct client *c = container_of(timer, struct client, tick);
	atomic_fetch_add(&c->ticks, 1);
	if (c->stopping) {
		loop_stop(c->loop);
		return;
	}
	for (unsigned i = 0; i < c->n_links; i++)
		if (c->links[i] && c->links[i]->io.link.state == LINK_KEY)
			key_run(c->links[i]);
	for (unsigned i = 0; i < 8 && c->next < TALKS && atomic_load(&c->n_live) < LIVE_MAX; i++)
		open_next(c);
	for (unsigned i = 0; i < TALKS; i++)
		go_on(c, c->consumes ? &c->all->talks[i].near : &c->all->talks[i].far);
	loop_timer_set(timer, loop_now(c->loop) + TICK);
}

/* ---- Its thread ---- */

static void order_delivered(struct mail *mail)
{
	struct client *c = container_of(mail, struct client, order);
	c->ordered(c);
	atomic_store(&c->busy, false);
}

static bool is_idle(const struct bridges *b)
{
	return !atomic_load(&b->consumer.busy) && !atomic_load(&b->provider.busy);
}

void client_order(struct client *c, void (*ordered)(struct client *c))
{
	c->ordered = ordered;
	atomic_store(&c->busy, true);
	c->order = (struct mail){.deliver = order_delivered};
	mailbox_post(loop_mailbox(c->loop), &c->order);
	bridges_wait(c->all, is_idle, "an order to be done");
}

static void *thread_run(void *arg)
{
	struct client *c = arg;
	loop_run(c->loop);
	return NULL;
}

void client_start(struct client *c, struct bridges *all, bool consumes, unsigned n_links)
{
	*c = (struct client){.all = all,
		.consumes = consumes,
		.n_links = n_links,
		.next = TALKS,
		.loop = loop_new(),
		.seed = all->seed * 2654435761u + consumes + 1};
	assert_non_null(c->loop);
	budget_init(&c->budget, (size_t)256 << 20);
	random_pool_init(&c->random);
	loop_timer_init(&c->tick, c->loop, on_tick);
	assert_int_equal(pthread_create(&c->thread, NULL, thread_run, c), 0);
}

static void stop(struct client *c)
{
	c->stopping = true;
}

void client_stop(struct client *c)
{
	client_order(c, stop);
	pthread_join(c->thread, NULL);
	for (unsigned i = 0; i < c->n_links; i++)
		assert_null(c->links[i]);
	loop_timer_cancel(&c->tick);
	random_pool_deinit(&c->random);
	loop_free(c->loop);
	assert_int_equal(c->budget.sum.held, 0);
}
