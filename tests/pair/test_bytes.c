/* SPDX-License-Identifier: MIT */
/*
 * What a bad line, or somebody on it, does to the bytes of a link: cut, changed, lost, sent again, or
 * a stranger's from the beginning. Rules 6, 14 and 24 of docs/protocol.md.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "pair.h"

/* However the bytes are cut, the same comes of it. */
static void cut_anywhere(void **state)
{
	for (uint32_t seed = 0; seed < 60; seed++) {
		struct pair p;
		struct pair_config config = {.client_waives = seed & 1, .server_waives = seed & 2};
		pair_init(&p, &config, seed);
		p.cut = seed < 30 ? seed + 1 : 0;
		pair_up(&p);
		struct flow *f = pair_open(&p.client, 1, 70000, true);
		pair_run(&p);
		if (!pair_peer(f)->got_end)
			fail_msg("seed %u", seed);
		pair_deinit(&p);
	}
}

/* A conversation of a few hundred bytes each way, from the first byte on. */
static void converse(struct pair *p)
{
	pair_run(p);
	if (p->client.link.state == LINK_UP && p->server.link.state == LINK_UP) {
		pair_open(&p->client, 1, 200, true);
		pair_open(&p->server, 2, 150, true);
		pair_run(p);
		struct flow *back = &p->server.flows[1];
		if (back->used) {
			back->give = 90;
			back->end = true;
			stream_ready(&back->stream);
		}
		pair_run(p);
	}
}

static struct side *side_at(struct pair *p, int i)
{
	return i ? &p->server : &p->client;
}

/* Each byte changed in three ways, in either direction: it ends, and nothing wrong is delivered. */
static void tampered(void **state)
{
	static const uint8_t by[] = {0x01, 0x80, 0xff};
	struct pair p;
	size_t sizes[2];
	pair_init(&p, NULL, 1);
	converse(&p);
	assert_true(p.server.flows[1].got_end && p.client.flows[2].got_end &&
		    p.client.flows[1].n_closed);
	sizes[0] = p.client.n_piped;
	sizes[1] = p.server.n_piped;
	pair_deinit(&p);
	for (int side = 0; side < 2; side++) {
		for (size_t at = 0; at < sizes[side] * ARRAY_LEN(by); at++) {
			pair_init(&p, NULL, 1);
			side_at(&p, side)->tamper_at = at / ARRAY_LEN(by);
			side_at(&p, side)->tamper_by = by[at % ARRAY_LEN(by)];
			converse(&p);
			pair_wait(&p, 40 * CLOCK_S);
			if (p.client.link.state != LINK_CLOSED ||
				p.server.link.state != LINK_CLOSED)
				fail_msg("byte %zu of side %d: client %s, server %s",
					at / ARRAY_LEN(by), side,
					link_state_name(p.client.link.state),
					link_state_name(p.server.link.state));
			pair_deinit(&p);
		}
	}
}

/* The connection lost behind each byte: what had not ended in order ends as LINK_LOST (rule 24). */
static void truncated(void **state)
{
	struct pair p;
	size_t sizes[2];
	pair_init(&p, NULL, 1);
	converse(&p);
	sizes[0] = p.client.n_piped;
	sizes[1] = p.server.n_piped;
	pair_deinit(&p);
	for (int side = 0; side < 2; side++) {
		for (size_t at = 0; at <= sizes[side]; at++) {
			pair_init(&p, NULL, 1);
			side_at(&p, side)->break_at = at;
			converse(&p);
			if (!p.broken)
				pair_break(&p);
			for (int i = 0; i < 2; i++) {
				struct side *s = side_at(&p, i);
				assert_int_equal(s->link.end, LINK_END_LOST);
				for (size_t k = 0; k < PAIR_FLOWS; k++) {
					struct flow *f = &s->flows[k];
					if (!f->used)
						continue;
					assert_int_equal(f->n_closed, 1);
					if (f->reason != FRAME_RESET_NONE)
						assert_int_equal(f->reason, FRAME_RESET_LINK_LOST);
				}
			}
			pair_deinit(&p);
		}
	}
}

/* A recorded first message, and a whole recorded client, against another connection. */
static void replayed(void **state)
{
	struct pair p, q;
	pair_init(&p, NULL, 1);
	p.cut = NOWHERE;
	while (p.client.link.state != LINK_HANDSHAKE)
		pair_step(&p);
	const uint8_t *bytes;
	size_t n = link_output(&p.client.link, &bytes, p.now);
	assert_true(n > HELLO_FIRST);

	pair_init(&q, NULL, 2);
	size_t room;
	uint8_t *at = link_room(&q.server.link, &room);
	memcpy(at, bytes, n);
	assert_int_equal(link_input(&q.server.link, n, q.now), -EPROTO);
	assert_int_equal(q.server.link.end, LINK_END_REFUSED);
	assert_int_equal(q.server.ups, 0);
	pair_break(&q);
	pair_deinit(&q);
	pair_up(&p); /* while its own server takes it */
	pair_deinit(&p);
}

