/* Whose turn it is, and in which order things are said: rules 20, 23 and 26 of docs/protocol.md. */
#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "fake.h"
#include "mux/mux_internal.h"

#define BUDGET ((size_t)1 << 20)

static struct fr seen[SEEN_MAX];

/* Everything that is ready; returns how many frames. */
#define TURN (MUX_RECORD / 2) /* bytes of a stream when others wait */

static size_t fill_all(struct fake_mux *f)
{
	return fill(f, 0, FAKE_NOW, seen);
}

static void expect(size_t at, uint8_t type, uint32_t id, uint64_t v)
{
	assert_int_equal(seen[at].type, type);
	assert_int_equal(seen[at].id, id);
	assert_int_equal(seen[at].v, v);
}

/* As much credit as there can be, for all streams so far. */
static void credit_all(struct fake_mux *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct stream *s = &f->streams[i]->stream;
		struct fr window[] = {{FRAME_WINDOW, s->id, FRAME_CREDIT_MAX - s->credit}, {0}};
		assert_int_equal(feed(f, window, FAKE_NOW), 0);
	}
}

/* REUSE says how much was taken when the next bytes were chosen, and goes right before them, once. */
static void reuse_goes_before_the_next_bytes(void **state)
{
	struct fake_mux f;
	fake_init(&f, false, BUDGET);
	struct fake *a = fake_open(&f, 10, false);
	assert_int_equal(fill_all(&f), 2);
	struct fr answer[] = {{FRAME_DATA, a->stream.id, 70}, {0}};
	assert_int_equal(feed(&f, answer, FAKE_NOW), 0);
	stream_reuse(&a->stream);
	assert_int_equal(fill_all(&f), 0);
	a->give = 5;
	stream_ready(&a->stream);
	assert_int_equal(fill_all(&f), 2);
	expect(0, FRAME_REUSE, a->stream.id, 70);
	expect(1, FRAME_DATA, a->stream.id, 5);
	a->give = 5;
	stream_ready(&a->stream);
	assert_int_equal(fill_all(&f), 1);
	expect(0, FRAME_DATA, a->stream.id, 5);
	fake_deinit(&f);
}

static void open_order_is_id_order(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	struct fake *a = fake_open(&f, 0, false), *b = fake_open(&f, 10, false);
	struct fake *c = fake_open(&f, 10, true), *never = fake_open(&f, 10, true);
	stream_ready(&c->stream);
	stream_reset(&never->stream, FRAME_RESET_CANCELLED);
	struct fake *d = fake_open(&f, 1, false);
	assert_int_equal(fill_all(&f), 8);
	expect(0, FRAME_OPEN, 1, 13);
	expect(1, FRAME_OPEN, 3, 13);
	expect(2, FRAME_DATA, 3, 10);
	expect(3, FRAME_OPEN, 5, 13);
	expect(4, FRAME_DATA, 5, 10);
	expect(5, FRAME_FIN, 5, 0);
	expect(6, FRAME_OPEN, 7, 13); /* the one that never spoke took no id and said nothing */
	expect(7, FRAME_DATA, 7, 1);
	assert_int_equal(a->stream.id, 1);
	assert_int_equal(b->stream.id, 3);
	assert_int_equal(d->stream.id, 7);
	assert_int_equal(never->n_closed, 0);
	fake_deinit(&f);
}

static void link_frames_go_first(void **state)
{
	struct fake_mux f;
	fake_init(&f, false, BUDGET);
	struct fr open[] = {{FRAME_OPEN, 1}, {FRAME_OPEN, 3}, {FRAME_DATA, 1, FAKE_BASE},
		{FRAME_PING, 0, 8}, {0}};
	struct fake *a = fake_open(&f, 100, false);
	(void)a;
	assert_int_equal(feed(&f, open, FAKE_NOW), 0);
	stream_reset(&fake_stream(&f, 3)->stream, FRAME_RESET_BUSY);
	assert_int_equal(mux_control(&f.mux, "{}", 2), 0);
	mux_ping(&f.mux, FAKE_NOW);
	assert_int_equal(fill_all(&f), 7);
	expect(0, FRAME_PONG, 0, 8);
	expect(1, FRAME_PING, 0, 8);
	expect(2, FRAME_RESET, 3, 0);
	expect(3, FRAME_CONTROL, 0, 2);
	expect(4, FRAME_WINDOW, 1, FAKE_BASE);
	expect(5, FRAME_OPEN, 2, 13);
	expect(6, FRAME_DATA, 2, 100);
	fake_deinit(&f);
}

