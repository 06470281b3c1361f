/* SPDX-License-Identifier: MIT */
/*
 * Streams of datagrams over a link that is up: whole, in order, once, whatever the bytes beside
 * them do (docs/protocol.md, rule 18). The link itself loses none; only sockets and queues do.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "pair.h"

#define FLOWS 8

/* Both directions of a flow; datagram k of a direction has a size and bytes that follow from k. */
struct udp_flow {
	struct udp_end {
		struct stream stream;
		struct udp_flow *flow;
		uint32_t give, sent, got;
		int n_closed;
		enum frame_reset reason;
	} ends[2]; /* the server's, which opens, and the client's */
	uint32_t number;
};

static struct udp_flow flows[FLOWS];

static struct udp_end *end_of(struct stream *s)
{
	return container_of(s, struct udp_end, stream);
}

static uint32_t salt_of(const struct udp_end *e)
{
	return e->flow->number * 2 + (e == &e->flow->ends[1]);
}

static size_t size_at(uint32_t salt, uint32_t k)
{
	static const size_t sizes[] = {0, 1, 20, 512, 1200, 1472, 9000, 40000, FRAME_DATAGRAM_MAX};
	return sizes[(k * 7 + k / 9 + salt) % ARRAY_LEN(sizes)];
}

static uint8_t byte_at(uint32_t salt, uint32_t k, size_t i)
{
	return (uint8_t)(salt * 31 + k * 17 + i * 5 + (i >> 8));
}

static void on_opening(struct stream *s, struct frame_open *open_out)
{
	open_out->kind = FRAME_KIND_UDP;
	open_out->service = end_of(s)->flow->number;
}

static ssize_t on_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct udp_end *e = end_of(s);
	if (e->sent == e->give)
		return -EAGAIN;
	size_t n = size_at(salt_of(e), e->sent);
	if (n > max)
		return -EMSGSIZE;
	for (size_t i = 0; i < n; i++)
		room[i] = byte_at(salt_of(e), e->sent, i);
	e->sent++;
	return (ssize_t)n;
}

static size_t on_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct udp_end *e = end_of(s), *peer = &e->flow->ends[e == e->flow->ends];
	assert_int_equal(e->n_closed, 0);
	assert_int_equal(n, size_at(salt_of(peer), e->got));
	for (size_t i = 0; i < n; i++)
		if (p[i] != byte_at(salt_of(peer), e->got, i))
			fail_msg("byte %zu of datagram %u is wrong", i, e->got);
	e->got++;
	return 0;
}

static void on_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	end_of(s)->n_closed++;
	end_of(s)->reason = reason;
}

static const struct stream_ops stream_ops = {
	.opening = on_opening,
	.pull = on_pull,
	.push = on_push,
	.closed = on_closed,
};

static struct stream *end_begin(uint32_t number, int which)
{
	struct udp_end *e = &flows[number].ends[which];
	e->flow = &flows[number];
	flows[number].number = number;
	stream_init(&e->stream, &stream_ops);
	e->stream.datagrams = true;
	return &e->stream;
}

static struct stream *on_udp(struct side *s, const struct frame_open *open)
{
	assert_true(open->service < FLOWS);
	return end_begin(open->service, 1);
}

static void begin(struct pair *p, const struct pair_config *config, uint32_t seed)
{
	memset(flows, 0, sizeof flows);
	pair_init(p, config, seed);
	p->client.on_udp = on_udp;
	pair_up(p);
}

static struct udp_end *open_flow(struct pair *p, uint32_t number, uint32_t give)
{
	struct stream *s = end_begin(number, 0);
	end_of(s)->give = give;
	assert_int_equal(mux_open(&p->server.link.mux, s), 0);
	return end_of(s);
}

static void more(struct udp_end *e, uint32_t n)
{
	if (!stream_alive(&e->stream))
		return;
	e->give += n;
	stream_ready(&e->stream);
}

/* Beside streams of bytes both ways, cut anywhere, sealed and not. */
static void all_arrive_in_order(void **state)
{
	for (uint32_t seed = 1; seed <= 20; seed++) {
		struct pair_config config = {.client_waives = seed & 1, .server_waives = seed & 1};
		struct pair p;
		begin(&p, &config, seed);
		assert_int_equal(p.server.link.sealed, !(seed & 1));
		p.cut = seed % 3 ? 0 : NOWHERE;
		for (uint32_t i = 0; i < FLOWS; i++)
			open_flow(&p, i, pair_draw(&p, 5));
		for (uint32_t i = 0; i < 4; i++)
			pair_open(&p.server, i, 200000, true);
		for (int round = 0; round < 200; round++) {
			more(&flows[pair_draw(&p, FLOWS)].ends[pair_draw(&p, 2)], pair_draw(&p, 4));
			pair_step(&p);
			p.now += 100;
		}
		pair_run(&p);
		for (uint32_t i = 0; i < FLOWS; i++) {
			struct udp_end *e = flows[i].ends;
			for (int k = 0; k < 2; k++) {
				if (e[k].sent != e[k].give || e[1 - k].got != e[k].sent)
					fail_msg("seed %u, flow %u: %u to send, %u sent, %u there",
						seed, i, e[k].give, e[k].sent, e[1 - k].got);
				assert_int_equal(e[k].stream.state, STREAM_OPEN);
			}
		}
		for (uint32_t i = 0; i < 4; i++)
			assert_int_equal(p.client.flows[i].got, 200000);
		assert_int_equal(p.client.budget.sum.held + p.server.budget.sum.held, 0);
		pair_deinit(&p);
		for (uint32_t i = 0; i < FLOWS; i++)
			assert_int_equal(flows[i].ends[0].reason, FRAME_RESET_LINK_LOST);
	}
}

