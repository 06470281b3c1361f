/* SPDX-License-Identifier: MIT */
/* What an inspection finds among the files that a client's options name. */
#include "client/inspect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/config/upstreams.h"
#include "crypto/crypto.h"
#include "tls/tls.h"

static struct {
	unsigned n;
	char text[2048];
} found;

static void on_found(void *arg, const char *sentence)
{
	assert_ptr_equal(arg, &found);
	found.n++;
	strncat(found.text, sentence, sizeof(found.text) - strlen(found.text) - 1);
	strncat(found.text, "\n", sizeof(found.text) - strlen(found.text) - 1);
}

static void inspect(const struct client_options *o)
{
	memset(&found, 0, sizeof(found));
	client_inspect(o, on_found, &found);
}

static void add(struct client_options *o, const char *upstream, const char *ca)
{
	const struct service_options what = {.upstream = (char *)(uintptr_t)upstream,
		.ca = (char *)(uintptr_t)ca};
	const struct option_ranges none = {0};
	struct error err;
	if (upstreams_add(&o->upstreams, &what, &none, &err) != 0)
		fail_msg("%s: %s", upstream, err.text);
}

/* Each file once where services share it, and again where another came in between. */
static void test_cas_of_upstreams(void **state)
{
	static const struct {
		const char *cas[4]; /* of one service each; "": none */
		unsigned found;
	} rows[] = {
		{{"/none"}, 1},
		{{"/none", "/none"}, 1},
		{{"/none", "", "/none"}, 1},
		{{"/none", "/neither"}, 2},
		{{"/none", "/neither", "/none"}, 3},
		{{"", ""}, 0},
	};
	static const char *const upstreams[] = {"a.example=https://localhost:1",
		"b.example=https://localhost:1", "c.example=https://localhost:1",
		"d.example=https://localhost:1"};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client_options o = {0};
		for (size_t k = 0; k < ARRAY_LEN(rows[i].cas) && rows[i].cas[k]; k++)
			add(&o, upstreams[k], rows[i].cas[k][0] ? rows[i].cas[k] : NULL);
		inspect(&o);
		if (found.n != rows[i].found)
			fail_msg("row %zu: %u\n%s", i, found.n, found.text);
		upstreams_deinit(&o.upstreams);
	}
}

static void test_files_of_the_client(void **state)
{
	char dir[] = "/tmp/test_inspect.XXXXXX", *cert, *key;
	static char none[] = "/none";
	struct error err;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(tls_auto_certificate(dir, &cert, &key, &err), 0);
	inspect(&(struct client_options){.tls_ca = cert,
		.tls_client_cert = cert,
		.tls_client_key = key});
	assert_string_equal(found.text, "");
	inspect(&(struct client_options){.tls_ca = none});
	assert_int_equal(found.n, 1);
	assert_non_null(strstr(found.text, "--tls-ca"));
	inspect(&(struct client_options){.tls_client_cert = cert, .tls_client_key = none});
	assert_int_equal(found.n, 1);
	assert_non_null(strstr(found.text, "--tls-client-cert"));
	unlink(cert);
	unlink(key);
	rmdir(dir);
	free(cert);
	free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cas_of_upstreams),
		cmocka_unit_test(test_files_of_the_client),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
