/* SPDX-License-Identifier: MIT */
/* Two muxes that hand each other their records: frames, windows, turns; no link, no cipher. */
#include "base/macros.h"
#include "case.h"
#include "flow.h"

static struct {
	struct mux server, client;
	struct budget budgets[2];
	struct flows flows;
	uint64_t now;
	uint8_t record[FRAME_MESSAGE_MAX];
} it;

static struct stream *on_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return flows_accept(&it.flows, open);
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

static const struct mux_ops ops = {
	.open = on_open,
	.control = on_control,
	.goaway = on_goaway,
	.wake = on_wake,
};

static bool carry(struct mux *from, struct mux *to)
{
	if (!mux_pending(from))
		return false;
	size_t n = mux_fill(from, it.record, sizeof(it.record), it.now);
	return n && mux_input(to, it.record, n, it.now) == 0;
}

static bool turn(void)
{
	it.now += 100; /* µs */
	bool down = carry(&it.server, &it.client);
	return carry(&it.client, &it.server) || down;
}

static void mux_begin(struct mux *m, struct budget *budget, bool client)
{
	budget_init(budget, 64 * MIB);
	mux_init(m, &ops, &flows_limits, budget, client);
	mux_set_peer(m, flows_limits.base_window, flows_limits.max_streams);
}

static void prepare(size_t streams)
{
	it.now = FLOWS_NOW;
	it.flows.asker = &it.server;
	it.flows.turn = turn;
	mux_begin(&it.server, &it.budgets[0], false);
	mux_begin(&it.client, &it.budgets[1], true);
	flows_open(&it.flows, streams);
}

static void prepare_none(void)
{
	prepare(0);
}

static void prepare_one(void)
{
	prepare(1);
}

static void prepare_all(void)
{
	prepare(FLOWS);
}

static size_t download(size_t n)
{
	return flows_download(&it.flows, n);
}

static size_t alone(size_t n)
{
	return flows_requests(&it.flows, 1, n);
}

static size_t together(size_t n)
{
	return flows_requests(&it.flows, FLOWS, n);
}

static size_t short_lived(size_t n)
{
	return flows_short(&it.flows, n);
}

const struct count_case mux_cases[] = {
	{"mux/download", "MiB", 128, prepare_one, download},
	{"mux/request-alone", "request", 4000, prepare_one, alone},
	{"mux/requests", "request", 64 * FLOWS, prepare_all, together},
	{"mux/short-streams", "stream", 64 * FLOWS, prepare_none, short_lived},
	{0},
};
