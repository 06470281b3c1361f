/* Connections with TLS in them, over real sockets: nothing is lost, nothing half passes for whole. */
#include "certs.h"

#include <errno.h>
#include <fcntl.h>

#include "base/macros.h"
#include "net/conn_internal.h"
#include "net/socket.h"
#include "tls/tls_internal.h"
#include "tests/unit/emulated.h"

#define PATIENCE (5 * CLOCK_S)

static struct loop *loop;
static struct conn a, b; /* client, server */
static int changes;
static struct tls_server *server;
static struct tls_client *client;
static char big[1u << 20];

static void changed(struct conn *c)
{
	changes++;
}

static void nothing(struct loop_task *task)
{
}

/* A turn that does not wait. */
static void turn(void)
{
	struct loop_task task;
	loop_task_init(&task, nothing);
	loop_defer(loop, LOOP_PHASE_REAP, &task);
	loop_turn(loop);
}

static void turns(void)
{
	for (int i = 0; i < 8; i++)
		turn();
}

static int group_setup(void **state)
{
	if (test_dir_make(state) < 0)
		return -1;
	struct test_cert c = test_cert("x", "DNS:a.example", -1, 9, NULL);
	char *path = (char *)(uintptr_t)test_write("a.pem", &c, &c, NULL, 0600);
	struct tls_server_config config = {.certs = &path, .n_certs = 1};
	struct error err;
	server = tls_server_new(&config, &err);
	client = tls_client_new(&(struct tls_client_config){.ca = path}, &err);
	test_cert_free(&c);
	return server && client ? 0 : -1;
}

static int group_teardown(void **state)
{
	tls_server_unref(server);
	tls_client_unref(client);
	return test_dir_remove(state);
}

static int setup(void **state)
{
	int fds[2];
	test_tcp_pair(fds);
	socket_tune(fds[0]);
	socket_tune(fds[1]);
	changes = 0;
	loop = loop_new();
	return loop && conn_init(&a, loop, fds[0], changed) == 0 &&
			       conn_init(&b, loop, fds[1], changed) == 0
		       ? 0
		       : -1;
}

static int teardown(void **state)
{
	conn_close(&a);
	conn_close(&b);
	loop = loop_free(loop);
	return 0;
}

static void shake(bool old)
{
	struct tls *tls = tls_connect(client, "a.example", false);
	if (old)
		SSL_set_max_proto_version(tls->ssl, TLS1_2_VERSION);
	assert_int_equal(conn_start_tls(&a, tls, NULL, 0), 0);
	assert_int_equal(conn_start_tls(&b, tls_accept(server, false), NULL, 0), 0);
	assert_false(conn_established(&a));
	assert_int_equal(conn_write(&a, "x", 1), -EAGAIN);
	assert_int_equal(conn_read(&a, big, 1), -EAGAIN);
	assert_int_equal(conn_peek(&a), CONN_SILENT);
	uint64_t end = clock_now() + PATIENCE;
	while (!(conn_established(&a) && conn_established(&b)) && clock_now() < end) {
		assert_true(conn_established(&a) || (!a.readable && !a.writable));
		turn();
	}
	assert_true(conn_established(&a) && conn_established(&b));
	assert_true(a.writable && b.writable);
	assert_true(tls_verified(a.tls));
}

