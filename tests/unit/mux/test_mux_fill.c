/* SPDX-License-Identifier: MIT */
/* Whose turn it is, and in which order things are said: rules 20, 23 and 26 of docs/protocol.md. */
#include "seen.h"

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
	assert_int_equal(f.goaways, 1); /* and so is the client's owner, who makes a new link */
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
		cmocka_unit_test(pings_measure),
		cmocka_unit_test(controls_are_whole_and_bounded),
		cmocka_unit_test(peer_limits_streams),
		cmocka_unit_test(ids_run_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
