/* SPDX-License-Identifier: MIT */
/*
 * The client's end of UDP flows, over two muxes that hand each other their records and an upstream
 * that is a socket of the test's.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/upstream/upstream_flow.h"
#include "client/publish/publications.h"
#include "mux/mux.h"

static const struct option_ranges no_ports;

struct scene {
	struct loop *loop;
	struct resolver *resolver;
	struct upstreams upstreams;
	struct publications publications;
	struct upstream_flows flows;
	struct budget budget;
	struct mux client, server;
};

static struct stream *client_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct scene *s = container_of(m, struct scene, client);
	assert_int_equal(open->kind, FRAME_KIND_UDP);
	return upstream_flows_open(&s->flows, NULL,
		publications_find(&s->publications, open->service), open, reason_out);
}

static struct stream *server_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return NULL;
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

static const struct mux_ops client_ops = {client_open, on_control, on_goaway, on_wake};
static const struct mux_ops server_ops = {server_open, on_control, on_goaway, on_wake};

static void carry(struct mux *from, struct mux *to)
{
	uint8_t record[FRAME_MESSAGE_MAX];
	size_t n;
	while ((n = mux_fill(from, record, sizeof(record), clock_now())))
		assert_int_equal(mux_input(to, record, n, clock_now()), 0);
}

static void on_tick(struct loop_timer *timer)
{
	loop_timer_set(timer, loop_now(timer->loop) + CLOCK_MS);
}

/* Turns until the condition holds, for two seconds at most. */
#define UNTIL(s, condition)                                                      \
	do {                                                                     \
		struct loop_timer tick;                                          \
		loop_timer_init(&tick, (s)->loop, on_tick);                      \
		on_tick(&tick);                                                  \
		for (uint64_t end_ = clock_now() + 2 * CLOCK_S; !(condition);) { \
			assert_true(clock_now() < end_);                         \
			carry(&(s)->server, &(s)->client);                       \
			loop_turn((s)->loop);                                    \
			carry(&(s)->client, &(s)->server);                       \
		}                                                                \
		loop_timer_cancel(&tick);                                        \
	} while (0)

static void settle(struct scene *s, uint64_t time)
{
	uint64_t end = clock_now() + time;
	UNTIL(s, clock_now() >= end);
}

static void begin(struct scene *s, char *upstream)
{
	*s = (struct scene){0};
	struct error err;
	struct service_options what = {.upstream = upstream};
	s->loop = loop_new();
	s->resolver = resolver_new(s->loop, NULL);
	if (upstreams_add(&s->upstreams, &what, &no_ports, &err))
		fail_msg("%s", err.text);
	assert_int_equal(publications_set(&s->publications, &s->upstreams, &err, NULL), 0);
	assert_int_equal(upstream_flows_init(&s->flows, s->loop, s->resolver, CLOCK_S), 0);
	budget_init(&s->budget, 1 << 20);
	struct mux_limits limits = {MUX_BASE_WINDOW, MUX_MAX_WINDOW, 2 * UPSTREAM_FLOWS_MAX};
	mux_init(&s->client, &client_ops, &limits, &s->budget, true);
	mux_init(&s->server, &server_ops, &limits, &s->budget, false);
	mux_set_peer(&s->client, MUX_BASE_WINDOW, 2 * UPSTREAM_FLOWS_MAX);
	mux_set_peer(&s->server, MUX_BASE_WINDOW, 2 * UPSTREAM_FLOWS_MAX);
}

static void end(struct scene *s)
{
	mux_deinit(&s->server);
	mux_deinit(&s->client);
	assert_int_equal(flow_queue_count(&s->flows.queue), 0);
	upstream_flows_deinit(&s->flows);
	assert_null(s->flows.arena);
	upstream_flows_deinit(&s->flows); /* legal on what is gone */
	resolver_free(s->resolver);
	loop_free(s->loop);
	publications_deinit(&s->publications);
	upstreams_deinit(&s->upstreams);
}

/* A flow of the exit node's. */
struct asker {
	struct flow flow;
	size_t answers, n_last;
	bool closed;
	enum frame_reset reason;
};

static void asker_opening(struct flow *f, struct frame_open *open_out)
{
	open_out->service = 1;
}

static void asker_received(struct flow *f, const uint8_t *p, size_t n)
{
	struct asker *a = container_of(f, struct asker, flow);
	a->answers++;
	a->n_last = n;
}

static void asker_closed(struct flow *f, enum frame_reset reason)
{
	struct asker *a = container_of(f, struct asker, flow);
	a->closed = true;
	a->reason = reason;
}

static const struct flow_ops asker_ops = {asker_opening, asker_received, asker_closed, NULL};