static void small_buffers(const struct conn *conn)
{
	int size = 4096;
	setsockopt(conn->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

/* The byte at some place of a stream, so that what is lost, doubled or moved shows. */
static uint8_t byte_at(size_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

/* As an owner of a connection does it: only what the bits allow, until they go off. */
struct flow {
	struct conn *from, *to;
	size_t size, sent, got, step;
	bool ended;
};

static void flow_send(struct flow *f)
{
	while (f->from->writable && f->sent < f->size) {
		size_t n = MIN(f->size - f->sent, f->step * 4099 % sizeof big + 1);
		f->step++;
		for (size_t i = 0; i < n; i++)
			big[i] = (char)byte_at(f->sent + i);
		/* In three pieces, an empty one among them. */
		struct iovec iov[] = {{.iov_base = big, .iov_len = n / 3},
			{.iov_base = big, .iov_len = 0},
			{.iov_base = big + n / 3, .iov_len = n - n / 3}};
		ssize_t sent = conn_writev(f->from, iov, 3);
		if (sent == -EAGAIN) {
			assert_false(f->from->writable);
			break;
		}
		assert_true(sent > 0);
		assert_true((size_t)sent == n || !f->from->writable);
		f->sent += (size_t)sent;
		if (f->sent == f->size)
			assert_int_equal(conn_shutdown_write(f->from), 0);
	}
}

static void flow_receive(struct flow *f)
{
	while (f->to->readable && !f->ended) {
		size_t room = f->step * 7919 % (sizeof big - 1) + 1;
		f->step++;
		ssize_t n = conn_read(f->to, big, room);
		if (n == -EAGAIN) {
			assert_false(f->to->readable);
			break;
		}
		assert_true(n >= 0);
		f->ended = n == 0;
		for (ssize_t i = 0; i < n; i++)
			if ((uint8_t)big[i] != byte_at(f->got + (size_t)i))
				fail_msg("byte %zu is wrong", f->got + (size_t)i);
		f->got += (size_t)n;
	}
}

static void everything_arrives_both_ways(void **state)
{
	for (int how = 0; how < 4; how++) {
		if (how) {
			teardown(state);
			setup(state);
		}
		if (how & 1) {
			small_buffers(&a);
			small_buffers(&b);
		}
		shake(how & 2);
		size_t size = how & 1 ? 1u << 20 : 5u << 20;
		struct flow there = {.from = &a, .to = &b, .size = size, .step = 1};
		struct flow back = {.from = &b, .to = &a, .size = size, .step = 2};
		uint64_t end = clock_now() + PATIENCE;
		while (!(there.ended && back.ended) && clock_now() < end) {
			flow_send(&there);
			flow_send(&back);
			flow_receive(&there);
			flow_receive(&back);
			if (!(there.ended && back.ended))
				turn();
		}
		assert_int_equal(there.got, size);
		assert_int_equal(back.got, size);
	}
}

/* Whether TLS is asked for one byte or many, the bits and the bytes agree. */
static void bits_tell_what_waits_in_tls(void **state)
{
	shake(false);
	assert_int_equal(conn_write(&b, "hello", 5), 5);
	turns();
	assert_true(a.readable);
	assert_int_equal(conn_read(&a, big, 2), 2);
	assert_true(a.readable); /* the kernel has nothing any more */
	assert_int_equal(conn_peek(&a), CONN_BYTES);
	assert_int_equal(conn_read(&a, big, 3), 3);
	assert_int_equal(conn_read(&a, big, 3), -EAGAIN);
	assert_false(a.readable);
	assert_int_equal(conn_peek(&a), CONN_SILENT);
}

static void fin_without_goodbye_is_no_end(void **state)
{
	for (int late = 0; late < 2; late++) {
		if (late) {
			teardown(state);
			setup(state);
		}
		shake(false);
		assert_int_equal(conn_write(&a, "half", 4), 4);
		shutdown(a.fd, SHUT_WR);
		if (late) {
			/* Refused writes must not make a good end of it. */
			struct detached_conn detached = conn_detach(&a);
			detached_conn_close(&detached);
			for (int i = 0; i < 9 && !b.error; i++) {
				conn_write(&b, "x", 1);
				turn();
			}
		}
		turns();
		ssize_t n = conn_read(&b, big, sizeof big);
		if (!late)
			assert_int_equal(n, 4);
		n = n > 0 ? conn_read(&b, big, sizeof big) : n;
		assert_int_equal(n, -ECONNRESET);
		assert_int_equal(conn_read(&b, big, sizeof big), -ECONNRESET);
	}
}

static void abort_is_a_reset(void **state)
{
	shake(false);
	conn_abort(&a);
	turns();
	assert_int_equal(conn_read(&b, big, sizeof big), -ECONNRESET);
}

/* The client ends before it has read a byte, the tickets included. */
static void half_close_leaves_the_other_half(void **state)
{
	shake(false);
	assert_int_equal(conn_write(&a, "?", 1), 1);
	assert_int_equal(conn_shutdown_write(&a), 0);
	assert_int_equal(conn_write(&a, "?", 1), -EPIPE);
	turns();
	assert_true(b.fin_received);
	assert_int_equal(conn_read(&b, big, sizeof big), 1);
	assert_true(b.readable);
	assert_int_equal(conn_read(&b, big, sizeof big), 0);
	assert_false(b.readable);
	struct flow answer = {.from = &b, .to = &a, .size = 3u << 20, .step = 3};
	uint64_t end = clock_now() + PATIENCE;
	while (!answer.ended && clock_now() < end) {
		flow_send(&answer);
		flow_receive(&answer);
		turn();
	}
	assert_int_equal(answer.got, answer.size);
	assert_int_equal(conn_read(&b, big, sizeof big), 0);
}

/* What was accepted arrives, although its connection is closed and its owner has gone. */
static void close_loses_nothing(void **state)
{
	small_buffers(&a);
	small_buffers(&b);
	shake(false);
	size_t sent = 0, got = 0;
	while (a.writable) {
		ssize_t n = conn_write(&a, big, sizeof big);
		assert_true(n > 0);
		sent += (size_t)n;
	}
	assert_in_range(sent, 1, sizeof big - 1); /* bounded */
	conn_close(&a);
	assert_int_equal(a.fd, -1);
	assert_int_equal(conn_lingers(loop)->count, 1);
	ssize_t n = 1;
	uint64_t end = clock_now() + PATIENCE;
	while (n && clock_now() < end) {
		n = conn_read(&b, big, 5000);
		assert_true(n >= 0 || n == -EAGAIN);
		got += n > 0 ? (size_t)n : 0;
		turn();
	}
	assert_int_equal(n, 0);
	assert_int_equal(got, sent);
	assert_int_equal(conn_lingers(loop)->count, 0);
}

static void linger_time_is_up(void)
{
	struct conn_lingers *all = conn_lingers(loop);
	struct timeout *first = list_first(&all->queue.entries, struct timeout, link);
	list_unlink(&first->link);
	all->queue.expired(&all->queue, first);
}

/* Time is up for a peer that takes nothing, not for one that is slow. */
static void lingering_waits_for_a_slow_reader(void **state)
{
	struct socket_way before, way;
	int fd = a.fd, window = 4096;
	if (EMULATED)
		skip();
	small_buffers(&a);
	setsockopt(b.fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
	shake(false);
	while (a.writable)
		assert_true(conn_write(&a, big, sizeof big) > 0);
	conn_close(&a);
	turns();
	assert_int_equal(socket_ask_way(fd, &before), 0);
	uint64_t end = clock_now() + PATIENCE;
	do {
		conn_read(&b, big, 1024);
		turn();
		assert_int_equal(socket_ask_way(fd, &way), 0);
	} while (way.acked == before.acked && clock_now() < end);
	turns();
	linger_time_is_up();
	assert_int_equal(conn_lingers(loop)->count, 1);
	linger_time_is_up();
	assert_int_equal(conn_lingers(loop)->count, 0);
}

static void lingering_ends_with_the_peer_and_with_the_loop(void **state)
{
	for (int how = 0; how < 2; how++) {
		if (how) {
			teardown(state);
			setup(state);
		}
		shake(false);
		while (a.writable)
			conn_write(&a, big, sizeof big);
		conn_close(&a);
		assert_int_equal(conn_lingers(loop)->count, 1);
		if (how)
			continue; /* the teardown's turn */
		conn_abort(&b);
		turns();
		assert_int_equal(conn_lingers(loop)->count, 0);
	}
}

static void detached_conn_takes_along_what_waits(void **state)
{
	shake(false);
	for (int i = 0; i < 2; i++) /* one is decrypted by the first read, one is not */
		assert_int_equal(conn_write(&a, big, 3000), 3000);
	turns();
	assert_int_equal(conn_read(&b, big, 10), 10);
	struct detached_conn detached = conn_detach(&b);
	assert_null(b.tls);
	struct loop *first = loop;
	loop = loop_new();
	changes = 0;
	assert_int_equal(conn_attach(&b, loop, detached, changed), 0);
	assert_true(conn_established(&b));
	conn_assume_writable(&b);
	assert_true(b.writable);
	loop_turn(loop); /* would wait for ever if nothing were told */
	assert_true(changes > 0 && b.readable);
	assert_int_equal(conn_read(&b, big, sizeof big), 5990);
	assert_false(b.readable);
	/* And with what waits to be sent. */
	size_t sent = 0, got = 0;
	while (b.writable)
		sent += (size_t)conn_write(&b, big, sizeof big);
	detached = conn_detach(&b);
	assert_int_equal(conn_attach(&b, first, detached, changed), 0);
	conn_assume_writable(&b);
	assert_false(b.writable);
	loop_free(loop);
	loop = first;
	for (uint64_t end = clock_now() + PATIENCE; got < sent && clock_now() < end; turn()) {
		ssize_t n = conn_read(&a, big, sizeof big);
		got += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(got, sent);
	assert_true(b.writable);
}

static void detached_conn_takes_along_a_handshake(void **state)
{
	struct tls *tls = tls_connect(client, "a.example", false);
	assert_int_equal(conn_start_tls(&a, tls, NULL, 0), 0);
	turns();
	struct detached_conn detached = conn_detach(&a);
	assert_int_equal(conn_attach(&a, loop, detached, changed), 0);
	conn_assume_writable(&a);
	assert_false(a.writable);
	assert_int_equal(conn_start_tls(&b, tls_accept(server, false), NULL, 0), 0);
	turns();
	assert_true(conn_established(&a) && conn_established(&b));
}

/* What TLS says for itself is no byte of the upstream's. */
static void tickets_and_new_keys_are_silence(void **state)
{
	shake(false);
	assert_int_equal(conn_peek(&a), CONN_SILENT); /* two tickets came */
	assert_false(a.readable);
	SSL_key_update(b.tls->ssl, SSL_KEY_UPDATE_REQUESTED);
	SSL_do_handshake(b.tls->ssl);
	assert_int_equal(conn_read(&b, big, 1), -EAGAIN); /* sends it */
	turns();
	assert_int_equal(conn_peek(&a), CONN_SILENT);
	assert_false(a.readable);
	turns();
	assert_int_equal(conn_peek(&b), CONN_SILENT); /* the answer to it */
	assert_int_equal(conn_write(&b, "x", 1), 1);
	assert_int_equal(conn_peek(&a), CONN_BYTES); /* poll or no poll */
	assert_true(a.readable);
	assert_int_equal(conn_read(&a, big, 9), 1);
	assert_int_equal(conn_shutdown_write(&b), 0);
	assert_int_equal(conn_peek(&a), CONN_ENDED);
	assert_int_equal(conn_peek(&a), CONN_ENDED);
	assert_int_equal(conn_read(&a, big, 9), 0);
	assert_false(conn_broken(&a));
}

/* Each asks for an answer, of which a peer that reads none must not have any number kept for it. */
static void new_keys_without_end_are_refused(void **state)
{
	shake(false);
	small_buffers(&b);
	while (conn_write(&b, big, sizeof big) > 0)
		;
	ssize_t r = -EAGAIN;
	size_t owed = 0;
	for (int i = 0; i < 20000 && r == -EAGAIN; i++) {
		SSL_key_update(a.tls->ssl, SSL_KEY_UPDATE_REQUESTED);
		SSL_do_handshake(a.tls->ssl);
		const uint8_t *p;
		size_t n = tls_output(a.tls, &p);
		assert_int_equal(send(a.fd, p, n, 0), n);
		tls_sent(a.tls, n);
		r = conn_read(&b, big, sizeof big);
		owed = tls_output(b.tls, &p);
	}
	assert_int_equal(r, -EPROTO);
	assert_true(owed < 256u << 10);
	assert_int_equal(conn_write(&b, "x", 1), -EPROTO);
}

static void early_bytes_are_a_part_of_it(void **state)
{
	struct tls *tls = tls_connect(client, "a.example", false);
	assert_int_equal(conn_start_tls(&a, tls, NULL, 0), 0);
	turns();
	char hello[4096];
	ssize_t n = recv(b.fd, hello, sizeof hello, 0);
	assert_true(n > 100);
	assert_int_equal(conn_start_tls(&b, tls_accept(server, false), hello, (size_t)n), 0);
	turns();
	assert_true(conn_established(&a) && conn_established(&b));
	assert_true(changes >= 2);
}

/* The peer hears why before the end, and is not cut off by a reset. */
static void garbage_is_answered_with_an_alert(void **state)
{
	/* A record with a handshake message that begins no handshake, and more than is looked at. */
	static char nonsense[30000] = "\x16\x03\x01\x00\x08\x63\x00\x00\x04none";
	turns();
	int raw = conn_detach(&a).fd;
	assert_int_equal(send(raw, nonsense, sizeof nonsense, 0), sizeof nonsense);
	changes = 0;
	assert_int_equal(conn_start_tls(&b, tls_accept(server, false), NULL, 0), 0);
	turns();
	assert_int_equal(changes, 1);
	assert_false(conn_established(&b));
	assert_true(b.readable);
	assert_string_equal(tls_complaint(b.tls), "TLS failed: unexpected message");
	assert_int_equal(conn_write(&b, "x", 1), -EPROTO);
	assert_int_equal(conn_read(&b, big, 1), -EPROTO);
	assert_int_equal(conn_read(&b, big, 1), -EPROTO);
	conn_close(&b);
	uint8_t alert[16];
	assert_int_equal(recv(raw, alert, sizeof alert, 0), 7);
	assert_int_equal(alert[0], 21);
	assert_int_equal(recv(raw, alert, sizeof alert, 0), 0);
	close(raw);
}

/* Behind the handshake too: a damaged record ends this connection, and is no end of data. */
static void damage_is_an_error(void **state)
{
	shake(false);
	assert_int_equal(conn_write(&a, "good", 4), 4);
	struct detached_conn detached = conn_detach(&a);
	assert_int_equal(send(detached.fd, "\x17\x03\x03\x00\x20 0123456789 0123456789 01234567",
				 37, 0),
		37);
	turns();
	assert_int_equal(conn_read(&b, big, sizeof big), 4);
	assert_true(b.readable);
	assert_int_equal(conn_read(&b, big, sizeof big), -EPROTO);
	assert_int_equal(conn_write(&b, "x", 1), -EPROTO);
	detached_conn_close(&detached);
}

static void end_in_the_handshake_is_told(void **state)
{
	struct tls *tls = tls_connect(client, "a.example", false);
	assert_int_equal(conn_start_tls(&a, tls, NULL, 0), 0);
	conn_close(&b);
	turns();
	assert_int_equal(conn_read(&a, big, 1), -EPROTO);
	assert_string_equal(tls_complaint(a.tls),
		"it ended the connection during the TLS handshake");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(everything_arrives_both_ways),
		TEST(bits_tell_what_waits_in_tls),
		TEST(fin_without_goodbye_is_no_end),
		TEST(abort_is_a_reset),
		TEST(half_close_leaves_the_other_half),
		TEST(close_loses_nothing),
		TEST(lingering_waits_for_a_slow_reader),
		TEST(lingering_ends_with_the_peer_and_with_the_loop),
		TEST(detached_conn_takes_along_what_waits),
		TEST(detached_conn_takes_along_a_handshake),
		TEST(tickets_and_new_keys_are_silence),
		TEST(new_keys_without_end_are_refused),
		TEST(early_bytes_are_a_part_of_it),
		TEST(garbage_is_answered_with_an_alert),
		TEST(damage_is_an_error),
		TEST(end_in_the_handshake_is_told),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
