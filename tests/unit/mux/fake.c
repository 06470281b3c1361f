/* SPDX-License-Identifier: MIT */
#include "fake.h"

#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"

static struct fake *fake_of(struct stream *s)
{
	return container_of(s, struct fake, stream);
}

uint8_t fake_byte(uint8_t seed, size_t i)
{
	return (uint8_t)(i * 131 + (i >> 8) + seed);
}

static void on_opening(struct stream *s, struct frame_open *open_out)
{
	open_out->kind = FRAME_KIND_TCP;
	open_out->service = 7;
}

static ssize_t pull_datagram(struct fake *f, uint8_t *room, size_t max)
{
	if (!f->give)
		return -EAGAIN;
	if (f->piece > max)
		return -EMSGSIZE;
	memset(room, (int)f->stream.id, f->piece);
	f->give--;
	f->pulled += f->piece;
	return (ssize_t)f->piece;
}

static ssize_t on_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct fake *f = fake_of(s);
	assert_true(stream_alive(s));
	assert_true(max > 0);
	f->n_pulls++;
	if (f->on_pull)
		f->on_pull(f);
	if (f->broken)
		return f->broken;
	if (s->datagrams)
		return pull_datagram(f, room, max);
	size_t n = MIN(max, f->give);
	if (f->piece)
		n = MIN(n, f->piece);
	if (!n)
		return f->end ? 0 : -EAGAIN;
	for (size_t i = 0; i < n; i++)
		room[i] = fake_byte(0, f->pulled + i);
	f->give -= n;
	f->pulled += n;
	return (ssize_t)n;
}

static size_t on_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct fake *f = fake_of(s);
	assert_int_equal(f->ended, 0);
	assert_int_equal(f->n_closed, 0);
	if (s->datagrams) {
		f->got += n;
		f->n_datagrams++;
		if (f->on_push)
			f->on_push(f);
		return 0;
	}
	assert_true(n > 0);
	size_t took = MIN(n, f->take);
	for (size_t i = 0; i < took; i++)
		if (p[i] != fake_byte(f->seed, f->got + i))
			fail_msg("byte %zu of stream %u is wrong", f->got + i, s->id);
	f->take -= took;
	f->got += took;
	if (f->on_push)
		f->on_push(f);
	return took;
}

static void on_push_end(struct stream *s)
{
	struct fake *f = fake_of(s);
	assert_int_equal(f->n_closed, 0);
	f->ended++;
	if (f->on_end)
		f->on_end(f);
}

static void on_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	struct fake *f = fake_of(s);
	f->n_closed++;
	f->reason = reason;
	f->taken = taken;
	if (f->on_closed)
		f->on_closed(f);
}

static const struct stream_ops stream_ops = {
	.opening = on_opening,
	.pull = on_pull,
	.push = on_push,
	.push_end = on_push_end,
	.closed = on_closed,
};

static struct fake *fake_new(struct fake_mux *m)
{
	assert_true(m->n < FAKE_STREAMS);
	struct fake *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->owner = m;
	f->take = m->take;
	stream_init(&f->stream, &stream_ops);
	m->streams[m->n++] = f;
	return f;
}

static struct stream *on_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct fake_mux *owner = container_of(m, struct fake_mux, mux);
	if (owner->refusal) {
		*reason_out = owner->refusal;
		return NULL;
	}
	struct fake *f = fake_new(owner);
	if (owner->on_accept)
		owner->on_accept(f);
	return &f->stream;
}

static void on_control(struct mux *m, const uint8_t *json, size_t n)
{
	container_of(m, struct fake_mux, mux)->controls++;
}

static void on_goaway(struct mux *m, uint8_t reason)
{
	container_of(m, struct fake_mux, mux)->goaways++;
}

static void on_wake(struct mux *m)
{
	struct fake_mux *f = container_of(m, struct fake_mux, mux);
	f->wakes++;
	if (f->on_wake)
		f->on_wake(f);
}

static const struct mux_ops mux_ops = {
	.open = on_open,
	.control = on_control,
	.goaway = on_goaway,
	.wake = on_wake,
};

void fake_init(struct fake_mux *f, bool client, size_t budget)
{
	static const struct mux_limits limits = {.base_window = FAKE_BASE,
		.max_window = 64 * FAKE_BASE,
		.max_streams = 100};
	memset(f, 0, sizeof(*f));
	f->take = SIZE_MAX;
	budget_init(&f->budget, budget);
	mux_init(&f->mux, &mux_ops, &limits, &f->budget, client);
	f->mux.shared = &f->shared;
	mux_set_peer(&f->mux, FAKE_BASE, 1000);
}

void fake_share_budget(struct fake_mux *f, struct fake_mux *with)
{
	void (*relieve)(struct budget_account *) = f->mux.account.relieve;
	budget_account_deinit(&f->mux.account);
	budget_account_init(&f->mux.account, &with->budget, relieve);
}

