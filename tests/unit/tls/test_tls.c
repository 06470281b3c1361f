/* TLS without sockets: who is believed, what is said of the others, and what both ends agree on. */
#include "tests/unit/net/certs.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/macros.h"
#include "tls/tls_internal.h"

static struct test_cert ca, stranger;
static struct tls_server *server;
static struct tls *a, *b; /* client, server */

static struct tls_server *serve(const char *first, const char *second, const char *client_ca)
{
	char *certs[] = {(char *)(uintptr_t)first, (char *)(uintptr_t)second};
	struct tls_server_config config = {.certs = certs,
		.n_certs = second ? 2 : 1,
		.client_ca = client_ca};
	struct error err = {""};
	struct tls_server *s = tls_server_new(&config, &err);
	if (!s)
		print_error("%s\n", err.text);
	assert_non_null(s);
	return s;
}

static struct tls_client *client(struct tls_client_config config)
{
	struct error err = {""};
	struct tls_client *c = tls_client_new(&config, &err);
	if (!c)
		print_error("%s\n", err.text);
	assert_non_null(c);
	return c;
}

static int group_setup(void **state)
{
	if (test_dir_make(state) < 0)
		return -1;
	ca = test_cert("Test CA", NULL, -9, 99, NULL);
	stranger = test_cert("Another CA", NULL, -9, 99, NULL);
	test_write("ca", &ca, NULL, NULL, 0644);
	struct {
		const char *file, *names;
		int from, to;
		const struct test_cert *issuer;
	} made[] = {
		{"a.pem", "DNS:a.example, DNS:www.a.example, DNS:x.example, IP:127.0.0.1", -1, 9,
			&ca},
		{"wild.pem", "DNS:*.b.example", -1, 9, &ca},
		{"old.pem", "DNS:a.example", -9, -2, &ca},
		{"young.pem", "DNS:a.example", 2, 9, &ca},
		{"self.pem", "DNS:a.example", -1, 9, NULL},
		{"strange.pem", "DNS:a.example", -1, 9, &stranger},
		{"me.pem", "DNS:me.example", -1, 9, &ca},
	};
	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		struct test_cert c = test_cert("CN is not looked at", made[i].names, made[i].from,
			made[i].to, made[i].issuer);
		test_write(made[i].file, &c, &c, NULL, 0600);
		test_cert_free(&c);
	}
	return 0;
}

static int group_teardown(void **state)
{
	test_cert_free(&ca);
	test_cert_free(&stranger);
	return test_dir_remove(state);
}

static int teardown(void **state)
{
	a = tls_free(a);
	b = tls_free(b);
	server = tls_server_unref(server);
	return 0;
}

static void begin(struct tls_client *c, const char *host)
{
	a = tls_connect(c, host, true);
	b = tls_accept(server, true);
	tls_client_unref(c);
	assert_non_null(a);
	assert_non_null(b);
}

/* Everything that waits, in pieces of `step` bytes. False when there was nothing. */
static bool pump(struct tls *from, struct tls *to, size_t step)
{
	const uint8_t *p;
	size_t n = tls_output(from, &p);
	for (size_t at = 0; at < n; at += step) {
		tls_feed(to, p + at, MIN(step, n - at));
		if (!tls_established(to))
			tls_handshake(to);
		assert_int_equal(tls_keep(to), 0);
	}
	tls_sent(from, n);
	return n > 0;
}

/* Both ways, each time; false: nothing was left. */
static bool pump_both(struct tls *one, struct tls *other, size_t step)
{
	bool there = pump(one, other, step);
	bool back = pump(other, one, step);
	return there || back;
}

/* What the handshake came to at the client. */
static int shake(size_t step)
{
	int r = tls_handshake(a);
	while (pump_both(a, b, step))
		r = tls_established(a) ? 0 : -EPROTO;
	return r;
}

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

