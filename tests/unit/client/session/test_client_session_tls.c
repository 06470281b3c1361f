/* SPDX-License-Identifier: MIT */
/* A session over TLS: which certificates are taken, and what they are worth (rules 8, 9, 12 and 13). */
#include "session_scene.h"

/* Over TLS, with a certificate that nobody vouches for (rules 8, 9, 12 and 13). */
static void test_wss(void **state)
{
	static const struct {
		bool open_mode, in_between, strict, pin, wrong_pin;
		bool up, bound;
	} rows[] = {
		{.up = true, .bound = true},
		{.in_between = true},
		{.open_mode = true},
		{.strict = true}, /* --tls-ca is a demand, whatever the token proves */
		{.pin = true, .up = true, .bound = true},
		{.pin = true, .in_between = true, .up = true},
		{.pin = true, .open_mode = true, .up = true},
		{.pin = true, .wrong_pin = true},
	};
	char dir[] = "/tmp/test_client_session.XXXXXX", other[] = "/tmp/test_client_session.XXXXXX";
	char *cert, *key, *other_cert, *other_key, pin[TLS_PIN_TEXT];
	static char token[] = "a token of the test";
	uint8_t salt[TOKEN_SALT_SIZE];
	struct error err;
	assert_non_null(mkdtemp(dir));
	assert_non_null(mkdtemp(other));
	assert_int_equal(tls_auto_certificate(dir, &cert, &key, &err), 0);
	assert_int_equal(tls_auto_certificate(other, &other_cert, &other_key, &err), 0);
	struct tls_server_config config = {.certs = &cert, .n_certs = 1, .keys = &key, .n_keys = 1};
	memset(salt, 0x5a, sizeof(salt));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		prepare(&s, 1);
		s.node.tls = tls_server_new(&config, &err);
		assert_non_null(s.node.tls);
		s.node.in_between = rows[i].in_between;
		s.options.remote_url.scheme = URL_WSS;
		tls_server_pin(s.node.tls, pin);
		if (rows[i].wrong_pin)
			pin[10] = pin[10] == 'A' ? 'B' : 'A';
		if (rows[i].pin)
			s.options.tls_pin = pin;
		if (rows[i].strict)
			s.options.tls_ca = other_cert;
		if (!rows[i].open_mode) {
			s.options.no_token = false;
			s.options.token = token;
			assert_int_equal(token_key_derive((uint8_t *)token, strlen(token), salt,
						 s.node.key),
				0);
		}
		start(&s);
		UNTIL(&s, s.session.uplinks[0].state == UPLINK_UP ||
				  s.session.uplinks[0].state == UPLINK_BACKOFF);
		assert_int_equal(s.session.uplinks[0].state == UPLINK_UP, rows[i].up);
		if (rows[i].up) {
			const struct link *l = uplink_link(&s.session.uplinks[0]);
			assert_int_equal(l->bound, rows[i].bound);
			assert_int_equal(l->sealed, !rows[i].bound);
			UNTIL(&s, publications_count(&s.publications, PUBLICATION_GRANTED) == 1);
		} else {
			const char *why = s.session.uplinks[0].last_failure;
			if (!strstr(why, rows[i].wrong_pin ? "pin" : "certificate"))
				fail_msg("row %zu: %s", i, why);
			assert_int_equal(count_published(&s), 0);
		}
		end(&s);
		s.node.tls = tls_server_unref(s.node.tls);
	}
	unlink(cert);
	unlink(key);
	unlink(other_cert);
	unlink(other_key);
	rmdir(dir);
	rmdir(other);
	free(cert);
	free(key);
	free(other_cert);
	free(other_key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wss),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
