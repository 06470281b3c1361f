/* SPDX-License-Identifier: MIT */
/*
 * Both ends of a link in one process: everything that is between a visitor's socket and an
 * upstream's but the system calls. What the sockets between the two do is not counted.
 */
#include <string.h>

#include "base/macros.h"
#include "case.h"
#include "flow.h"
#include "link/link.h"
#include "meter.h"

struct end {
	struct link link;
	struct budget budget;
	struct random_pool random;
};

static struct {
	struct end server, client;
	struct token_key key;
	struct flows flows;
	uint64_t now;
} it;

static void on_salt(struct link *l, const uint8_t salt[HELLO_SALT])
{
}

static const uint8_t *on_find_psk(struct link *l, const uint8_t id[TOKEN_ID_SIZE])
{
	return it.key.psk;
}

static void on_up(struct link *l, const struct control *hello)
{
}

static void on_control(struct link *l, struct control *message)
{
}

static struct stream *on_open(struct link *l, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return flows_accept(&it.flows, open);
}

static void on_goaway(struct link *l, uint8_t reason)
{
}

static void on_wake(struct link *l)
{
}

static const struct link_ops ops = {
	.salt = on_salt,
	.find_psk = on_find_psk,
	.up = on_up,
	.control = on_control,
	.open = on_open,
	.goaway = on_goaway,
	.wake = on_wake,
};

struct copy {
	uint8_t *to;
	const uint8_t *from;
	size_t n;
};

static void sockets_copy(void *arg)
{
	const struct copy *c = arg;
	memcpy(c->to, c->from, c->n);
}

static bool carry(struct end *from, struct end *to)
{
	struct copy copy;
	size_t left = link_output(&from->link, &copy.from, it.now), room;
	if (!left)
		return false;
	for (; left; left -= copy.n) {
		copy.to = link_room(&to->link, &room);
		count_expect(copy.to, "out of memory");
		copy.n = MIN(left, room);
		meter_pause(sockets_copy, &copy);
		count_expect(link_input(&to->link, copy.n, it.now) == 0, to->link.why);
		link_sent(&from->link, copy.n);
		copy.from += copy.n;
	}
	return true;
}

static bool turn(void)
{
	it.now += 100; /* µs */
	bool down = carry(&it.server, &it.client);
	return carry(&it.client, &it.server) || down;
}

static void end_begin(struct end *e, bool client, bool sealed)
{
	static const uint8_t instance[CONTROL_INSTANCE] = {1};
	budget_init(&e->budget, 64 * MIB);
	random_pool_init(&e->random);
	const struct link_config config = {
		.client = client,
		.seal_waived = !sealed,
		.limits = flows_limits,
		.budget = &e->budget,
		.random = &e->random,
		.instance = instance,
		.version = "0",
	};
	count_expect(link_init(&e->link, &ops, &config, it.now) == 0, "out of memory");
}

static void prepare(size_t streams, bool sealed)
{
	it.now = FLOWS_NOW;
	it.flows.asker = &it.server.link.mux;
	it.flows.turn = turn;
	memset(&it.key, 0x77, sizeof(it.key));
	end_begin(&it.server, false, sealed);
	end_begin(&it.client, true, sealed);
	turn();
	link_key(&it.client.link, &it.key, it.now);
	while (turn())
		;
	count_expect(it.server.link.state == LINK_UP && it.client.link.state == LINK_UP &&
			     it.client.link.sealed == sealed,
		"the link did not come up as it should");
	flows_open(&it.flows, streams);
}

static void prepare_one_sealed(void)
{
	prepare(1, true);
}

static void prepare_one_plain(void)
{
	prepare(1, false);
}

static void prepare_all_sealed(void)
{
	prepare(FLOWS, true);
}

static void prepare_all_plain(void)
{
	prepare(FLOWS, false);
}

static void prepare_none_sealed(void)
{
	prepare(0, true);
}

static size_t upload(size_t n)
{
	return flows_upload(&it.flows, n);
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

const struct count_case link_cases[] = {
	{"link/upload-sealed", "MiB", 8, prepare_one_sealed, upload},
	{"link/upload-plain", "MiB", 64, prepare_one_plain, upload},
	{"link/download-sealed", "MiB", 8, prepare_one_sealed, download},
	{"link/download-plain", "MiB", 64, prepare_one_plain, download},
	{"link/request-alone-sealed", "request", 1024, prepare_one_sealed, alone},
	{"link/request-alone-plain", "request", 1024, prepare_one_plain, alone},
	{"link/requests-sealed", "request", 32 * FLOWS, prepare_all_sealed, together},
	{"link/requests-plain", "request", 32 * FLOWS, prepare_all_plain, together},
	{"link/short-streams-sealed", "stream", 32 * FLOWS, prepare_none_sealed, short_lived},
	{0},
};
