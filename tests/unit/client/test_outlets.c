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
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/outlets.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "mux/mux.h"
#include "net/conn.h"
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
	out->visitor = (struct frame_addr){.family = 4, .port = 4321, .ip = {10, 0, 0, v->ip}};
	out->local = (struct frame_addr){.family = 4, .port = 443, .ip = {192, 0, 2, 1}};
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

static void begin_as(struct scene *s, const char *upstream, struct service_options what)
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
	/* A "%u" in it is where the listener is. */
	char text[128];
	const char *port = strstr(upstream, "%u");
	if (port)
		snprintf(text, sizeof(text), "%.*s%u%s", (int)(port - upstream), upstream,
			s->upstream.port, port + 2);
	else
		snprintf(text, sizeof(text), "%s", upstream);
	what.upstream = text;
	if (upstreams_add(&s->upstreams, &what, &no_ports, &err))
		fail_msg("%s", err.text);
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

static void begin(struct scene *s, const char *upstream)
{
	begin_as(s, upstream ? upstream : "http://127.0.0.1:%u", (struct service_options){0});
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

/* A service takes streams of its own kind; one of requests also those that become something else. */
static void test_kinds(void **state)
{
	static const struct {
		const char *upstream;
		uint8_t kind;
		bool taken;
	} rows[] = {
		{"http://127.0.0.1:%u", FRAME_KIND_HTTP, true},
		{"http://127.0.0.1:%u", FRAME_KIND_TCP, true},
		{"http://127.0.0.1:%u", FRAME_KIND_UDP, false},
		{"22=tcp://127.0.0.1:%u", FRAME_KIND_TCP, true},
		{"22=tcp://127.0.0.1:%u", FRAME_KIND_HTTP, false},
		{"22=tcp://127.0.0.1:%u", FRAME_KIND_UDP, false},
		{"53=udp://127.0.0.1:%u", FRAME_KIND_UDP, true},
		{"53=udp://127.0.0.1:%u", FRAME_KIND_TCP, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		enum frame_reset reason = FRAME_RESET_NONE;
		struct frame_open open = {.kind = rows[i].kind, .service = 1};
		begin(&s, rows[i].upstream);
		struct stream *stream = outlets_open(&s.outlets, &open, &reason);
		assert_int_equal(stream != NULL, rows[i].taken);
		if (stream)
			stream->ops->closed(stream, FRAME_RESET_CANCELLED, 0);
		else
			assert_int_equal(reason, FRAME_RESET_UNKNOWN_SERVICE);
		end(&s);
	}
}

/* Reads what the upstream's end of the first connection gets, until `n` bytes are there. */
static void expect(struct scene *s, int fd, const void *bytes, size_t n)
{
	uint8_t got[256];
	size_t all = 0;
	ssize_t r = 0;
	UNTIL(s, ((r = recv(fd, got + all, sizeof(got) - all, MSG_DONTWAIT)) > 0 &&
			 (all += (size_t)r) >= n) ||
			 r == 0);
	assert_int_equal(all, n);
	assert_memory_equal(got, bytes, n);
}

static void test_unix(void **state)
{
	char dir[] = "/tmp/test_outlets.XXXXXX", upstream[64];
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	assert_non_null(mkdtemp(dir));
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/socket", dir);
	snprintf(upstream, sizeof(upstream), "unix:%s/socket", dir);
	struct scene s;
	begin(&s, upstream);
	struct visitor nobody = {.data = "x"}, v = {.data = "ping"};
	visit(&s, &nobody);
	UNTIL(&s, nobody.closed);
	assert_int_equal(nobody.reason, FRAME_RESET_REFUSED);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(listener, 1), 0);
	visit(&s, &v);
	settle(&s, 5 * CLOCK_MS);
	int fd = accept(listener, NULL, NULL);
	expect(&s, fd, "ping", 4);
	assert_int_equal(send(fd, "pong", 4, 0), 4);
	UNTIL(&s, v.n_got == 4);
	end(&s);
	close(fd);
	close(listener);
	unlink(un.sun_path);
	rmdir(dir);
}

/* For whom the connection is stands before its first byte, also when that has come already. */
static void test_proxy_header(void **state)
{
	static const char v1[] = "PROXY TCP4 10.0.0.7 192.0.2.1 4321 443\r\nhello";
	static const char v2[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x07\xc0\0\x02\x01"
				 "\x10\xe1\x01\xbbhello";
	static const struct {
		int version;
		const char *bytes;
		size_t n;
	} rows[] = {{UPSTREAM_PROXY_V1, v1, sizeof(v1) - 1},
		{UPSTREAM_PROXY_V2, v2, sizeof(v2) - 1}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		begin_as(&s, "22=tcp://127.0.0.1:%u",
			(struct service_options){.proxy_protocol = rows[i].version});
		struct visitor v = {.data = "hello", .kind = FRAME_KIND_TCP, .ip = 7};
		visit(&s, &v);
		UNTIL(&s, s.n_accepted);
		expect(&s, s.accepted[0], rows[i].bytes, rows[i].n);
		end(&s);
	}
}

/* The upstream's end of a TLS connection: says what it hears. */
struct echo {
	struct conn conn;
};

static void echo_changed(struct conn *conn)
{
	char bytes[64];
	ssize_t n = conn->readable ? conn_read(conn, bytes, sizeof(bytes)) : -1;
	if (n > 0)
		assert_int_equal(conn_write(conn, bytes, (size_t)n), n);
}

static void test_https(void **state)
{
	static const struct {
		bool insecure, speaks_tls, passes;
	} rows[] = {{true, true, true}, {false, true, false}, {true, false, false}};
	char dir[] = "/tmp/test_outlets.XXXXXX", *cert, *key;
	struct error err;
	assert_non_null(mkdtemp(dir));
	if (tls_auto_certificate(dir, &cert, &key, &err))
		fail_msg("%s", err.text);
	struct tls_server_config config = {.certs = &cert, .n_certs = 1, .keys = &key, .n_keys = 1};
	struct tls_server *server = tls_server_new(&config, &err);
	assert_non_null(server);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		struct echo echo = {0};
		begin_as(&s, "https://localhost:%u",
			(struct service_options){.insecure = rows[i].insecure});
		struct visitor v = {.data = "ping"};
		visit(&s, &v);
		UNTIL(&s, s.n_accepted);
		int fd = s.accepted[--s.n_accepted];
		assert_int_equal(conn_init(&echo.conn, s.loop, fd, echo_changed), 0);
		if (rows[i].speaks_tls)
			assert_int_equal(conn_secure(&echo.conn, tls_accept(server, true), NULL, 0),
				0);
		UNTIL(&s, v.closed || v.n_got == 4);
		assert_int_equal(v.closed, !rows[i].passes);
		if (v.closed)
			assert_int_equal(v.reason, FRAME_RESET_TLS);
		conn_close(&echo.conn);
		end(&s);
	}
	tls_server_unref(server);
	unlink(cert);
	unlink(key);
	rmdir(dir);
	free(cert);
	free(key);
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
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_proxy_header),
		cmocka_unit_test(test_https),
	};
	log_set_level(LOG_ERROR);
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