/* A reader of bytes that takes none stops its stream; a flow has no window to run out of. */
static void no_window_stops_them(void **state)
{
	static const struct mux_limits small = {.base_window = 4096,
		.max_window = 4096,
		.max_streams = 40};
	struct pair p;
	begin(&p, &(struct pair_config){.limits = small}, 1);
	struct flow *stuck = pair_open(&p.server, 1, 100000, false);
	pair_step(&p);
	pair_step(&p);
	pair_peer(stuck)->take = 0;
	struct udp_end *e = open_flow(&p, 0, 300);
	pair_run(&p);
	assert_true(stuck->sent < 20000);
	assert_int_equal(flows[0].ends[1].got, 300);
	more(&flows[0].ends[1], 100); /* and back, on a stream that the peer opened */
	pair_run(&p);
	assert_int_equal(e->got, 100);
	pair_deinit(&p);
}

static void a_flood_lets_others_through(void **state)
{
	struct pair p;
	begin(&p, NULL, 1);
	open_flow(&p, 0, 0);
	struct flow *bulk = pair_open(&p.server, 1, 0, false);
	pair_run(&p);
	size_t bytes = 0;
	for (uint32_t k = 0; k < 900; k++)
		bytes += size_at(0, k);
	more(&flows[0].ends[0], 900);
	bulk->give = bytes / 2;
	stream_ready(&bulk->stream);
	for (int i = 0; pair_peer(bulk)->got < bytes / 2; i++) {
		assert_true(i < 10000);
		pair_step(&p);
		p.now += 100;
	}
	/* By the time that the bytes are through, as much of the flood is: half, but for the ramp. */
	assert_in_range(flows[0].ends[1].got, 400, 700);
	pair_run(&p);
	assert_int_equal(flows[0].ends[1].got, 900);
	pair_deinit(&p);
}

static void reset_by_either(void **state)
{
	for (int who = 0; who < 2; who++) {
		struct pair p;
		begin(&p, NULL, 1);
		open_flow(&p, 0, 20);
		pair_run(&p);
		struct udp_end *e = flows[0].ends;
		more(&e[0], 500);
		more(&e[1], 500);
		pair_step(&p);
		stream_reset(&e[who].stream, FRAME_RESET_TIMEOUT);
		pair_run(&p);
		assert_int_equal(e[who].n_closed, 0);
		assert_int_equal(e[1 - who].n_closed, 1);
		assert_int_equal(e[1 - who].reason, FRAME_RESET_TIMEOUT);
		assert_int_equal(p.client.link.state, LINK_UP);
		assert_int_equal(p.server.link.state, LINK_UP);
		assert_int_equal(p.server.link.mux.n_local, 0);
		assert_int_equal(p.client.link.mux.n_remote, 0);
		pair_deinit(&p);
	}
}

/* One flow's bytes are a violation that names itself and ends the link. */
static void bytes_on_a_flow(void **state)
{
	struct pair p;
	begin(&p, NULL, 1);
	struct udp_end *e = open_flow(&p, 0, 1);
	pair_run(&p);
	uint8_t frame[FRAME_SMALL_MAX];
	pair_inject(&p.server, frame, frame_write_fin(frame, e->stream.id, 0));
	pair_run(&p);
	assert_int_equal(p.client.link.state, LINK_CLOSED);
	assert_int_equal(p.client.link.end, LINK_END_VIOLATION);
	assert_non_null(strstr(p.client.link.why, "bytes on a stream of datagrams"));
	assert_int_equal(flows[0].ends[1].reason, FRAME_RESET_LINK_LOST);
	pair_deinit(&p);
}

/* Two links of one session get half of the budget together. */
static void links_share_a_budget(void **state)
{
	struct pair p;
	begin(&p, NULL, 1);
	struct budget_share share = {0};
	struct link second = {0};
	struct link_config config = p.server.link.config;
	config.share = &share;
	assert_int_equal(link_init(&second, p.server.link.ops, &config, p.now), 0);
	budget_account_join(&p.server.link.mux.account, &share);
	size_t half = p.server.budget.limit / 2;
	budget_charge(&second.mux.account, half - 10);
	assert_true(budget_fits(&p.server.link.mux.account, 10));
	assert_false(budget_fits(&p.server.link.mux.account, 11));
	link_deinit(&second);
	assert_int_equal(share.sum.held, 0);
	assert_true(budget_fits(&p.server.link.mux.account, half));
	pair_deinit(&p);
}

static int start(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_arrive_in_order),
		cmocka_unit_test(no_window_stops_them),
		cmocka_unit_test(a_flood_lets_others_through),
		cmocka_unit_test(reset_by_either),
		cmocka_unit_test(bytes_on_a_flow),
		cmocka_unit_test(links_share_a_budget),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