static void files_are_refused_with_a_sentence(void **state)
{
	struct test_cert one = test_cert("One", "DNS:one.example", -1, 9, NULL);
	struct test_cert two = test_cert("Two", "DNS:two.example", -1, 9, NULL);
	test_write("one.crt", &one, NULL, NULL, 0644);
	test_write("bare.crt", &one, NULL, NULL, 0644);
	test_write("one.key", NULL, &one, NULL, 0640);
	test_write("two.key", NULL, &two, NULL, 0600);
	test_write("open.key", NULL, &one, NULL, 0644);
	test_write("secret.key", NULL, &one, "password", 0600);
	test_write("empty", NULL, NULL, NULL, 0600);
	const struct {
		const char *cert, *key, *sentence;
	} cases[] = {
		{"one.crt", NULL, NULL}, /* beside it */
		{"one.crt", "one.key", NULL},
		{"one.crt", "two.key", "is not the one of"},
		{"one.crt", "open.key", "chmod 600"},
		{"one.crt", "secret.key", "is encrypted"},
		{"one.crt", "empty", "there is no private key in"},
		{"bare.crt", NULL, "neither in it nor in"},
		{"empty", NULL, "there is no certificate in"},
		{"missing", NULL, "No such file"},
		{".", "one.key", "is a directory"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *cert = strdup(test_path(cases[i].cert));
		char *key = cases[i].key ? strdup(test_path(cases[i].key)) : NULL;
		struct tls_server_config config = {.certs = &cert,
			.n_certs = 1,
			.keys = &key,
			.n_keys = key ? 1 : 0};
		struct error err = {""};
		struct tls_server *s = tls_server_new(&config, &err);
		assert_int_equal(s != NULL, cases[i].sentence == NULL);
		if (cases[i].sentence && !strstr(err.text, cases[i].sentence))
			fail_msg("%s", err.text);
		tls_server_unref(s);
		free(cert);
		free(key);
	}
	/* A directory: those with a certificate, sorted by name. */
	mkdir(test_path("dir"), 0755);
	test_write("dir/2.crt", &two, &two, NULL, 0600);
	test_write("dir/1.pem", &one, NULL, NULL, 0644);
	test_write("dir/1.key", NULL, &one, NULL, 0600);
	test_write("dir/other-key.pem", NULL, &one, NULL, 0600);
	server = serve(test_path("dir"), NULL, NULL);
	assert_int_equal(server->n_certs, 2);
	assert_true(tls_certificate_covers(&server->certs[0], STR("one.example"), false));
	assert_true(tls_server_covers(server, STR("two.example")));
	test_cert_free(&one);
	test_cert_free(&two);
}

static void client_files_are_refused_with_a_sentence(void **state)
{
	struct test_cert c = test_cert("x", "DNS:a.example", -1, 9, NULL);
	test_write("alone.crt", &c, NULL, NULL, 0600);
	test_write("pair.crt", &c, NULL, NULL, 0600);
	test_write("pair.key", NULL, &c, NULL, 0600);
	test_write("key", NULL, &c, NULL, 0600);
	test_cert_free(&c);
	static const struct {
		const char *ca, *cert, *sentence; /* NULL: taken */
	} cases[] = {
		{"none", NULL, "/none cannot be read: No such file or directory"},
		{"key", NULL, "/key cannot be read: no certificate or crl found"},
		{NULL, "none", "the certificate to be shown: "},
		{NULL, "alone.crt", "there is no private key for"},
		{NULL, "pair.crt", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *bundle = cases[i].ca ? strdup(test_path(cases[i].ca)) : NULL;
		char *cert = cases[i].cert ? strdup(test_path(cases[i].cert)) : NULL;
		struct error err = {""};
		struct tls_client *made =
			tls_client_new(&(struct tls_client_config){.ca = bundle, .cert = cert},
				&err);
		assert_int_equal(made != NULL, cases[i].sentence == NULL);
		if (cases[i].sentence && !strstr(err.text, cases[i].sentence))
			fail_msg("case %zu: %s", i, err.text);
		tls_client_unref(made);
		free(bundle);
		free(cert);
	}
}

static void automatic_certificate_is_made_once(void **state)
{
	mkdir(test_path("auto"), 0700);
	char pin[2][TLS_PIN_TEXT];
	struct error err = {""};
	for (int i = 0; i < 2; i++) {
		char *cert, *key;
		assert_int_equal(tls_auto_certificate(test_path("auto"), &cert, &key, &err), 0);
		struct stat st;
		assert_int_equal(stat(key, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_int_equal(stat(cert, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0644);
		struct tls_server_config config = {.certs = &cert,
			.n_certs = 1,
			.keys = &key,
			.n_keys = 1};
		struct tls_server *s = tls_server_new(&config, &err);
		assert_non_null(s);
		tls_server_pin(s, pin[i]);
		struct tls_dates dates;
		tls_server_dates(s, 0, &dates);
		int64_t left = dates.to - (int64_t)time(NULL);
		assert_in_range(left, 3650 * TEST_DAY, 3654 * TEST_DAY);
		tls_server_unref(s);
		if (i == 1)
			unlink(cert);
		free(cert);
		free(key);
	}
	assert_string_equal(pin[0], pin[1]);
	char *cert, *key;
	assert_true(tls_auto_certificate(test_path("auto"), &cert, &key, &err) < 0);
	assert_non_null(strstr(err.text, "remove both"));
	assert_true(tls_auto_certificate(test_path("nowhere"), &cert, &key, &err) < 0);
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
		struct tls *one = tls_connect(c, i % 2 ? "a.example" : "x.b.example", true);
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
		TEST(what_is_no_tls_is_called_so),
		TEST(files_are_refused_with_a_sentence),
		TEST(client_files_are_refused_with_a_sentence),
		TEST(automatic_certificate_is_made_once),
		TEST(resumed_connection_knows_its_name),
		TEST(both_sides_are_shared_by_threads),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
