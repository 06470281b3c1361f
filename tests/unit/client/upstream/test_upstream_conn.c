/* SPDX-License-Identifier: MIT */
/*
 * The client's end of streams, over two muxes that hand each other their records: what is dialled,
 * what never is, and what the exit node is told.
 */
#include "upstream_scene.h"

#include "net/relay.h"

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
	assert_int_equal(s.upstream_conns.n, 0);
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
	assert_int_equal(s.upstream_conns.n, ARRAY_LEN(v));
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		stream_reset(&v[i].stream, FRAME_RESET_CANCELLED);
	settle(&s, 50 * CLOCK_MS);
	assert_int_equal(s.n_accepted, 0);
	assert_int_equal(s.upstream_conns.n, 0);
	assert_int_equal(s.upstream_conns.dials.inside, 0);
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
	assert_true(s.upstream_conns.dials.inside <= 12); /* three visitors, four each */
	UNTIL(&s, s.n_accepted == STREAMS);
	assert_int_equal(s.upstream_conns.dials.waiting, 0);
	end(&s);
}

/* An address that does not answer: a listener whose queue is full drops every further SYN. */
struct silent_address {
	int fd, fill[4];
	char url[64];
};

static void silent_begin(struct silent_address *silent)
{
	silent->fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	assert_int_equal(bind(silent->fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(silent->fd, 0), 0);
	getsockname(silent->fd, (struct sockaddr *)&a, &len);
	for (size_t i = 0; i < ARRAY_LEN(silent->fill); i++) {
		silent->fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(silent->fill[i], (struct sockaddr *)&a, len);
	}
	snprintf(silent->url, sizeof(silent->url), "http://127.0.0.1:%u", ntohs(a.sin_port));
}

static void silent_end(struct silent_address *silent)
{
	for (size_t i = 0; i < ARRAY_LEN(silent->fill); i++)
		close(silent->fill[i]);
	close(silent->fd);
}

/* Who could dial hears of a timeout. */
static void test_dial_timeout(void **state)
{
	struct silent_address silent;
	silent_begin(&silent);
	struct scene s;
	begin(&s, silent.url);
	s.upstream_conns.dial_timeout = 50 * CLOCK_MS;
	struct visitor v = {0};
	visit(&s, &v);
	UNTIL(&s, v.closed);
	assert_int_equal(v.reason, FRAME_RESET_DIAL_TIMEOUT);
	assert_int_equal(s.upstream_conns.n, 0);
	end(&s);
	silent_end(&silent);
}

/* Who could not dial, because the dials of before take too long, hears that the client is busy. */
static void test_queue_timeout(void **state)
{
	struct silent_address silent;
	silent_begin(&silent);
	struct scene s;
	begin(&s, silent.url);
	s.upstream_conns.waiting.duration = 50 * CLOCK_MS;
	const size_t dialling = s.options.max_dials_per_visitor;
	struct visitor v[6] = {0};
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		visit(&s, &v[i]);
	UNTIL(&s, v[4].closed && v[5].closed);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		assert_int_equal(v[i].closed, i >= dialling);
		if (v[i].closed)
			assert_int_equal(v[i].reason, FRAME_RESET_BUSY);
	}
	assert_int_equal(s.upstream_conns.n, dialling);
	end(&s);
	silent_end(&silent);
}

/* The link ends: nothing passes for a whole answer or request (rule 24). */
static void test_link_lost(void **state)
{
	struct scene s;
	begin(&s, NULL);
	struct visitor v = {.data = "half"};
	visit(&s, &v);
	UNTIL(&s, s.n_accepted);
	char got[8];
	UNTIL(&s, recv(s.accepted[0], got, sizeof(got), MSG_PEEK | MSG_DONTWAIT) == 4);
	mux_close(&s.client, FRAME_RESET_LINK_LOST);
	assert_int_equal(s.upstream_conns.n, 0);
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
		struct stream *stream = upstream_conns_open(&s.upstream_conns, &open, &reason);
		assert_int_equal(stream != NULL, rows[i].taken);
		/* What a kept stream of requests may do is not for bytes of another kind. */
		if (stream && rows[i].kind != FRAME_KIND_UDP)
			assert_int_equal(container_of(stream, struct relay, stream)->requests,
				rows[i].kind == FRAME_KIND_HTTP);
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
	char dir[] = "/tmp/test_upstream.XXXXXX", upstream[64];
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
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), fd;
	assert_int_equal(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(listener, 1), 0);
	visit(&s, &v);
	UNTIL(&s, (fd = accept(listener, NULL, NULL)) >= 0);
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
		const char *says; /* instead of TLS */
	} rows[] = {
		{true, true, true, NULL}, {false, true, false, NULL},
		{true, false, false, "HTTP/1.1 400 Bad Request\r\n\r\n"},
		{true, false, false, NULL}, /* its handshake takes longer than a dial may */
	};
	char dir[] = "/tmp/test_upstream.XXXXXX", *cert, *key;
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
		if (!rows[i].speaks_tls && !rows[i].says)
			s.upstream_conns.dial_timeout = CLOCK_S;
		struct visitor v = {.data = "ping"};
		visit(&s, &v);
		UNTIL(&s, s.n_accepted);
		int fd = s.accepted[--s.n_accepted];
		assert_int_equal(conn_init(&echo.conn, s.loop, fd, echo_changed), 0);
		if (rows[i].speaks_tls)
			assert_int_equal(conn_start_tls(&echo.conn, tls_accept(server, true), NULL,
						 0),
				0);
		if (rows[i].says)
			assert_true(send(fd, rows[i].says, strlen(rows[i].says), 0) > 0);
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
		cmocka_unit_test(test_dial_timeout),
		cmocka_unit_test(test_queue_timeout),
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
