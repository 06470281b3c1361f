/* SPDX-License-Identifier: MIT */
/* A flow, as it comes and sealed by two clients, with no exit node between: both ends' work together. */
#include "base/macros.h"
#include "case.h"
#include "mux/mux.h"
#include "net/e2e_flow.h"

#define DATAGRAM 1200 /* bytes: as QUIC and calls have them */

/* One client: its mux, its key, and the program at its flow. */
static struct end {
	struct mux mux;
	struct flow flow;
	struct e2e_flow e2e;
	struct key_pair keys;
	size_t got; /* datagrams */
} ends[2];          /* the consumer's, the provider's */

static struct budget budget;

static void opening(struct flow *f, struct frame_open *open_out)
{
}

static void received(struct flow *f, const uint8_t *p, size_t n)
{
	container_of(f, struct end, flow)->got++;
}

static void closed(struct flow *f, enum frame_reset reason)
{
}

static const struct flow_ops program = {
	.opening = opening,
	.received = received,
	.closed = closed,
};

static void asked(struct e2e_flow *e, const uint8_t key[KEY_PAIR_SIZE])
{
	e2e_flow_accept(e);
}

static void failed(struct e2e_flow *e, const char *why)
{
	count_expect(false, why);
}

static void dropped(struct e2e_flow *e)
{
	count_expect(false, "a datagram does not open");
}

/* ---- The link between them ---- */

static struct stream *provider_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return &ends[1].flow.stream;
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
	flow_init(&end->flow, &program);
}

/* ---- A flow ---- */

static void seal_end(struct end *end, const uint8_t *peer, enum seal_suite suite)
{
	struct e2e_config config = {.own = &end->keys,
		.peer = peer,
		.suite = suite,
		.service = "dns",
		.link = 17};
	count_expect(e2e_flow_start(&end->e2e, &end->flow, &config) == 0, "there is no memory");
	end->e2e.asked = asked;
	end->e2e.failed = failed;
	end->e2e.dropped = dropped;
}

static void prepare_plain(void)
{
	budget_init(&budget, 64 << 20);
	init_end(&ends[0], true);
	init_end(&ends[1], false);
}

static void open_flow(void)
{
	count_expect(mux_open(&ends[0].mux, &ends[0].flow.stream) == 0, "no stream is opened");
	carry();
}

static void prepare_open(void)
{
	prepare_plain();
	open_flow();
}

static void prepare_sealed(enum seal_suite suite)
{
	prepare_plain();
	seal_end(&ends[0], ends[1].keys.public, suite);
	seal_end(&ends[1], NULL, suite);
	open_flow();
}

static void prepare_chacha(void)
{
	prepare_sealed(SEAL_CHACHAPOLY);
}

static void prepare_aes(void)
{
	prepare_sealed(e2e_suite(true));
}

/* Of these, as many at a time as one turn of a program's socket may have. */
static size_t carry_many(size_t n)
{
	static uint8_t data[DATAGRAM];
	size_t before = ends[1].got;
	for (size_t i = 0; i < n; i++) {
		flow_send(&ends[0].flow, data, sizeof(data), 1000 * CLOCK_S);
		if (i % 8 == 7)
			carry();
	}
	carry();
	return ends[1].got - before;
}

const struct count_case e2e_flow_cases[] = {
	{"e2e_flow/plain", "datagram", 1024, prepare_open, carry_many},
	{"e2e_flow/chacha", "datagram", 1024, prepare_chacha, carry_many},
	{"e2e_flow/aes", "datagram", 1024, prepare_aes, carry_many},
	{0},
};