/* Equal shares in bytes, whatever size the pieces have in which a source gives them. */
static void shares_are_equal(void **state)
{
	static const struct {
		size_t n, max;
		size_t piece[5];
	} rows[] = {
		{2, 0, {0, 0}},
		{2, 0, {0, 300}},
		{3, 0, {0, 1500, 5000}},
		{5, 0, {0, 100, 0, 33000, 7}},
		{3, 4096, {0, 0, 700}},
		{3, 40000, {0, 0, 0}},
	};
	for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
		struct fake_mux f;
		fake_init(&f, true, BUDGET);
		for (size_t i = 0; i < rows[row].n; i++)
			fake_open(&f, SIZE_MAX / 2, false)->piece = rows[row].piece[i];
		fill_all(&f);
		credit_all(&f);
		size_t bytes[16] = {0}, total = 0;
		while (total < 10u << 20) {
			size_t n = fill(&f, rows[row].max, FAKE_NOW, seen);
			for (size_t i = 0; i < n; i++) {
				assert_int_equal(seen[i].type, FRAME_DATA);
				bytes[seen[i].id] += seen[i].v;
				total += seen[i].v;
			}
		}
		for (size_t i = 0; i < rows[row].n; i++) {
			double share =
				(double)bytes[2 * i + 1] * (double)rows[row].n / (double)total;
			if (share < 0.97 || share > 1.03)
				fail_msg("row %zu: stream %zu has %.3f of its share", row, i,
					share);
		}
		fake_deinit(&f);
	}
}

/* A record that is smaller than a turn does not end it. */
static void turn_survives_records(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	fake_open(&f, SIZE_MAX / 2, false);
	fake_open(&f, SIZE_MAX / 2, false);
	fill_all(&f);
	credit_all(&f);
	uint32_t turn = 0;
	size_t in_turn = 0, total = 0;
	int turns = 0;
	for (int record = 0; record < 2000; record++) {
		size_t n = fill(&f, 9000, FAKE_NOW, seen);
		for (size_t i = 0; i < n; i++) {
			if (seen[i].id != turn) {
				if (turns++ > 1)
					assert_in_range(in_turn, TURN - MUX_FILL_MIN,
						TURN + MUX_FILL_MIN);
				turn = seen[i].id;
				total += in_turn;
				in_turn = 0;
			}
			in_turn += seen[i].v;
		}
	}
	assert_true(turns > 200);
	/* What one turn leaves, the next one has. */
	assert_in_range(total / (size_t)turns, TURN * 99 / 100, TURN);
	fake_deinit(&f);
}

/* Whatever a bulk stream does, a small one waits for one turn at most. */
static void small_streams_do_not_wait(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	fake_open(&f, SIZE_MAX / 2, false);
	for (int i = 0; i < 40; i++)
		fake_open(&f, 0, false);
	fill_all(&f);
	credit_all(&f);
	for (int round = 0; round < 100; round++) {
		for (size_t i = 1; i < f.n; i++) {
			f.streams[i]->give = 300;
			stream_ready(&f.streams[i]->stream);
		}
		size_t n = fill_all(&f), bulk = 0, small = 0;
		for (size_t i = 0; i < n; i++) {
			if (seen[i].id == 1)
				bulk += seen[i].v;
			else if (small++ == 0)
				assert_true(bulk <= TURN + MUX_FILL_MIN);
		}
		assert_int_equal(small, 40);
	}
	fake_deinit(&f);
}

