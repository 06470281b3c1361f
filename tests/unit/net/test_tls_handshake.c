/* SPDX-License-Identifier: MIT */
/* The client's handshake within a deadline: one answer, and one sentence when it failed. */
#include "certs.h"

#include <errno.h>

#include "base/macros.h"
#include "net/tls_handshake.h"
#include "tls/tls_filter.h"

#define PATIENCE (5 * CLOCK_S)

static struct loop *loop;
static struct tls_handshake handshake;
static int calls, peer;
static struct detached_conn result;
static char why[200];

static void done(struct tls_handshake *s, struct detached_conn detached, const char *reason)
{
	assert_ptr_equal(s, &handshake);
	calls++;
	result = detached;
	snprintf(why, sizeof why, "%s", reason);
}

static int setup(void **state)
{
	calls = 0;
	result = DETACHED_CONN_NULL;
	return (loop = loop_new()) ? 0 : -1;
}

static int teardown(void **state)
{
	tls_handshake_cancel(&handshake);
	detached_conn_close(&result);
	if (peer >= 0)
		close(peer);
	loop = loop_free(loop);
	return 0;
}

static void start(uint64_t patience, const char *host, const char *ca)
{
	struct error err;
	struct tls_client *c = tls_client_new(&(struct tls_client_config){.ca = ca}, &err);
	assert_non_null(c);
	int fds[2];
	test_tcp_pair(fds);
	peer = fds[1];
	tls_handshake_start(&handshake, loop, fds[0], tls_connect(c, host, TLS_OFFER_NONE),
		clock_now() + patience, done);
	assert_int_equal(calls, 0);
	tls_client_unref(c);
}

static void wait_for_it(void)
{
	for (uint64_t end = clock_now() + PATIENCE; !calls && clock_now() < end;)
		loop_turn(loop);
	assert_int_equal(calls, 1);
}

static void answered(struct conn *conn)
{
}

static void good_and_bad_handshakes(void **state)
{
	struct test_cert c = test_cert("x", "DNS:a.example", -1, 9, NULL);
	char *path = strdup(test_write("a.pem", &c, &c, NULL, 0600));
	test_cert_free(&c);
	struct tls_server_config config = {.certs = &path, .n_certs = 1};
	struct error err;
	struct tls_server *server = tls_server_new(&config, &err);
	assert_non_null(server);
	const char *hosts[] = {"a.example", "b.example"};
	for (int bad = 0; bad < 2; bad++) {
		calls = 0;
		start(PATIENCE, hosts[bad], path);
		struct conn conn;
		assert_int_equal(conn_init(&conn, loop, peer, answered), 0);
		peer = -1;
		assert_int_equal(conn_start_tls(&conn, tls_accept(server, false), NULL, 0), 0);
		wait_for_it();
		assert_string_equal(why,
			bad ? "its certificate is for a.example, not b.example" : "");
		assert_int_equal(result.fd >= 0, !bad);
		assert_int_equal(result.tls != NULL, !bad);
		assert_int_equal(handshake.distrusted, bad);
		if (!bad)
			assert_true(tls_verified(result.tls));
		detached_conn_close(&result);
		conn_close(&conn);
	}
	tls_server_unref(server);
	free(path);
}

static void failures_have_sentences(void **state)
{
	struct test_cert c = test_cert("x", "DNS:a.example", -1, 9, NULL);
	char *path = strdup(test_write("b.pem", &c, NULL, NULL, 0600));
	test_cert_free(&c);
	const struct {
		const char *says;
		bool ends;
		const char *why;
	} cases[] = {
		{"220 mail.example ESMTP\r\n", false, "it does not speak TLS"},
		{"", true, "it ended the connection during the TLS handshake"},
		{"", false, "the TLS handshake took too long"},
		{"\x16\x03\x03", false, "the TLS handshake took too long"},
		{"\x15\x03\x03\x00\x02\x02\x28", false, "it ended TLS: handshake failure"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t n = cases[i].says[0] == 0x15 ? 7 : strlen(cases[i].says);
		calls = 0;
		start(100 * CLOCK_MS, "a.example", path);
		assert_int_equal(send(peer, cases[i].says, n, 0), n);
		if (cases[i].ends)
			shutdown(peer, SHUT_WR);
		wait_for_it();
		assert_string_equal(why, cases[i].why);
		assert_false(handshake.distrusted);
		assert_int_equal(result.fd, -1);
		close(peer);
		peer = -1;
	}
	free(path);
}

/* Our last message is what ends the handshake; who is not there for it has not shaken hands. */
static void gone_before_our_last_message(void **state)
{
	struct test_cert c = test_cert("x", "DNS:a.example", -1, 9, NULL);
	char *path = strdup(test_write("a.pem", &c, &c, NULL, 0600));
	test_cert_free(&c);
	struct tls_server_config config = {.certs = &path, .n_certs = 1};
	struct error err;
	struct tls_server *server = tls_server_new(&config, &err);
	assert_non_null(server);
	start(PATIENCE, "a.example", path);
	loop_turn(loop); /* its hello is sent */
	struct tls *tls = tls_accept(server, false);
	uint8_t bytes[16 << 10];
	ssize_t n = recv(peer, bytes, sizeof bytes, 0);
	assert_true(n > 0);
	tls_feed(tls, bytes, (size_t)n);
	assert_int_equal(tls_handshake(tls), -EAGAIN);
	const uint8_t *p;
	size_t size = tls_output(tls, &p);
	assert_int_equal(send(peer, p, size, 0), size);
	test_reset(peer);
	peer = -1;
	wait_for_it();
	assert_int_equal(result.fd, -1);
	assert_string_equal(why, "it ended the connection during the TLS handshake");
	tls_free(tls);
	tls_server_unref(server);
	free(path);
}

static void cancelled_is_silent(void **state)
{
	struct tls_handshake zero = {0};
	tls_handshake_cancel(&zero);
	start(CLOCK_MS, "a.example", NULL);
	tls_handshake_cancel(&handshake);
	struct loop_task task;
	for (int i = 0; i < 3; i++) {
		usleep(1000);
		loop_task_init(&task, (void (*)(struct loop_task *))answered);
		loop_defer(loop, LOOP_PHASE_REAP, &task);
		loop_turn(loop);
	}
	assert_int_equal(calls, 0);
	char rest[512];
	assert_int_equal(recv(peer, rest, sizeof rest, 0), 0);
}

static void no_memory_is_told_too(void **state)
{
	int fds[2];
	test_tcp_pair(fds);
	peer = fds[1];
	tls_handshake_start(&handshake, loop, fds[0], NULL, CLOCK_NEVER, done);
	wait_for_it();
	assert_string_equal(why, "out of memory");
	assert_int_equal(result.fd, -1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(good_and_bad_handshakes),
		TEST(failures_have_sentences),
		TEST(gone_before_our_last_message),
		TEST(cancelled_is_silent),
		TEST(no_memory_is_told_too),
	};
	return cmocka_run_group_tests(tests, test_dir_make, test_dir_remove);
}
