/* SPDX-License-Identifier: MIT */
/* How long a ticket is good for: its key's time, and that of the next one. */
#include "tests/unit/net/certs.h"

#include "base/macros.h"
#include "tls/tls_internal.h"

#define START (5 * CLOCK_S) /* any moment */

static struct tls_server *server;

static struct tls_server *serve(void)
{
	char *cert = (char *)(uintptr_t)test_path("a.pem");
	struct tls_server_config config = {.certs = &cert, .n_certs = 1};
	struct error err = {""};
	struct tls_server *s = tls_server_new(&config, &err);
	if (!s)
		fail_msg("%s", err.text);
	return s;
}

static int group_setup(void **state)
{
	if (test_dir_make(state) < 0)
		return -1;
	struct test_cert c = test_cert("a", "DNS:a.example", -1, 9, NULL);
	test_write("a.pem", &c, &c, NULL, 0600);
	test_cert_free(&c);
	return 0;
}

static int setup(void **state)
{
	server = serve();
	tls_server_tick(server, START);
	return 0;
}

static int teardown(void **state)
{
	server = tls_server_unref(server);
	return 0;
}

static void pump(struct tls *from, struct tls *to)
{
	const uint8_t *p;
	size_t n = tls_output(from, &p);
	tls_feed(to, p, n);
	/* 1.3's tickets come behind the handshake. */
	if (tls_established(to))
		tls_peek(to);
	else
		tls_handshake(to);
	assert_int_equal(tls_keep(to), 0);
	tls_sent(from, n);
}

/* Connects with the session, if there is one, which it becomes the next of. True: it was resumed. */
static bool come(struct tls_server *s, int version, SSL_SESSION **session)
{
	struct error err;
	struct tls_client *c = tls_client_new(&(struct tls_client_config){.insecure = true}, &err);
	assert_non_null(c);
	struct tls *a = tls_connect(c, "a.example", TLS_OFFER_HTTP1), *b = tls_accept(s, true);
	tls_client_unref(c);
	assert_true(SSL_set_max_proto_version(a->ssl, version));
	if (*session)
		assert_true(SSL_set_session(a->ssl, *session));
	tls_handshake(a);
	for (int i = 0; i < 4; i++) {
		pump(a, b);
		pump(b, a);
	}
	assert_true(tls_established(a) && tls_established(b));
	bool resumed = SSL_session_reused(a->ssl);
	SSL_SESSION_free(*session);
	*session = SSL_get1_session(a->ssl);
	/* An end without close_notify would make the session one that must not be resumed. */
	SSL_set_quiet_shutdown(a->ssl, 1);
	SSL_shutdown(a->ssl);
	tls_free(a);
	tls_free(b);
	return resumed;
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void test_periods(void **state)
{
	static const struct {
		uint64_t made, used; /* behind START */
		bool good;
	} rows[] = {
		{0, 0, true},
		{0, TLS_TICKET_PERIOD - 1, true},
		{0, TLS_TICKET_PERIOD, true},
		{0, 2 * TLS_TICKET_PERIOD - 1, true},
		{0, 2 * TLS_TICKET_PERIOD, false},
		{0, 9 * TLS_TICKET_PERIOD, false},
		{TLS_TICKET_PERIOD - 1, TLS_TICKET_PERIOD, true},
		{TLS_TICKET_PERIOD - 1, 2 * TLS_TICKET_PERIOD, false},
		{TLS_TICKET_PERIOD, 3 * TLS_TICKET_PERIOD - 1, true},
		{TLS_TICKET_PERIOD, 3 * TLS_TICKET_PERIOD, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(versions); i++) {
		SSL_SESSION *session = NULL;
		size_t row = i / ARRAY_LEN(versions);
		int version = versions[i % ARRAY_LEN(versions)];
		teardown(state);
		setup(state);
		/* As often as it is looked at, or so: every moment of a rotation is seen. */
		for (uint64_t t = 0; t < rows[row].made; t += TLS_TICKET_PERIOD / 8)
			tls_server_tick(server, START + t);
		tls_server_tick(server, START + rows[row].made);
		assert_false(come(server, version, &session));
		for (uint64_t t = rows[row].made; t < rows[row].used; t += TLS_TICKET_PERIOD / 8)
			tls_server_tick(server, START + t);
		tls_server_tick(server, START + rows[row].used);
		if (come(server, version, &session) != rows[row].good)
			fail_msg("row %zu, version %x", row, version);
		SSL_SESSION_free(session);
	}
}

/* Whoever comes again by the key before is given a ticket of this one, and so goes on for ever. */
static void test_tickets_are_made_anew(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		SSL_SESSION *session = NULL;
		come(server, versions[i], &session);
		for (int period = 1; period < 5; period++) {
			tls_server_tick(server, server->tickets.next);
			assert_true(come(server, versions[i], &session));
		}
		SSL_SESSION_free(session);
	}
}

/* Between two looks a machine may have been asleep. */
static void test_nobody_looked(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		SSL_SESSION *session = NULL;
		come(server, versions[i], &session);
		tls_server_tick(server, server->tickets.next + TLS_TICKET_PERIOD);
		assert_false(come(server, versions[i], &session));
		assert_true(come(server, versions[i], &session));
		SSL_SESSION_free(session);
	}
}

/* Certificates and the CAs of clients may have changed: nothing of before them is good any more. */
static void test_another_server(void **state)
{
	struct tls_server *other = serve();
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		SSL_SESSION *session = NULL;
		come(server, versions[i], &session);
		assert_false(come(other, versions[i], &session));
		SSL_SESSION_free(session);
	}
	tls_server_unref(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_periods, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tickets_are_made_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_looked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_server, setup, teardown),
	};
	return cmocka_run_group_tests(tests, group_setup, test_dir_remove);
}
