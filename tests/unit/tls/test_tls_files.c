/* SPDX-License-Identifier: MIT */
/* Files with certificates and keys: what is refused, and by which sentence; and those that are made. */
#include "tls_ends.h"

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

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		TEST(files_are_refused_with_a_sentence),
		TEST(client_files_are_refused_with_a_sentence),
		TEST(automatic_certificate_is_made_once),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
