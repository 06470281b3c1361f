/*
 * The client's end of streams, over two muxes that hand each other their records: what is dialled,
 * what never is, and what the exit node is told.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/outlets.h"
#include "crypto/crypto.h"
#include "mux/mux.h"
#include "net/listener.h"

#define STREAMS 64

struct scene {
	struct loop *loop;
	struct offload *offload;
	struct upstreams upstreams;
	struct client_options options;
	struct services services;
	struct outlets outlets;
	struct budget budget;
	struct mux client, server;
	struct listener upstream;
	int accepted[STREAMS];
	size_t n_accepted;
};

/* A stream of the exit node's. */
struct visitor {
	struct stream stream;
	uint32_t service;
	uint8_t kind, ip;
	const char *data; /* to send */
	bool fin;         /* then ends */
	bool closed;
	enum frame_reset reason;
	char got[64];
	size_t n_got;
};

static void visitor_opening(struct stream *s, struct frame_open *out)
{
	struct visitor *v = container_of(s, struct visitor, stream);
	*out = (struct frame_open){.kind = v->kind, .service = v->service};
	out->visitor = (struct frame_addr){.family = 4, .ip = {10, 0, 0, v->ip}};
}

static ssize_t visitor_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct visitor *v = container_of(s, struct visitor, stream);
	size_t n = v->data ? strlen(v->data) : 0;
	if (!n)
		return v->fin ? 0 : -EAGAIN;
	memcpy(room, v->data, n);
	v->data = NULL;
	return (ssize_t)n;
}

static size_t visitor_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct visitor *v = container_of(s, struct visitor, stream);
	n = MIN(n, sizeof(v->got) - v->n_got);
	memcpy(v->got + v->n_got, p, n);
	v->n_got += n;
	return n;
}

static void visitor_push_end(struct stream *s)
{
}

static void visitor_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	struct visitor *v = container_of(s, struct visitor, stream);
	v->closed = true;
	v->reason = reason;
}

static const struct stream_ops visitor_ops = {
	.opening = visitor_opening,
	.pull = visitor_pull,
	.push = visitor_push,
	.push_end = visitor_push_end,
	.closed = visitor_closed,
};

static struct stream *client_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return outlets_open(&container_of(m, struct scene, client)->outlets, open, reason_out);
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

static void on_accepted(struct listener *l, int fd, const struct address *peer)
{
	struct scene *s = container_of(l, struct scene, upstream);
	s->accepted[s->n_accepted++] = fd;
}

static void carry(struct mux *from, struct mux *to)
{
	uint8_t record[FRAME_MESSAGE_MAX];
	size_t n;
	while ((n = mux_fill(from, record, sizeof(record), clock_now())))
		assert_int_equal(mux_input(to, record, n, clock_now()), 0);
}

/* Both directions once, then what the sockets have to say. */
static void turn(struct scene *s)
{
	carry(&s->server, &s->client);
	loop_turn(s->loop);
	carry(&s->client, &s->server);
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
			turn(s);                                                 \
		}                                                                \
		loop_timer_cancel(&tick);                                        \
	} while (0)

static void settle(struct scene *s, uint64_t time)
{
	uint64_t end = clock_now() + time;
	UNTIL(s, clock_now() >= end);
}

static const struct option_ranges no_ports;

static void begin(struct scene *s, const char *upstream)
{
	*s = (struct scene){.options = {.dial_timeout = CLOCK_S,
				    .max_dials = 16,
				    .max_dials_per_visitor = 4,
				    .udp_idle = CLOCK_S}};
	struct error err;
	s->loop = loop_new();
	s->offload = offload_new();
	assert_int_equal(listener_open(&s->upstream, s->loop, "127.0.0.1", 0, on_accepted, NULL,
				 &err),
		0);
	char url[64];
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", s->upstream.port);
	char text[128];
	snprintf(text, sizeof(text), "%s", upstream ? upstream : url);
	struct service_options what = {.upstream = text};
	assert_int_equal(upstreams_add(&s->upstreams, &what, &no_ports, &err), 0);
	assert_int_equal(services_set(&s->services, &s->upstreams, &err, NULL), 0);
	assert_int_equal(outlets_init(&s->outlets, s->loop, s->offload, &s->services, &s->options),
		0);
	budget_init(&s->budget, 1 << 20);
	struct mux_limits limits = {MUX_BASE_WINDOW, MUX_MAX_WINDOW, 100};
	mux_init(&s->client, &client_ops, &limits, &s->budget, true);
	mux_init(&s->server, &server_ops, &limits, &s->budget, false);
	mux_set_peer(&s->client, MUX_BASE_WINDOW, 100);
	mux_set_peer(&s->server, MUX_BASE_WINDOW, 100);
}

static void end(struct scene *s)
{
	mux_deinit(&s->server);
	mux_deinit(&s->client);
	assert_int_equal(s->outlets.n, 0);
	listener_close(&s->upstream);
	for (size_t i = 0; i < s->n_accepted; i++)
		close(s->accepted[i]);
	outlets_deinit(&s->outlets);
	offload_free(s->offload);
	loop_free(s->loop);
	services_deinit(&s->services);
	upstreams_deinit(&s->upstreams);
}

static void visit(struct scene *s, struct visitor *v)
{
	stream_init(&v->stream, &visitor_ops);
	if (!v->service)
		v->service = 1;
	if (!v->kind)
		v->kind = FRAME_KIND_HTTP;
	assert_int_equal(mux_open(&s->server, &v->stream), 0);
}

