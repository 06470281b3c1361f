/* SPDX-License-Identifier: MIT */
/* Streams that two clients seal, with no exit node between: both ends' work together. */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "case.h"
#include "mux/mux.h"
#include "net/e2e.h"

/* One client: its mux, its key, and the program at its relay. */
static struct end {
	struct mux mux;
	struct relay relay;
	struct e2e e2e;
	struct key_pair keys;
	size_t give, got; /* bytes */
} ends[2];                /* the consumer's, the provider's */

static struct budget budget;

static struct end *end_of(struct stream *s)
{
	return container_of(container_of(s, struct relay, stream), struct end, relay);
}

static void opening(struct stream *s, struct frame_open *open_out)
{
	open_out->kind = FRAME_KIND_TCP;
}

static ssize_t pull(struct stream *s, uint8_t *room, size_t max)
{
	struct end *end = end_of(s);
	size_t n = MIN(max, end->give);
	end->give -= n;
	return n ? (ssize_t)n : -EAGAIN;
}

static size_t push(struct stream *s, const uint8_t *p, size_t n)
{
	end_of(s)->got += n;
	return n;
}

static void push_end(struct stream *s)
{
}

static void closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
}

static const struct stream_ops program = {
	.opening = opening,
	.pull = pull,
	.push = push,
	.push_end = push_end,
	.closed = closed,
};

static void over(struct relay *r, enum frame_reset reason)
{
}

static void asked(struct e2e *e, const uint8_t key[KEY_PAIR_SIZE])
{
	e2e_accept(e);
}

static void failed(struct e2e *e, const char *why)
{
	count_expect(false, why);
}

/* ---- The link between them ---- */

static struct stream *provider_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return &ends[1].relay.stream;
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

static const struct mux_ops mux_ops = {provider_open, on_control, on_goaway, on_wake};

static void carry(void)
{
	static uint8_t record[FRAME_MESSAGE_MAX];
	for (size_t idle = 0, i = 0; idle < 2; i = 1 - i) {
		size_t n = mux_fill(&ends[i].mux, record, sizeof(record), 1000 * CLOCK_S);
		idle = n ? 0 : idle + 1;
		if (n)
			count_expect(mux_input(&ends[1 - i].mux, record, n, 1000 * CLOCK_S) == 0,
				"the link breaks");
	}
}

static void init_end(struct end *end, bool client)
{
	struct mux_limits limits = {MUX_BASE_WINDOW, MUX_MAX_WINDOW, 10};
	mux_init(&end->mux, &mux_ops, &limits, &budget, client);
	mux_set_peer(&end->mux, MUX_BASE_WINDOW, 10);
	key_pair_random(&end->keys);
}

static void prepare(void)
{
	budget_init(&budget, 64 << 20);
	init_end(&ends[0], true);
	init_end(&ends[1], false);
}

/* ---- A stream ---- */

static void start(struct end *end, const uint8_t *peer, enum seal_suite suite)
{
	struct e2e_config config = {.own = &end->keys,
		.peer = peer,
		.suite = suite,
		.service = "redis",
		.link = 17};
	relay_init(&end->relay, NULL, false, over);
	end->relay.stream.ops = &program;
	count_expect(e2e_start(&end->e2e, &end->relay, &config) == 0, "there is no memory");
	end->e2e.asked = asked;
	end->e2e.failed = failed;
}

static void open_one(enum seal_suite suite)
{
	start(&ends[0], ends[1].keys.public, suite);
	start(&ends[1], NULL, suite);
	mux_open(&ends[0].mux, &ends[0].relay.stream);
	carry();
}

static void close_one(void)
{
	stream_reset(&ends[0].relay.stream, FRAME_RESET_ABORTED);
	carry();
	e2e_deinit(&ends[0].e2e);
	e2e_deinit(&ends[1].e2e);
}

static size_t handshakes(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		open_one(SEAL_CHACHAPOLY);
		if (ends[0].e2e.state != E2E_UP || ends[1].e2e.state != E2E_UP)
			return i;
		close_one();
	}
	return n;
}

static size_t carry_much(size_t n)
{
	size_t before = ends[1].got;
	ends[0].give = n * MIB;
	stream_ready(&ends[0].relay.stream);
	carry();
	return (ends[1].got - before) / MIB;
}

static void prepare_chacha(void)
{
	prepare();
	open_one(SEAL_CHACHAPOLY);
}

static void prepare_aes(void)
{
	prepare();
	open_one(e2e_suite(true));
}

const struct count_case e2e_cases[] = {
	{"e2e/handshake", "stream", 20, prepare, handshakes},
	{"e2e/bulk-chacha", "MiB", 16, prepare_chacha, carry_much},
	{"e2e/bulk-aes", "MiB", 16, prepare_aes, carry_much},
	{0},
};
