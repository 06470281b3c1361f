/* SPDX-License-Identifier: MIT */
#include "pair.h"

#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "tests/link_config.h"

static struct flow *flow_of(struct stream *s)
{
	return container_of(s, struct flow, stream);
}

static struct side *side_of(struct link *l)
{
	return container_of(l, struct side, link);
}

struct side *pair_other(struct side *s)
{
	return s->client ? &s->pair->server : &s->pair->client;
}

struct flow *pair_peer(struct flow *f)
{
	return &pair_other(f->side)->flows[f->number];
}

/* Of all streams and both directions a different run of bytes. */
static uint8_t flow_byte(bool from_client, uint32_t number, size_t i)
{
	return (uint8_t)(i * 167 + (i >> 8) * 13 + number * 59 + from_client * 101);
}

static void on_opening(struct stream *s, struct frame_open *open_out)
{
	open_out->kind = FRAME_KIND_TCP;
	open_out->service = flow_of(s)->number;
	open_out->visitor = (struct frame_addr){.family = 4, .port = 80, .ip = {127, 0, 0, 1}};
}

static ssize_t on_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct flow *f = flow_of(s);
	size_t n = MIN(max, f->give);
	if (f->piece)
		n = MIN(n, f->piece);
	if (!n && f->end) {
		f->sent_end = true;
		f->total = f->sent;
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		room[i] = flow_byte(f->side->client, f->number, f->sent + i);
	f->give -= n;
	f->sent += n;
	return n ? (ssize_t)n : -EAGAIN;
}

static size_t on_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct flow *f = flow_of(s);
	assert_false(f->got_end || f->n_closed || f->resetting);
	size_t took = MIN(n, f->take);
	for (size_t i = 0; i < took; i++)
		if (p[i] != flow_byte(!f->side->client, f->number, f->got + i))
			fail_msg("byte %zu of flow %u is wrong", f->got + i, f->number);
	f->got += took;
	f->take -= took;
	if (f->side->on_push)
		f->side->on_push(f);
	return took;
}

static void on_push_end(struct stream *s)
{
	struct flow *f = flow_of(s);
	assert_false(f->got_end || f->n_closed || f->resetting);
	f->got_end = true;
	/* Only FIN is an end of data (rule 24), and the peer said FIN here and nowhere else. */
	assert_true(pair_peer(f)->sent_end);
	assert_int_equal(f->got, pair_peer(f)->total);
}

static void on_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	struct flow *f = flow_of(s);
	assert_int_equal(f->n_closed++, 0);
	assert_false(f->resetting);
	f->reason = reason;
	f->taken = taken;
	assert_true(taken <= f->sent);
	if (reason == FRAME_RESET_NONE)
		assert_true(f->got_end && f->sent_end);
	if (f->side->on_closed)
		f->side->on_closed(f);
}

static const struct stream_ops stream_ops = {
	.opening = on_opening,
	.pull = on_pull,
	.push = on_push,
	.push_end = on_push_end,
	.closed = on_closed,
};

static struct flow *flow_begin(struct side *s, uint32_t number)
{
	assert_true(number < PAIR_FLOWS);
	struct flow *f = &s->flows[number];
	assert_false(f->used);
	*f = (struct flow){.side = s, .number = number, .used = true, .take = SIZE_MAX};
	stream_init(&f->stream, &stream_ops);
	return f;
}

struct flow *pair_open(struct side *s, uint32_t number, size_t give, bool end)
{
	struct flow *f = flow_begin(s, number);
	f->give = give;
	f->end = end;
	assert_int_equal(mux_open(&s->link.mux, &f->stream), 0);
	return f;
}

static void on_salt(struct link *l, const uint8_t salt[HELLO_SALT])
{
	side_of(l)->salts++;
	memcpy(side_of(l)->salt, salt, HELLO_SALT);
}

static const uint8_t *on_find_psk(struct link *l, const uint8_t id[TOKEN_ID_SIZE])
{
	static const uint8_t nobodys[TOKEN_PSK_SIZE] = "which no client has";
	struct side *s = side_of(l);
	return !s->knows_no_key && token_id_equal(id, s->key.id) ? s->key.psk : nobodys;
}