static void test_both_ways(void **state)
{
	struct scene s;
	begin(&s, NULL);
	struct visitor v = {.data = "ping"};
	visit(&s, &v);
	UNTIL(&s, s.n_accepted);
	char got[8];
	ssize_t n = -1;
	UNTIL(&s, (n = recv(s.accepted[0], got, sizeof(got), MSG_DONTWAIT)) >= 0);
	assert_int_equal(n, 4);
	assert_memory_equal(got, "ping", 4);
	assert_int_equal(send(s.accepted[0], "pong", 4, 0), 4);
	UNTIL(&s, v.n_got == 4);
	assert_memory_equal(v.got, "pong", 4);
	end(&s);
}

/* The end of the visitor's data comes before there is a connection to pass it on to. */
static void test_end_before_the_dial(void **state)
{
	static const char *const data[] = {NULL, "last"};
	for (size_t i = 0; i < ARRAY_LEN(data); i++) {
		struct scene s;
		begin(&s, NULL);
		struct visitor v = {.data = data[i], .fin = true};
		visit(&s, &v);
		UNTIL(&s, s.n_accepted);
		char got[8];
		size_t all = 0;
		ssize_t n = -1;
		UNTIL(&s, (n = recv(s.accepted[0], got, sizeof(got), MSG_DONTWAIT)) == 0 ||
				  (n > 0 && (all += (size_t)n) > 4));
		assert_int_equal(n, 0);
		assert_int_equal(all, data[i] ? 4 : 0);
		end(&s);
	}
}

static void test_refused(void **state)
{
	struct scene s;
	begin(&s, NULL);
	listener_close(&s.upstream);
	struct visitor v = {.data = "x"};
	visit(&s, &v);
	UNTIL(&s, v.closed);
	assert_int_equal(v.reason, FRAME_RESET_REFUSED);
	assert_int_equal(s.outlets.n, 0);
	end(&s);
}

static void test_unknown(void **state)
{
	static const struct {
		uint32_t service;
		uint8_t kind;
	} rows[] = {{2, FRAME_KIND_HTTP}, {UINT32_MAX, FRAME_KIND_HTTP}, {1, FRAME_KIND_UDP},
		{1, 77}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		begin(&s, NULL);
		struct visitor v = {.service = rows[i].service, .kind = rows[i].kind};
		visit(&s, &v);
		UNTIL(&s, v.closed);
		assert_int_equal(v.reason, FRAME_RESET_UNKNOWN_SERVICE);
		settle(&s, 20 * CLOCK_MS);
		assert_int_equal(s.n_accepted, 0);
		end(&s);
	}
}

/* OPEN and RESET in one record: nothing is dialled (rule 25). */
static void test_reset_before_the_dial(void **state)
{
	struct scene s;
	begin(&s, NULL);
	struct visitor v[STREAMS / 2] = {0};
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		v[i].ip = (uint8_t)i;
		visit(&s, &v[i]);
	}
	carry(&s.server, &s.client);
	assert_int_equal(s.outlets.n, ARRAY_LEN(v));
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		stream_reset(&v[i].stream, FRAME_RESET_CANCELLED);
	settle(&s, 50 * CLOCK_MS);
	assert_int_equal(s.n_accepted, 0);
	assert_int_equal(s.outlets.n, 0);
	assert_int_equal(s.outlets.turnstile.inside, 0);
	end(&s);
}

/* More than may dial at a time: all get their turn. */
static void test_many(void **state)
{
	struct scene s;
	begin(&s, NULL);
	struct visitor v[STREAMS] = {0};
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		v[i].ip = (uint8_t)(i % 3);
		visit(&s, &v[i]);
	}
	carry(&s.server, &s.client);
	loop_turn(s.loop);
	assert_true(s.outlets.turnstile.inside <= 12); /* three visitors, four each */
	UNTIL(&s, s.n_accepted == STREAMS);
	assert_int_equal(s.outlets.turnstile.waiting, 0);
	end(&s);
}

/* An upstream that does not answer: who could dial hears of a timeout, who could not that it is busy. */
static void test_deadline(void **state)
{
	/* A listener whose queue is full drops every further SYN. */
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, 0), 0);
	getsockname(fd, (struct sockaddr *)&a, &len);
	int fill[4];
	for (size_t i = 0; i < ARRAY_LEN(fill); i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(fill[i], (struct sockaddr *)&a, len);
	}
	char url[64];
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", ntohs(a.sin_port));
	struct scene s;
	begin(&s, url);
	s.outlets.dial_timeout = 150 * CLOCK_MS;
	s.outlets.waiting.duration = 150 * CLOCK_MS;
	struct visitor v[6] = {0};
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		visit(&s, &v[i]);
	UNTIL(&s, s.outlets.n == 0 && v[5].closed && v[0].closed);
	assert_int_equal(v[0].reason, FRAME_RESET_DIAL_TIMEOUT);
	assert_int_equal(v[5].reason, FRAME_RESET_BUSY);
	end(&s);
	for (size_t i = 0; i < ARRAY_LEN(fill); i++)
		close(fill[i]);
	close(fd);
}

/* The link ends: nothing passes for a whole answer or request (rule 24). */
static void test_link_lost(void **state)
{
	struct scene s;
	begin(&s, NULL);
	struct visitor v = {.data = "half"};
	visit(&s, &v);
	UNTIL(&s, s.n_accepted);
	settle(&s, 10 * CLOCK_MS);
	mux_close(&s.client, FRAME_RESET_LINK_LOST);
	assert_int_equal(s.outlets.n, 0);
	char got[8];
	recv(s.accepted[0], got, sizeof(got), 0);
	assert_int_equal(recv(s.accepted[0], got, sizeof(got), 0), -1);
	assert_int_equal(errno, ECONNRESET);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_end_before_the_dial),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_reset_before_the_dial),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_link_lost),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
