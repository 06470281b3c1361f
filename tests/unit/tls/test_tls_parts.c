/* SPDX-License-Identifier: MIT */
/* TLS, part by part: the first bytes, whom a connection is for, where keys are found, and clocks. */
#include "tests/unit/net/certs.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/macros.h"
#include "tls/tls_internal.h"

static struct test_cert me, other;

static int group_setup(void **state)
{
	if (test_dir_make(state) < 0)
		return -1;
	me = test_cert("me", "DNS:a.example", -1, 9, NULL);
	other = test_cert("other", "DNS:b.example", -1, 9, NULL);
	return 0;
}

static int group_teardown(void **state)
{
	test_cert_free(&me);
	test_cert_free(&other);
	return test_dir_remove(state);
}

static struct tls_server *serve(const char *cert, struct error *err)
{
	char *certs[] = {(char *)(uintptr_t)cert};
	return tls_server_new(&(struct tls_server_config){.certs = certs, .n_certs = 1}, err);
}

/* ---- The first bytes ---- */

/* A peer whose first byte begins no TLS record is said not to speak it; HTTP is told by its name. */
static void the_first_byte_tells_the_protocol(void **state)
{
	static const struct {
		const char *bytes;
		bool foreign;
		const char *complaint;
	} rows[] = {
		{"\x13\x03\x03\x00\x01\x01", true, "it does not speak TLS"},
		{"\x14\x03\x03\x00\x01\x01", false, NULL},
		{"\x17\x03\x03\x00\x01\x01", false, NULL},
		{"\x18\x03\x03\x00\x01\x01", true, "it does not speak TLS"},
		{"HTTP/1", true, "it answers in plain HTTP, not TLS"},
		{"HTTPS ", true, "it does not speak TLS"},
		{"HELO a", true, "it does not speak TLS"},
	};
	struct error err;
	struct tls_client *c = tls_client_new(&(struct tls_client_config){.insecure = true}, &err);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tls *tls = tls_connect(c, "a.example", TLS_OFFER_NONE);
		assert_non_null(tls);
		assert_int_equal(tls_handshake(tls), -EAGAIN);
		assert_false(tls_foreign(tls));
		tls_feed(tls, rows[i].bytes, 6);
		tls_handshake(tls);
		assert_int_equal(tls_foreign(tls), rows[i].foreign);
		if (rows[i].complaint)
			assert_string_equal(tls_complaint(tls), rows[i].complaint);
		tls_keep(tls);
		tls_free(tls);
	}
	tls_client_unref(c);
}

/* What is fed in pieces of any size is what OpenSSL reads, and what it writes is there until it is sent. */
static void output_stays_until_it_is_sent(void **state)
{
	struct error err;
	const uint8_t *p;
	uint8_t first[64], sink[4096];
	struct tls_client *c = tls_client_new(&(struct tls_client_config){.insecure = true}, &err);
	struct tls *tls = tls_connect(c, "a.example", TLS_OFFER_NONE);
	tls_sink(tls, sink, sizeof sink);
	assert_int_equal(tls_output(tls, &p), 0);
	assert_int_equal(tls_handshake(tls), -EAGAIN);
	size_t n = tls_output(tls, &p);
	assert_true(n > sizeof first);
	assert_ptr_equal(p, sink);
	memcpy(first, p, sizeof first);
	/* A part of it: the rest is kept, at another place. */
	assert_int_equal(tls_sent(tls, 10), 0);
	assert_int_equal(tls_output(tls, &p), n - 10);
	assert_memory_equal(p, first + 10, sizeof first - 10);
	assert_int_equal(tls_sent(tls, n - 11), 0);
	assert_int_equal(tls_output(tls, &p), 1);
	assert_int_equal(tls_sent(tls, 1), 0);
	assert_int_equal(tls_output(tls, &p), 0);
	tls_free(tls);
	tls_client_unref(c);
}

/* ---- Whom a connection is for ---- */

static void names_and_addresses_to_verify(void **state)
{
	static const struct {
		const char *host, *sni, *ip;
	} rows[] = {
		{"a.example", "a.example", NULL},
		{"a.example.", "a.example", NULL},
		{"127.0.0.1", NULL, "127.0.0.1"},
		{"::1", NULL, "0:0:0:0:0:0:0:1"},
		{"[::1]", NULL, "0:0:0:0:0:0:0:1"},
		{"fe80::1%eth0", NULL, "FE80:0:0:0:0:0:0:1"},
		{"[fe80::1%eth0]", NULL, "FE80:0:0:0:0:0:0:1"},
	};
	struct error err;
	struct tls_client *c = tls_client_new(&(struct tls_client_config){0}, &err);
	assert_non_null(c); /* and the system's CAs are found, whatever it has */
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tls *tls = tls_connect(c, rows[i].host, TLS_OFFER_HTTP1);
		assert_non_null(tls);
		const char *sni = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);
		char *ip = X509_VERIFY_PARAM_get1_ip_asc(SSL_get0_param(tls->ssl));
		if (rows[i].sni)
			assert_string_equal(sni, rows[i].sni);
		else
			assert_null(sni);
		if (rows[i].ip)
			assert_string_equal(ip, rows[i].ip);
		else
			assert_null(ip);
		OPENSSL_free(ip);
		tls_free(tls);
	}
	assert_null(tls_connect(c, "", TLS_OFFER_HTTP1));
	assert_null(tls_connect(c, ".", TLS_OFFER_HTTP1));
	tls_client_unref(c);
}