static void on_up(struct link *l, const struct control *hello)
{
	struct side *s = side_of(l);
	assert_int_equal(l->state, LINK_UP);
	s->ups++;
	s->peer_window = hello->hello.base_window;
	strcpy(s->peer_features, hello->hello.features ? hello->hello.features : "");
	assert_memory_equal(hello->hello.instance, pair_other(s)->instance, CONTROL_INSTANCE);
	if (s->on_up)
		s->on_up(s);
}

static void on_control(struct link *l, struct control *message)
{
	struct side *s = side_of(l);
	s->controls++;
	if (message->type == CONTROL_NOTICE)
		strcpy(s->notice, message->notice.sentence);
}

static struct stream *on_open(struct link *l, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct side *s = side_of(l);
	assert_int_equal(s->ups, 1);
	if (open->kind == FRAME_KIND_UDP && s->on_udp)
		return s->on_udp(s, open);
	if (open->service >= PAIR_FLOWS || s->flows[open->service].used) {
		*reason_out = FRAME_RESET_UNKNOWN_SERVICE;
		return NULL;
	}
	return &flow_begin(s, open->service)->stream;
}

static void on_goaway(struct link *l, uint8_t reason)
{
	assert_int_equal(side_of(l)->ups, 1);
	side_of(l)->goaways++;
}

static void on_silent(struct link *l)
{
	side_of(l)->silences++;
}

static void on_wake(struct link *l)
{
}

static const struct link_ops link_ops = {
	.salt = on_salt,
	.find_psk = on_find_psk,
	.up = on_up,
	.control = on_control,
	.open = on_open,
	.goaway = on_goaway,
	.silent = on_silent,
	.wake = on_wake,
};

static void side_init(struct pair *p, struct side *s, bool client)
{
	const struct pair_config *c = &p->config;
	memset(s, 0, sizeof(*s));
	s->pair = p;
	s->client = client;
	s->tamper_at = s->break_at = NOWHERE;
	budget_init(&s->budget, c->budget ? c->budget : (size_t)64 << 20);
	random_pool_init(&s->random);
	memset(s->instance, client ? 0xc1 : 0x5e, sizeof(s->instance));
	struct link_config config = link_config_make(&s->budget, &s->random, s->instance);
	config.client = client;
	config.seal_waived = client ? c->client_waives : c->server_waives;
	if (c->limits.base_window)
		config.limits = c->limits;
	config.features = client ? c->client_features : c->server_features;
	config.unverified = client ? c->unverified : NULL;
	const char *cb = client ? c->client_cb : c->server_cb;
	if (cb) {
		config.tls13 = !(client && c->client_tls12);
		config.cb_given = true;
		memcpy(config.cb, cb, HELLO_CB);
	}
	assert_int_equal(link_init(&s->link, &link_ops, &config, p->now), 0);
	memset(&s->key, 0x77, sizeof(s->key));
	if (c->open_mode)
		token_key_open_mode(&s->key);
}

void pair_init(struct pair *p, const struct pair_config *config, uint32_t seed)
{
	static const struct pair_config none;
	memset(p, 0, sizeof(*p));
	p->config = config ? *config : none;
	p->now = PAIR_START;
	p->random = seed * 2654435761u + 1;
	p->cut = NOWHERE;
	side_init(p, &p->client, true);
	side_init(p, &p->server, false);
	p->client.key.psk[3] ^= p->config.wrong_psk;
	p->client.key.id[3] ^= p->config.wrong_id;
	p->server.knows_no_key = p->config.server_without_key;
}

static void side_deinit(struct side *s)
{
	link_deinit(&s->link);
	assert_int_equal(s->budget.sum.held, 0);
	buf_deinit(&s->pipe);
	random_pool_deinit(&s->random);
	for (size_t i = 0; i < PAIR_FLOWS; i++)
		if (s->flows[i].used)
			assert_false(stream_alive(&s->flows[i].stream));
}

void pair_deinit(struct pair *p)
{
	side_deinit(&p->client);
	side_deinit(&p->server);
}

uint32_t pair_draw(struct pair *p, uint32_t n)
{
	p->random ^= p->random << 13;
	p->random ^= p->random >> 17;
	p->random ^= p->random << 5;
	return p->random % n;
}

static size_t cut(struct pair *p, size_t n)
{
	static const uint32_t most[] = {8, 2000, 0, 100000}; /* 0: not now */
	if (p->cut)
		return MIN(n, p->cut);
	uint32_t row = most[pair_draw(p, ARRAY_LEN(most))];
	size_t piece = row ? 1 + pair_draw(p, row) : 0;
	return MIN(n, piece);
}

