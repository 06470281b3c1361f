/* SPDX-License-Identifier: MIT */
/* Connections with TLS in them, over real sockets: nothing is lost, nothing half passes for whole. */
#include "tls_conns.h"

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
	struct tls *tls = tls_connect(client, "a.example", TLS_OFFER_NONE);
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
	struct tls *tls = tls_connect(client, "a.example", TLS_OFFER_NONE);
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
	struct tls *tls = tls_connect(client, "a.example", TLS_OFFER_NONE);
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