/* ---- Where certificates and keys are found ---- */

static void keys_are_found_beside_their_certificates(void **state)
{
	static const struct {
		const char *cert, *key;
		const struct test_cert *whose;
		const char *says; /* NULL: it is found */
	} rows[] = {
		{"one.crt", "one.key", &me, NULL},
		{"plain", "plain.key", &me, NULL},
		{"a.b.pem", "a.b.key", &me, NULL},
		{"two.crt", "two.pem", &me, "there is no private key for "},
		{"three.crt", "three.key", &other, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = {""};
		test_write(rows[i].cert, &me, NULL, NULL, 0644);
		test_write(rows[i].key, NULL, rows[i].whose, NULL, 0600);
		struct tls_server *s = serve(test_path(rows[i].cert), &err);
		if (!rows[i].says && !s)
			print_error("%s\n", err.text);
		assert_int_equal(s != NULL, rows[i].says == NULL);
		if (rows[i].says)
			assert_non_null(strstr(err.text, rows[i].says));
		tls_server_unref(s);
	}
}

static void a_directory_has_to_have_a_certificate(void **state)
{
	struct error err = {""};
	char dir[128];
	snprintf(dir, sizeof dir, "%s", test_path("empty"));
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_null(serve(dir, &err));
	assert_non_null(strstr(err.text, "there is no certificate (*.pem, *.crt) in "));
	test_write("empty/x.pem", &me, &me, NULL, 0600);
	struct tls_server *s = serve(dir, &err);
	assert_non_null(s);
	assert_int_equal(tls_server_count(s), 1);
	assert_true(tls_server_covers(s, STR("a.example")));
	assert_false(tls_server_covers(s, STR("b.example")));
	tls_server_unref(s);
	unlink(test_path("empty/x.pem"));
	rmdir(dir);
}

/* ---- Clocks ---- */

/* A certificate that is valid by the peer's clock, to the second, blames the clock here. */
static void the_peers_clock_decides(void **state)
{
	enum { FROM = 1000, TO = 2000 };
	static const struct {
		int64_t there;
		bool blamed;
	} rows[] = {{FROM - 1, false}, {FROM, true}, {TO, true}, {TO + 1, false}};
	struct error err;
	struct tls_client *c = tls_client_new(&(struct tls_client_config){.insecure = true}, &err);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tls *tls = tls_connect(c, "a.example", TLS_OFFER_NONE);
		tls_complain(tls, "its certificate ended: renew it");
		tls_told_time(tls, FROM); /* nothing is wrong with dates: nothing changes */
		assert_string_equal(tls_complaint(tls), "its certificate ended: renew it");
		tls->valid_from = FROM;
		tls->valid_to = TO;
		tls->fact_n = strlen("its certificate ended");
		tls_told_time(tls, rows[i].there);
		assert_int_equal(strstr(tls_complaint(tls), "set the clock here") != NULL,
			rows[i].blamed);
		assert_non_null(strstr(tls_complaint(tls), "its certificate ended"));
		tls_free(tls);
	}
	tls_client_unref(c);
}

/* The first complaint stays. */
static void complaints_are_kept(void **state)
{
	struct error err;
	struct tls_client *c = tls_client_new(&(struct tls_client_config){.insecure = true}, &err);
	struct tls *tls = tls_connect(c, "a.example", TLS_OFFER_NONE);
	assert_string_equal(tls_complaint(tls), "");
	tls_give_up(tls, "first");
	tls_give_up(tls, "second");
	assert_string_equal(tls_complaint(tls), "first");
	tls_free(tls);
	tls_client_unref(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_byte_tells_the_protocol),
		cmocka_unit_test(output_stays_until_it_is_sent),
		cmocka_unit_test(names_and_addresses_to_verify),
		cmocka_unit_test(keys_are_found_beside_their_certificates),
		cmocka_unit_test(a_directory_has_to_have_a_certificate),
		cmocka_unit_test(the_peers_clock_decides),
		cmocka_unit_test(complaints_are_kept),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