void pair_break(struct pair *p)
{
	p->broken = true;
	link_close(&p->client.link, LINK_END_LOST, "the connection was lost");
	link_close(&p->server.link, LINK_END_LOST, "the connection was lost");
}

/* From the link's output into the pipe, as a socket takes it. */
static size_t side_write(struct side *s)
{
	const uint8_t *bytes;
	size_t n = cut(s->pair, link_output(&s->link, &bytes, s->pair->now));
	assert_int_equal(buf_append(&s->pipe, bytes, n), 0);
	if (s->tamper_at >= s->n_piped && s->tamper_at < s->n_piped + n)
		buf_tail(&s->pipe)[(ptrdiff_t)(s->tamper_at - s->n_piped) - (ptrdiff_t)n] ^=
			s->tamper_by;
	s->n_piped += n;
	link_sent(&s->link, n);
	return n;
}

/* From the pipe into the other link, as a socket gives it. */
static size_t side_read(struct side *to, struct side *from)
{
	size_t room, n = cut(to->pair, buf_len(&from->pipe));
	if (from->n_piped >= from->break_at && buf_len(&from->pipe)) {
		size_t first = from->n_piped - buf_len(&from->pipe);
		n = MIN(n, from->break_at > first ? from->break_at - first : 0);
		if (!n) {
			pair_break(to->pair);
			return 0;
		}
	}
	if (!n)
		return 0;
	uint8_t *at = link_room(&to->link, &room);
	assert_non_null(at);
	/* A stranger gets room for a handshake only. */
	assert_true(to->link.state >= LINK_UP || room < 8192);
	n = MIN(n, room);
	memcpy(at, buf_head(&from->pipe), n);
	buf_consume(&from->pipe, n);
	if (to->link.state != LINK_CLOSED)
		link_input(&to->link, n, to->pair->now);
	return n;
}

bool pair_step(struct pair *p)
{
	size_t moved = side_write(&p->client) + side_write(&p->server);
	if (p->broken)
		return false;
	moved += side_read(&p->server, &p->client);
	if (!p->broken)
		moved += side_read(&p->client, &p->server);
	if (p->client.link.state == LINK_KEY && !p->config.hold_key) {
		link_key(&p->client.link, &p->client.key, p->now);
		moved++;
	}
	return moved > 0;
}

void pair_run(struct pair *p)
{
	size_t steps = 0;
	while (!p->broken &&
		(pair_step(p) || buf_len(&p->client.pipe) || buf_len(&p->server.pipe) ||
			link_pending(&p->client.link) || link_pending(&p->server.link))) {
		p->now += 10;
		assert_true(steps++ < 1000000);
	}
}

static uint64_t side_tick(struct side *s)
{
	uint64_t at = link_deadline(&s->link);
	if (at != CLOCK_NEVER && at <= s->pair->now)
		link_tick(&s->link, s->pair->now);
	return link_deadline(&s->link);
}

void pair_run_until(struct pair *p, struct side *s, enum link_state state)
{
	for (int i = 0; i < 100 && s->link.state != state; i++)
		pair_step(p);
	assert_int_equal(s->link.state, state);
}

void pair_wait(struct pair *p, uint64_t time)
{
	uint64_t until = p->now + time;
	while (p->now < until) {
		pair_run(p);
		uint64_t next = clock_earlier(side_tick(&p->client), side_tick(&p->server));
		if (next == CLOCK_NEVER)
			break;
		p->now = MIN(MAX(next, p->now + 1), until);
	}
	p->now = MAX(p->now, until);
	side_tick(&p->client);
	side_tick(&p->server);
	pair_run(p);
}

void pair_up(struct pair *p)
{
	pair_run(p);
	assert_int_equal(p->client.link.state, LINK_UP);
	assert_int_equal(p->server.link.state, LINK_UP);
	assert_int_equal(p->client.ups, 1);
	assert_int_equal(p->server.ups, 1);
}

void pair_inject(struct side *s, const void *frames, size_t n)
{
	struct buf all = BUF_NULL, *waiting = &s->link.mux.frames;
	assert_int_equal(buf_append(&all, frames, n), 0);
	assert_int_equal(buf_append(&all, buf_head(waiting), buf_len(waiting)), 0);
	buf_deinit(waiting);
	*waiting = all;
}