/* A record of the client's that was delivered is delivered again. */
static void repeated_record(void **state)
{
	struct pair p;
	pair_init(&p, NULL, 1);
	pair_up(&p);
	pair_open(&p.client, 1, 100, true);
	const uint8_t *bytes;
	size_t n = link_output(&p.client.link, &bytes, p.now), room;
	for (int i = 0; i < 2; i++) {
		memcpy(link_room(&p.server.link, &room), bytes, n);
		assert_int_equal(link_input(&p.server.link, n, p.now), i ? -EPROTO : 0);
	}
	assert_int_equal(p.server.link.end, LINK_END_VIOLATION);
	assert_int_equal(p.server.flows[1].got, 100);
	pair_break(&p);
	pair_deinit(&p);
}

/* Raw WebSocket frames toward the server: what any stranger can send. */
static void strangers(void **state)
{
	static const struct {
		const char *name;
		uint8_t head[8];
		size_t head_size;
		size_t payload;
		enum link_end end;
	} rows[] = {
		{"1,025 bytes", {0x82, 0xfe, 0x04, 0x01}, 4, 0, LINK_END_VIOLATION},
		{"64 KiB", {0x82, 0xff, 0, 0, 0, 0, 0, 1}, 8, 8, LINK_END_VIOLATION},
		{"1,024 bytes of nothing", {0x82, 0xfe, 0x04, 0x00, 0, 0, 0, 0}, 8, 1024,
			LINK_END_VIOLATION},
		{"unmasked", {0x82, 0x05}, 2, 5, LINK_END_VIOLATION},
		{"text", {0x81, 0x85, 0, 0, 0, 0}, 6, 5, LINK_END_VIOLATION},
		{"an empty message", {0x82, 0x80, 0, 0, 0, 0}, 6, 0, LINK_END_VIOLATION},
		{"a first message of zeros", {0x82, 0x80 | HELLO_FIRST, 0, 0, 0, 0}, 6, HELLO_FIRST,
			LINK_END_REFUSED},
		{"a close frame", {0x88, 0x80, 0, 0, 0, 0}, 6, 0, LINK_END_LOST},
		{"GET /", {'G', 'E', 'T', ' ', '/'}, 5, 20, LINK_END_VIOLATION},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p;
		size_t room;
		pair_init(&p, NULL, 1);
		uint8_t *at = link_room(&p.server.link, &room);
		memcpy(at, rows[i].head, rows[i].head_size);
		memset(at + rows[i].head_size, 0, rows[i].payload);
		int r = link_input(&p.server.link, rows[i].head_size + rows[i].payload, p.now);
		if (r != -EPROTO || p.server.link.end != rows[i].end)
			fail_msg("%s: %d, end %d, %s", rows[i].name, r, p.server.link.end,
				p.server.link.why);
		assert_int_equal(p.server.link.mux.table.n_buckets, 0);
		pair_break(&p);
		pair_deinit(&p);
	}
}

/* Pings of a stranger's are answered, but not beyond what it reads. */
static void pings_without_reading(void **state)
{
	struct pair p;
	pair_init(&p, NULL, 1);
	size_t most = 0;
	for (int i = 0; i < 20000; i++) {
		size_t room;
		uint8_t *at = link_room(&p.server.link, &room);
		for (int k = 0; k < 10; k++)
			memcpy(at + 131 * k, "\x89\xfd\0\0\0\0", 6);
		assert_true(room >= 1310);
		assert_int_equal(link_input(&p.server.link, 1310, p.now), 0);
		most = MAX(most, buf_len(&p.server.link.out));
	}
	assert_in_range(most, 1000, MUX_RECORD + 200);
	pair_break(&p);
	pair_deinit(&p);
}

/* What waits for the socket follows how fast that is, and all of it arrives all the same. */
static void slow_ways_have_small_records(void **state)
{
	static const struct {
		uint64_t rate; /* bytes a second */
		size_t least, most;
	} rows[] = {
		{0, 4096, LINK_OUTPUT_MIN},      /* not known yet */
		{250000, 4096, LINK_OUTPUT_MIN}, /* 2 Mbit/s */
		{1000000, 19000, 20000},
		{5000000, 60000, 100000},
		{1000000000, MUX_RECORD / 2, LINK_OUTPUT_MAX},
		{UINT64_MAX, MUX_RECORD / 2, LINK_OUTPUT_MAX},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p;
		pair_init(&p, NULL, 1);
		pair_up(&p);
		struct flow *f = pair_open(&p.client, 1, 300000, true);
		const uint8_t *bytes;
		link_pace(&p.client.link, rows[i].rate);
		size_t n = link_output(&p.client.link, &bytes, p.now);
		if (n < rows[i].least || n > rows[i].most + 40)
			fail_msg("at %llu bytes/s %zu wait", (unsigned long long)rows[i].rate, n);
		pair_run(&p);
		assert_int_equal(pair_peer(f)->stream.taken, 300000);
		pair_deinit(&p);
	}
}

static int start(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(tampered),
		cmocka_unit_test(truncated),
		cmocka_unit_test(replayed),
		cmocka_unit_test(repeated_record),
		cmocka_unit_test(strangers),
		cmocka_unit_test(pings_without_reading),
		cmocka_unit_test(slow_ways_have_small_records),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