/* Alone, a stream takes whole records. */
static void alone_takes_all(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	fake_open(&f, SIZE_MAX / 2, false);
	fill_all(&f);
	credit_all(&f);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(fill_all(&f), 1);
		expect(0, FRAME_DATA, 1, MUX_RECORD - FRAME_HEADER);
	}
	fake_deinit(&f);
}

/* Two that fill record after record, beside credit that takes some room of each: no crumbs. */
static void turns_leave_no_crumbs(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	fake_open(&f, SIZE_MAX / 2, false);
	fake_open(&f, SIZE_MAX / 2, false);
	fill_all(&f);
	credit_all(&f);
	for (int i = 0; i < 500; i++) {
		f.mux.ping_sent = 0;
		mux_ping(&f.mux, FAKE_NOW);
		size_t n = fill_all(&f);
		for (size_t k = 0; k < n; k++)
			if (seen[k].type == FRAME_DATA)
				assert_true(seen[k].v >= MUX_FILL_MIN - FRAME_HEADER);
	}
	fake_deinit(&f);
}

/* On a slow way records are small; a datagram, which cannot be cut, is not held up by that. */
static void records_are_as_small_as_asked(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	fake_open(&f, SIZE_MAX / 2, false);
	fake_open(&f, SIZE_MAX / 2, false);
	fill_all(&f);
	credit_all(&f);
	mux_set_record(&f.mux, MUX_RECORD_MIN);
	size_t bytes[4] = {0}, both = 0;
	for (int i = 0; i < 1000; i++) {
		f.mux.ping_sent = 0;
		mux_ping(&f.mux, FAKE_NOW);
		size_t n = fill_all(&f), record = 0;
		both += n == 3;
		for (size_t k = 0; k < n; k++) {
			record += FRAME_HEADER + seen[k].v;
			bytes[seen[k].id] += seen[k].v;
		}
		assert_in_range(record, 2 * MUX_FILL_MIN, MUX_RECORD_MIN);
	}
	assert_in_range(both, 950, 1000); /* also behind a frame of the link */
	assert_in_range(bytes[1] * 100 / bytes[3], 97, 103);
	fake_deinit(&f);
}

static void credit_stops_one_stream_only(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	struct fake *a = fake_open(&f, 3 * FAKE_BASE, true), *b = fake_open(&f, 50, false);
	assert_int_equal(fill_all(&f), 4);
	expect(1, FRAME_DATA, 1, FAKE_BASE);
	expect(3, FRAME_DATA, 3, 50);
	assert_false(mux_pending(&f.mux));
	b->give = 60;
	stream_ready(&b->stream);
	stream_ready(&a->stream); /* without credit that changes nothing */
	assert_int_equal(fill_all(&f), 1);
	expect(0, FRAME_DATA, 3, 60);
	int wakes = f.wakes;
	struct fr window[] = {{FRAME_WINDOW, 1, 10}, {FRAME_WINDOW, 1, 20}, {0}};
	assert_int_equal(feed(&f, window, FAKE_NOW), 0);
	assert_true(f.wakes > wakes);
	assert_int_equal(fill_all(&f), 1);
	expect(0, FRAME_DATA, 1, 30);
	struct fr rest[] = {{FRAME_WINDOW, 1, 1 << 20}, {0}};
	assert_int_equal(feed(&f, rest, FAKE_NOW), 0);
	assert_int_equal(fill_all(&f), 2);
	expect(0, FRAME_DATA, 1, 2 * FAKE_BASE - 30);
	expect(1, FRAME_FIN, 1, 0);
	fake_deinit(&f);
}

/* An end of data behind bytes that used up the credit needs none itself. */
static void fin_comes_when_credit_does(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	mux_set_peer(&f.mux, 0, 10);
	struct fake *a = fake_open(&f, 0, true);
	assert_int_equal(fill_all(&f), 1);
	expect(0, FRAME_OPEN, 1, 13);
	struct fr window[] = {{FRAME_WINDOW, 1, 1}, {0}};
	assert_int_equal(feed(&f, window, FAKE_NOW), 0);
	assert_int_equal(fill_all(&f), 1);
	expect(0, FRAME_FIN, 1, 0);
	assert_int_equal(a->stream.state, STREAM_HALF_LOCAL);
	fake_deinit(&f);
}