static int udp_listen(uint16_t *port_out)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	getsockname(fd, (struct sockaddr *)&a, &len);
	*port_out = ntohs(a.sin_port);
	return fd;
}

/* Each flow is a socket of its own toward the upstream; what is said too early waits for the name. */
static void test_udp(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost"};
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		uint16_t port;
		int fd = udp_listen(&port);
		char upstream[64], bytes[64];
		struct scene s;
		snprintf(upstream, sizeof(upstream), "53=udp://%s:%u", hosts[i], port);
		begin(&s, upstream);
		struct asker askers[2] = {0};
		struct sockaddr_in from[2] = {0};
		for (size_t k = 0; k < 2; k++) {
			socklen_t len = sizeof(from[k]);
			ssize_t n = -1;
			flow_init(&askers[k].flow, &asker_ops);
			assert_int_equal(mux_open(&s.server, &askers[k].flow.stream), 0);
			flow_send(&askers[k].flow, "question", 8, clock_now());
			UNTIL(&s, (n = recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT,
					   (struct sockaddr *)&from[k], &len)) >= 0);
			assert_int_equal(n, 8);
		}
		assert_int_not_equal(from[0].sin_port, from[1].sin_port);
		assert_int_equal(flow_queue_count(&s.flows.queue), 2);
		assert_int_equal(sendto(fd, "answer", 6, 0, (struct sockaddr *)&from[1],
					 sizeof(from[1])),
			6);
		UNTIL(&s, askers[1].answers);
		assert_int_equal(askers[1].n_last, 6);
		assert_int_equal(askers[0].answers, 0);
		upstream_flows_end(&s.flows);
		UNTIL(&s, askers[0].closed && askers[1].closed);
		assert_int_equal(flow_queue_count(&s.flows.queue), 0);
		end(&s);
		close(fd);
	}
}

static void test_udp_idle(void **state)
{
	uint16_t port;
	int fd = udp_listen(&port);
	char upstream[64];
	struct scene s;
	snprintf(upstream, sizeof(upstream), "53=udp://127.0.0.1:%u", port);
	begin(&s, upstream);
	/* Datagrams keep it for longer than it may be idle. Between two there is time for a busy machine. */
	s.flows.idle.duration = 500 * CLOCK_MS;
	struct asker asker = {0};
	flow_init(&asker.flow, &asker_ops);
	assert_int_equal(mux_open(&s.server, &asker.flow.stream), 0);
	uint64_t began = clock_now();
	for (int i = 0; i < 4; i++) {
		flow_send(&asker.flow, "more", 4, clock_now());
		settle(&s, 150 * CLOCK_MS);
	}
	assert_false(asker.closed);
	UNTIL(&s, asker.closed);
	assert_true(clock_now() - began >= (3 * 150 + 500) * CLOCK_MS);
	assert_int_equal(asker.reason, FRAME_RESET_TIMEOUT);
	end(&s);
	close(fd);
}

static void answer_one(struct scene *s, int fd, struct asker *asker)
{
	uint8_t bytes[16];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	UNTIL(s, recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from, &len) >
			 0);
	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&from, len), 1);
	UNTIL(s, asker->answers);
}

/* Of too many the oldest that was never answered goes, not the oldest. */
static void test_too_many(void **state)
{
	static struct asker askers[UPSTREAM_FLOWS_MAX + 1];
	uint16_t port;
	int fd = udp_listen(&port);
	char upstream[64];
	struct scene s;
	snprintf(upstream, sizeof(upstream), "53=udp://127.0.0.1:%u", port);
	begin(&s, upstream);
	memset(askers, 0, sizeof(askers));
	for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
		if (i == 1)
			answer_one(&s, fd, &askers[0]);
		if (i == UPSTREAM_FLOWS_MAX)
			settle(&s, FLOW_ANSWER_TIME);
		flow_init(&askers[i].flow, &asker_ops);
		assert_int_equal(mux_open(&s.server, &askers[i].flow.stream), 0);
		flow_send(&askers[i].flow, "x", 1, clock_now());
	}
	UNTIL(&s, askers[1].closed);
	assert_int_equal(askers[1].reason, FRAME_RESET_BUSY);
	assert_false(askers[0].closed);
	assert_int_equal(flow_queue_count(&s.flows.queue), UPSTREAM_FLOWS_MAX);
	end(&s);
	close(fd);
}

int main(void)
{
	struct rlimit limit;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_udp_idle),
		cmocka_unit_test(test_too_many),
	};
	log_set_level(LOG_ERROR);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max; /* each flow has a descriptor */
	setrlimit(RLIMIT_NOFILE, &limit);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
