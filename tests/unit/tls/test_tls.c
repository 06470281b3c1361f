/* SPDX-License-Identifier: MIT */
/* TLS without sockets: who is believed, what is said of the others, and what both ends agree on. */
#include "tls_ends.h"

static void both_versions(void **state)
{
	for (int old = 0; old < 2; old++) {
		uint8_t left[TLS_EXPORTER_SIZE] = {1}, right[TLS_EXPORTER_SIZE] = {2};
		server = serve(test_path("a.pem"), NULL, NULL);
		begin(client((struct tls_client_config){.ca = test_path("ca")}), "a.example");
		if (old)
			SSL_set_max_proto_version(a->ssl, TLS1_2_VERSION);
		assert_int_equal(tls_version(a), TLS_NONE);
		assert_int_equal(shake(1), 0); /* byte by byte */
		assert_true(tls_established(b));
		assert_int_equal(tls_version(a), old ? TLS_1_2 : TLS_1_3);
		assert_int_equal(tls_version(b), old ? TLS_1_2 : TLS_1_3);
		assert_true(tls_verified(a));
		assert_false(tls_verified(b)); /* nobody showed anything */
		assert_string_equal(tls_complaint(a), "");
		assert_true(str_eq(tls_sni(b), STR("a.example")));
		assert_true(str_eq(tls_alpn(a), STR("http/1.1")));
		assert_true(str_eq(tls_alpn(b), STR("http/1.1")));
		assert_int_equal(tls_exporter(a, left), !old);
		assert_int_equal(tls_exporter(b, right), !old);
		assert_int_equal(memcmp(left, right, sizeof left) == 0, !old);
		teardown(state);
	}
}