static void ends_in_order(void **state)
{
	for (int peer_first = 0; peer_first < 2; peer_first++) {
		struct fake_mux f;
		fake_init(&f, true, BUDGET);
		struct fake *a = fake_open(&f, 5, !peer_first);
		fill_all(&f);
		struct fr end[] = {{FRAME_DATA, 1, 70}, {FRAME_FIN, 1, 5}, {0}};
		assert_int_equal(feed(&f, end, FAKE_NOW), 0);
		assert_int_equal(a->ended, 1);
		assert_int_equal(a->got, 70);
		assert_int_equal(a->n_closed, !peer_first);
		if (peer_first) {
			a->end = true;
			stream_ready(&a->stream);
			assert_int_equal(fill_all(&f), 1);
			expect(0, FRAME_FIN, 1, 70);
		}
		assert_int_equal(a->n_closed, 1);
		assert_int_equal(a->reason, FRAME_RESET_NONE);
		assert_int_equal(a->taken, 5);
		/* And is over: late frames change nothing, and nothing is said any more. */
		assert_int_equal(feed(&f, (struct fr[]){{FRAME_WINDOW, 1, 9}, {0}}, FAKE_NOW), 0);
		stream_ready(&a->stream);
		stream_resume(&a->stream);
		stream_reset(&a->stream, FRAME_RESET_ABORTED);
		assert_int_equal(fill_all(&f), 0);
		fake_deinit(&f);
	}
}

static void broken_sources_reset(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	struct fake *a = fake_open(&f, 5, false);
	fill_all(&f);
	assert_int_equal(feed(&f, (struct fr[]){{FRAME_DATA, 1, 33}, {0}}, FAKE_NOW), 0);
	a->broken = -ECONNRESET;
	stream_ready(&a->stream);
	fill_all(&f);
	assert_int_equal(a->n_closed, 1);
	assert_int_equal(a->reason, FRAME_RESET_ABORTED);
	assert_int_equal(fill_all(&f), 1);
	expect(0, FRAME_RESET, 1, 33);
	assert_int_equal(seen[0].reason, FRAME_RESET_ABORTED);
	fake_deinit(&f);
}

static void close_mux(struct fake *f)
{
	mux_close(&f->owner->mux, FRAME_RESET_LINK_LOST);
}

static void want_memory(struct fake *f)
{
	budget_charge(&f->owner->mux.account, BUDGET);
	budget_release(&f->owner->mux.account, BUDGET);
}

/* The stream may be gone when pull() returns, whatever it returns. */
static void closed_inside_pull(void **state)
{
	static const struct {
		size_t give;
		bool end;
		int broken;
	} rows[] = {{100, false, 0}, {0, false, 0}, {0, true, 0}, {0, false, -EIO},
		{FAKE_BASE, false, 0}};
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		struct fake_mux f;
		fake_init(&f, false, BUDGET);
		f.take = 0;
		assert_int_equal(feed(&f,
					 (struct fr[]){{FRAME_OPEN, 1}, {FRAME_DATA, 1, 9},
						 {FRAME_OPEN, 3}, {0}},
					 FAKE_NOW),
			0);
		struct fake *a = fake_stream(&f, 1);
		a->give = rows[i / 2].give;
		a->end = rows[i / 2].end;
		a->broken = rows[i / 2].broken;
		a->on_pull = i & 1 ? close_mux : want_memory;
		stream_ready(&a->stream);
		fill_all(&f);
		assert_int_equal(a->n_closed, 1);
		assert_int_equal(a->reason, i & 1 ? FRAME_RESET_LINK_LOST : FRAME_RESET_NO_MEMORY);
		assert_true(list_empty(&f.mux.ready));
		fake_deinit(&f);
	}
}

static void reset_neighbour(struct fake *f)
{
	for (size_t i = 0; i < f->owner->n; i++)
		stream_reset(&f->owner->streams[i]->stream, FRAME_RESET_CANCELLED);
}