void fake_deinit(struct fake_mux *f)
{
	if (f->mux.ops)
		mux_close(&f->mux, FRAME_RESET_LINK_LOST);
	assert_int_equal(f->mux.account.sum.held, 0);
	assert_int_equal(f->mux.n_local + f->mux.n_remote, 0);
	assert_int_equal(f->shared.open, 0);
	mux_deinit(&f->mux);
	assert_int_equal(f->budget.sum.held + f->budget.sum.promised, 0);
	for (size_t i = 0; i < f->n; i++)
		free(f->streams[i]);
}

struct fake *fake_open(struct fake_mux *m, size_t give, bool end)
{
	struct fake *f = fake_new(m);
	f->give = give;
	f->end = end;
	assert_int_equal(mux_open(&m->mux, &f->stream), 0);
	return f;
}

struct fake *fake_stream(struct fake_mux *m, uint32_t id)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->streams[i]->stream.id == id)
			return m->streams[i];
	return NULL;
}

static size_t write_other(struct script *s, struct fr fr)
{
	uint8_t *at = s->p + s->n;
	frame_write_header(at, fr.type, (size_t)fr.v, fr.id);
	memset(at + FRAME_HEADER, 0, (size_t)fr.v);
	if (fr.type == FRAME_DATA && fr.id < ARRAY_LEN(s->at))
		for (size_t i = 0; i < fr.v; i++)
			at[FRAME_HEADER + i] = fake_byte(0, s->at[fr.id]++);
	return FRAME_HEADER + (size_t)fr.v;
}

void script_add(struct script *s, struct fr fr)
{
	uint8_t *at = s->p + s->n;
	static const struct frame_open open = {.kind = FRAME_KIND_TCP, .service = 1};
	bool large = fr.type == FRAME_DATA || fr.type == FRAME_DATAGRAM;
	assert_true(s->n + (large ? FRAME_HEADER + fr.v : FRAME_SMALL_MAX) <= sizeof(s->p));
	switch (fr.type) {
	case FRAME_OPEN:
		s->n += frame_write_open(at, fr.id, &open);
		break;
	case FRAME_FIN:
		s->n += frame_write_fin(at, fr.id, fr.v);
		break;
	case FRAME_RESET:
		s->n += frame_write_reset(at, fr.id, fr.reason, fr.v);
		break;
	case FRAME_WINDOW:
		s->n += frame_write_window(at, fr.id, (uint32_t)fr.v);
		break;
	case FRAME_GOAWAY:
		s->n += frame_write_goaway(at, (uint32_t)fr.v, fr.reason);
		break;
	default:
		s->n += write_other(s, fr);
	}
}

int script_feed(struct script *s, struct fake_mux *f, uint64_t now)
{
	uint8_t *exact = malloc(s->n);
	assert_non_null(exact);
	memcpy(exact, s->p, s->n);
	int r = mux_input(&f->mux, exact, s->n, now);
	free(exact);
	s->n = 0;
	return r;
}

int feed(struct fake_mux *f, const struct fr *frames, uint64_t now)
{
	struct script *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	for (size_t i = 0; i < f->n; i++) {
		struct fake *x = f->streams[i];
		if (x->stream.id < ARRAY_LEN(s->at))
			s->at[x->stream.id] = x->got + x->stream.queued;
	}
	for (; frames->type; frames++)
		script_add(s, *frames);
	int r = script_feed(s, f, now);
	free(s);
	return r;
}

size_t fill(struct fake_mux *f, size_t max, uint64_t now, struct fr seen_out[SEEN_MAX])
{
	max = max ? max : FRAME_MESSAGE_MAX;
	uint8_t *record = malloc(max);
	assert_non_null(record);
	size_t n = mux_fill(&f->mux, record, max, now), count = 0;
	assert_true(n <= max);
	for (size_t at = 0; at < n;) {
		struct frame fr;
		assert_int_equal(frame_read_header(record + at, n - at, &fr), 0);
		assert_true(count < SEEN_MAX);
		struct fr *seen = &seen_out[count++];
		*seen = (struct fr){.type = fr.type, .id = fr.stream, .v = fr.size};
		uint32_t number;
		if (fr.type == FRAME_FIN) {
			seen->v = frame_read_fin(&fr);
		} else if (fr.type == FRAME_REUSE) {
			seen->v = frame_read_reuse(&fr);
		} else if (fr.type == FRAME_RESET) {
			seen->reason = frame_read_reset(&fr, &seen->v);
		} else if (fr.type == FRAME_WINDOW) {
			assert_int_equal(frame_read_window(&fr, &number), 0);
			seen->v = number;
		} else if (fr.type == FRAME_GOAWAY) {
			seen->reason = frame_read_goaway(&fr, &number);
			seen->v = number;
		}
		at += FRAME_HEADER + fr.size;
	}
	free(record);
	return count;
}