static void verdicts(void **state)
{
	char old[64], young[64];
	time_t then = time(NULL) - 2 * TEST_DAY, soon = time(NULL) + 2 * TEST_DAY;
	strftime(old, sizeof old, "its certificate ended on %F", gmtime(&then));
	strftime(young, sizeof young, "its certificate begins on %F", gmtime(&soon));
	const struct {
		const char *file, *host, *complaint;
	} cases[] = {
		{"a.pem", "a.example", NULL},
		{"a.pem", "A.Example.", NULL},
		{"a.pem", "127.0.0.1", NULL},
		{"wild.pem", "x.b.example", NULL},
		{"a.pem", "b.example",
			"its certificate is for a.example, www.a.example and others, "
			"not b.example"},
		{"a.pem", "127.0.0.2",
			"its certificate is for a.example, www.a.example and others, "
			"not 127.0.0.2"},
		{"wild.pem", "y.x.b.example",
			"its certificate is for *.b.example, not y.x.b.example"},
		{"wild.pem", "b.example", "its certificate is for *.b.example, not b.example"},
		{"old.pem", "a.example", old},
		{"young.pem", "a.example", young},
		{"self.pem", "a.example", "no CA vouches for its certificate (self-signed)"},
		{"strange.pem", "a.example",
			"no CA that is trusted here vouches for its certificate (issued by "
			"\"Another CA\")"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		/* 0: refused, 1: verified later, 2: not verified */
		for (int how = 0; how < 3; how++) {
			server = serve(test_path(cases[i].file), NULL, NULL);
			begin(client((struct tls_client_config){.ca = test_path("ca"),
				      .verify_later = how == 1,
				      .insecure = how == 2}),
				cases[i].host);
			const char *complaint =
				how == 2 ? "its certificate was not verified" : cases[i].complaint;
			bool good = !complaint;
			assert_int_equal(shake(9999), good || how ? 0 : -EPROTO);
			assert_int_equal(tls_verified(a), good);
			assert_memory_equal(tls_complaint(a), good ? "" : complaint,
				good ? 1 : strlen(complaint));
			/* The alert came: the other end knows, and says so. */
			if (!good && !how)
				assert_non_null(strstr(tls_complaint(b), "it ended TLS: "));
			teardown(state);
		}
	}
}

/* Old or young: only a clock that is right by the certificate shows that ours is not. */
static void the_other_side_tells_the_time(void **state)
{
	static const struct {
		const char *file;
		int days; /* from now, on the other side */
		bool ours;
	} cases[] = {
		{"old.pem", 0, false},
		{"old.pem", -3, true},
		{"old.pem", -300, false},
		{"young.pem", 0, false},
		{"young.pem", 3, true},
		{"a.pem", -300, false},
		{"self.pem", -1, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		server = serve(test_path(cases[i].file), NULL, NULL);
		begin(client((struct tls_client_config){.ca = test_path("ca"),
			      .verify_later = true}),
			"a.example");
		assert_int_equal(shake(9999), 0);
		for (int again = 0; again < 2; again++)
			tls_told_time(a, (int64_t)time(NULL) + cases[i].days * TEST_DAY);
		bool told = strstr(tls_complaint(a), "set the clock here");
		if (told != cases[i].ours)
			fail_msg("row %zu: %s", i, tls_complaint(a));
		if (told)
			assert_null(strstr(tls_complaint(a), "renewed"));
		teardown(state);
	}
}

static void pin_asks_for_nothing_else(void **state)
{
	char pin[TLS_PIN_TEXT];
	for (int wrong = 0; wrong < 2; wrong++) {
		server = serve(test_path("old.pem"), NULL, NULL);
		tls_server_pin(server, pin);
		assert_int_equal(strlen(pin), TLS_PIN_TEXT - 1);
		if (wrong) {
			tls_server_unref(server);
			server = serve(test_path("a.pem"), NULL, NULL);
		}
		begin(client((struct tls_client_config){.pin = pin}), "other.example");
		assert_int_equal(shake(9999), wrong ? -EPROTO : 0);
		assert_int_equal(tls_verified(a), !wrong);
		assert_int_equal(*tls_complaint(a), wrong ? 'i' : 0);
		teardown(state);
	}
	struct error err;
	const char *bad[] = {"", "sha256/", "sha1/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",
		"sha256/AAAAAAAAAAAAAAA*AAAAAAAAAAAAAAAAAAAAAAAAAAA="};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_null(tls_client_new(&(struct tls_client_config){.pin = bad[i]}, &err));
}

static void name_chooses_the_certificate(void **state)
{
	const struct {
		const char *host, *other;
		bool served, other_served;
	} cases[] = {
		{"x.b.example", "a.example", true, false},
		{"a.example", "www.a.example", true, true},
		{"unknown.example", "a.example", false, true}, /* the first one */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		server = serve(test_path("a.pem"), test_path("wild.pem"), NULL);
		begin(client((struct tls_client_config){.insecure = true}), cases[i].host);
		assert_int_equal(shake(9999), 0);
		assert_int_equal(tls_serves(b, str_from(cases[i].host)), cases[i].served);
		assert_int_equal(tls_serves(b, str_from(cases[i].other)), cases[i].other_served);
		X509 *x = SSL_get0_peer_certificate(a->ssl);
		assert_int_equal(X509_check_host(x, cases[i].host, 0, 0, NULL) == 1,
			cases[i].served);
		teardown(state);
	}
	server = serve(test_path("a.pem"), test_path("wild.pem"), NULL);
	assert_true(tls_server_covers(server, STR("a.example")));
	assert_true(tls_server_covers(server, STR("127.0.0.1")));
	assert_true(tls_server_covers(server, STR("x.b.example")));
	assert_false(tls_server_covers(server, STR("y.x.b.example")));
	assert_false(tls_server_covers(server, STR(".b.example")));
	assert_false(tls_server_covers(server, STR("b.example")));
	assert_false(tls_server_covers(server, STR("c.example")));
	struct tls_dates dates;
	assert_int_equal(tls_server_count(server), 2);
	tls_server_dates(server, 0, &dates);
	assert_string_equal(dates.names, "a.example, www.a.example and others");
	tls_server_dates(server, 1, &dates);
	assert_string_equal(dates.names, "*.b.example");
	int64_t left = dates.to - (int64_t)time(NULL);
	assert_in_range(left, 8 * TEST_DAY, 10 * TEST_DAY);
}

static void client_certificate_is_looked_at(void **state)
{
	for (int shown = 0; shown < 3; shown++) {
		server = serve(test_path("a.pem"), NULL, test_path("ca"));
		begin(client((struct tls_client_config){.insecure = true,
			      .cert = shown == 1   ? test_path("me.pem")
				      : shown == 2 ? test_path("strange.pem")
						   : NULL}),
			"a.example");
		assert_int_equal(shake(9999), 0);
		assert_true(tls_established(b));
		assert_int_equal(tls_verified(b), shown == 1);
		assert_int_equal(tls_complaint(b)[0] != 0, shown == 2);
		teardown(state);
	}
}

static void other_protocols_are_served_without(void **state)
{
	server = serve(test_path("a.pem"), NULL, NULL);
	begin(client((struct tls_client_config){.insecure = true}), "a.example");
	SSL_set_alpn_protos(a->ssl, (const uint8_t *)"\2h2\3abc", 7);
	assert_int_equal(shake(9999), 0);
	assert_int_equal(tls_alpn(a).n, 0);
	assert_int_equal(tls_alpn(b).n, 0);
}

/* A client of HTTP/2 gets it or nothing. */
static void http2_alone_is_offered(void **state)
{
	for (int h2 = 0; h2 < 2; h2++) {
		server = serve(test_path("a.pem"), NULL, NULL);
		struct tls_client *c = client((struct tls_client_config){.insecure = true});
		a = tls_connect(c, "a.example", TLS_OFFER_HTTP2);
		tls_client_unref(c);
		b = tls_accept(server, h2 ? TLS_ALPN_HTTP2 : TLS_ALPN_HTTP1);
		assert_int_equal(shake(9999), 0);
		assert_true(str_eq(tls_alpn(a), h2 ? STR("h2") : STR_NULL));
		teardown(state);
	}
}

static void what_is_no_tls_is_called_so(void **state)
{
	const struct {
		const char *bytes, *complaint;
	} cases[] = {
		{"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "it does not speak TLS"},
		{"SSH-2.0-OpenSSH_9.2\r\n", "it does not speak TLS"},
		{"\x16\x03\x01\xff\xff garbage that claims to be a record", "TLS failed: "},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		server = serve(test_path("a.pem"), NULL, NULL);
		begin(client((struct tls_client_config){.insecure = true}), "a.example");
		struct tls *both[] = {a, b};
		for (int side = 0; side < 2; side++) {
			tls_handshake(both[side]);
			tls_feed(both[side], cases[i].bytes, strlen(cases[i].bytes));
			assert_int_equal(tls_handshake(both[side]), -EPROTO);
			assert_memory_equal(tls_complaint(both[side]), cases[i].complaint,
				strlen(cases[i].complaint));
			tls_keep(both[side]);
		}
		teardown(state);
	}
	/* What is older than 1.2. */
	server = serve(test_path("a.pem"), NULL, NULL);
	begin(client((struct tls_client_config){.insecure = true}), "a.example");
	SSL_set_security_level(a->ssl, 0);
	SSL_set_min_proto_version(a->ssl, TLS1_VERSION);
	SSL_set_max_proto_version(a->ssl, TLS1_1_VERSION);
	SSL_set_cipher_list(a->ssl, "ALL:@SECLEVEL=0");
	assert_int_equal(shake(9999), -EPROTO);
	assert_string_equal(tls_complaint(b), "it speaks no TLS newer than 1.1");
}

/* A visitor's second connection: the ticket brings back the name, and a fresh exporter value. */
static void resumed_connection_knows_its_name(void **state)
{
	server = serve(test_path("a.pem"), test_path("wild.pem"), NULL);
	struct tls_client *c = client((struct tls_client_config){.insecure = true});
	uint8_t value[2][TLS_EXPORTER_SIZE];
	SSL_SESSION *session = NULL;
	char byte;
	for (int i = 0; i < 2; i++) {
		begin(tls_client_ref(c), "x.b.example");
		if (session)
			SSL_set_session(a->ssl, session);
		assert_int_equal(shake(9999), 0);
		assert_int_equal(tls_read(a, &byte, 1), -EAGAIN); /* takes the ticket */
		assert_int_equal(SSL_session_reused(b->ssl), i);
		assert_true(tls_serves(b, STR("x.b.example")));
		assert_false(tls_serves(b, STR("a.example")));
		assert_true(tls_exporter(b, value[i]));
		SSL_SESSION_free(session);
		session = SSL_get1_session(a->ssl);
		tls_end(a); /* else OpenSSL does not trust the session any more */
		a = tls_free(a);
		b = tls_free(b);
	}
	assert_memory_not_equal(value[0], value[1], sizeof value[0]);
	SSL_SESSION_free(session);
	tls_client_unref(c);
}

/* For ThreadSanitizer: what a reload replaces is shared by all workers until then. */
static void *visit(void *arg)
{
	struct tls_client *c = arg;
	for (int i = 0; i < 10; i++) {
		struct tls *one =
			tls_connect(c, i % 2 ? "a.example" : "x.b.example", TLS_OFFER_HTTP1);
		struct tls *other = tls_accept(tls_server_ref(server), true);
		tls_server_unref(server);
		tls_handshake(one);
		while (pump_both(one, other, 9999))
			;
		if (!tls_verified(one) || !tls_established(other))
			c = NULL;
		tls_free(one);
		tls_free(other);
	}
	return c;
}

static void both_sides_are_shared_by_threads(void **state)
{
	server = serve(test_path("a.pem"), test_path("wild.pem"), NULL);
	struct tls_client *c = client((struct tls_client_config){.ca = test_path("ca")});
	pthread_t threads[4];
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, visit, c), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *good;
		pthread_join(threads[i], &good);
		assert_ptr_equal(good, c);
	}
	tls_client_unref(c);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		TEST(both_versions),
		TEST(verdicts),
		TEST(the_other_side_tells_the_time),
		TEST(pin_asks_for_nothing_else),
		TEST(name_chooses_the_certificate),
		TEST(client_certificate_is_looked_at),
		TEST(other_protocols_are_served_without),
		TEST(http2_alone_is_offered),
		TEST(what_is_no_tls_is_called_so),
		TEST(resumed_connection_knows_its_name),
		TEST(both_sides_are_shared_by_threads),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