/* closed() of one stream may end others, also while many are being ended. */
static void closed_inside_closed(void **state)
{
	for (int how = 0; how < 3; how++) {
		struct fake_mux f;
		fake_init(&f, true, BUDGET);
		for (int i = 0; i < 10; i++)
			fake_open(&f, 1, false)->on_closed = how == 1 ? close_mux : reset_neighbour;
		fill_all(&f);
		if (how < 2)
			assert_int_equal(feed(&f, (struct fr[]){{FRAME_GOAWAY, 0, 0}, {0}},
						 FAKE_NOW),
				how == 1 ? -EPROTO : 0);
		else
			mux_close(&f.mux, FRAME_RESET_LINK_LOST);
		for (size_t i = 0; i < f.n; i++)
			assert_false(stream_alive(&f.streams[i]->stream));
		fake_deinit(&f);
	}
}

static void reset_in_second_chunk(struct fake *f)
{
	if (f->got <= 1024)
		return;
	f->stream.taken += 100; /* what this very call wrote before its socket broke */
	stream_reset(&f->stream, FRAME_RESET_PROTOCOL);
}

/* Rule 23: what was taken is said, also when the reset comes amid many pieces that were queued. */
static void resets_count_what_was_taken(void **state)
{
	struct fake_mux f;
	fake_init(&f, false, BUDGET);
	f.take = 0;
	struct fr frames[] = {{FRAME_OPEN, 1}, {FRAME_DATA, 1, 1024}, {FRAME_DATA, 1, 2000}, {0}};
	assert_int_equal(feed(&f, frames, FAKE_NOW), 0);
	struct fake *a = fake_stream(&f, 1);
	a->take = SIZE_MAX;
	a->on_push = reset_in_second_chunk;
	stream_resume(&a->stream);
	assert_int_equal(fill_all(&f), 1);
	expect(0, FRAME_RESET, 1, 1124);
	fake_deinit(&f);
}

static void pings_measure(void **state)
{
	struct fake_mux f;
	uint64_t now = FAKE_NOW;
	uint8_t record[4096];
	fake_init(&f, true, BUDGET);
	static const struct {
		uint64_t after, takes, least; /* seconds since the last, and µs */
	} rows[] = {{0, 900, 900}, {5, 500, 500}, {5, 700, 500}, {25, 800, 500}, {31, 700, 700},
		{31, 800, 700}, {31, 900, 800}, {31, 10000, 900}};
	assert_int_equal(mux_rtt(&f.mux), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		now += rows[i].after * CLOCK_S;
		mux_ping(&f.mux, now);
		mux_ping(&f.mux, now);
		size_t n = mux_fill(&f.mux, record, sizeof(record), now);
		assert_int_equal(n, 16);
		record[0] = FRAME_PONG;
		mux_ping(&f.mux, now); /* one at a time */
		assert_false(mux_pending(&f.mux));
		record[15] ^= 1;
		assert_int_equal(mux_input(&f.mux, record, n, now + 1), 0);
		record[15] ^= 1;
		assert_int_equal(mux_input(&f.mux, record, n, now + rows[i].takes), 0);
		assert_int_equal(mux_input(&f.mux, record, n, now + 1), 0);
		assert_int_equal(mux_rtt(&f.mux), rows[i].least);
	}
	fake_deinit(&f);
}

static void fill_at_once(struct fake_mux *f)
{
	fill(f, 0, FAKE_NOW, seen);
}

static void controls_are_whole_and_bounded(void **state)
{
	static uint8_t json[FRAME_CONTROL_MAX + 1];
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	f.on_wake = fill_at_once; /* even if whoever is woken writes at once */
	assert_int_equal(mux_control(&f.mux, json, 100), 0);
	expect(0, FRAME_CONTROL, 0, 100);
	f.on_wake = NULL;
	assert_int_equal(mux_control(&f.mux, json, sizeof(json)), -EMSGSIZE);
	int r = 0, sent = 0;
	while ((r = mux_control(&f.mux, json, FRAME_CONTROL_MAX)) == 0)
		sent++;
	assert_int_equal(r, -ENOBUFS);
	assert_true(buf_len(&f.mux.frames) <= MUX_FRAMES_MAX);
	assert_true(sent > 5);
	/* To the byte. */
	size_t left = MUX_FRAMES_MAX - buf_len(&f.mux.frames);
	assert_in_range(left, FRAME_HEADER + 1, FRAME_CONTROL_MAX);
	assert_int_equal(mux_control(&f.mux, json, left - FRAME_HEADER + 1), -ENOBUFS);
	assert_int_equal(mux_control(&f.mux, json, left - FRAME_HEADER), 0);
	assert_int_equal(buf_len(&f.mux.frames), MUX_FRAMES_MAX);
	assert_int_equal(mux_queue(&f.mux, json, 1), -ENOBUFS);
	for (int i = 0; i < sent; i++) {
		assert_int_equal(fill_all(&f), 1);
		expect(0, FRAME_CONTROL, 0, FRAME_CONTROL_MAX);
	}
	assert_int_equal(fill_all(&f), 1);
	expect(0, FRAME_CONTROL, 0, left - FRAME_HEADER);
	for (size_t i = 0; i < MUX_FRAMES_MAX; i += 1024)
		assert_int_equal(mux_queue(&f.mux, json, 1024), 0);
	assert_int_equal(mux_queue(&f.mux, json, 1), -ENOBUFS);
	buf_consume(&f.mux.frames, MUX_FRAMES_MAX);
	assert_false(mux_pending(&f.mux));
	mux_tick(&f.mux, FAKE_NOW);
	assert_null(f.mux.frames.data);
	fake_deinit(&f);
}

static void peer_limits_streams(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	mux_set_peer(&f.mux, FAKE_BASE, 2);
	struct fake *a = fake_open(&f, 1, false);
	fake_open(&f, 1, false);
	struct stream late;
	stream_init(&late, a->stream.ops);
	assert_false(mux_may_open(&f.mux));
	assert_int_equal(mux_open(&f.mux, &late), -EBUSY);
	stream_reset(&a->stream, FRAME_RESET_NONE);
	assert_true(mux_may_open(&f.mux));
	fake_deinit(&f);
}

static void ids_run_out(void **state)
{
	struct fake_mux f;
	fake_init(&f, true, BUDGET);
	f.mux.next_id = UINT32_MAX - 2 * (1 << 20) - 2;
	f.mux.next_id |= 1;
	while (!mux_ids_low(&f.mux)) {
		fake_open(&f, 1, false);
		fill_all(&f);
	}
	assert_true(f.n >= 1 && f.n < 5);
	struct stream late;
	stream_init(&late, f.streams[0]->stream.ops);
	assert_int_equal(mux_open(&f.mux, &late), -ESHUTDOWN);
	assert_false(mux_may_open(&f.mux));
	/* The peer is told, and what is open goes on. */
	assert_true(f.mux.draining);
	f.streams[0]->give = 10;
	stream_ready(&f.streams[0]->stream);
	assert_int_equal(fill_all(&f), 2);
	fake_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_order_is_id_order),
		cmocka_unit_test(reuse_goes_before_the_next_bytes),
		cmocka_unit_test(link_frames_go_first),
		cmocka_unit_test(shares_are_equal),
		cmocka_unit_test(turn_survives_records),
		cmocka_unit_test(small_streams_do_not_wait),
		cmocka_unit_test(alone_takes_all),
		cmocka_unit_test(turns_leave_no_crumbs),
		cmocka_unit_test(records_are_as_small_as_asked),
		cmocka_unit_test(credit_stops_one_stream_only),
		cmocka_unit_test(fin_comes_when_credit_does),
		cmocka_unit_test(ends_in_order),
		cmocka_unit_test(broken_sources_reset),
		cmocka_unit_test(closed_inside_pull),
		cmocka_unit_test(closed_inside_closed),
		cmocka_unit_test(resets_count_what_was_taken),
		cmocka_unit_test(pings_measure),
		cmocka_unit_test(controls_are_whole_and_bounded),
		cmocka_unit_test(peer_limits_streams),
		cmocka_unit_test(ids_run_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
