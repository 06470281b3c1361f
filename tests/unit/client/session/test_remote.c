/* SPDX-License-Identifier: MIT */
/* What the links dial: how it is called, and where its port comes from. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/session/remote.h"
#include "crypto/crypto.h"

static char path[] = "/tunnel", none[] = "none", proxy[] = "socks5h://p.example:1080";
static char missing[] = "/nonexistent/ca.pem";

static int make(struct remote *r, struct loop *loop, struct client_options *o, const char *text,
	struct error *err)
{
	o->control_path = path;
	assert_int_equal(url_parse_remote(str_from(text), &o->remote_url, err), 0);
	return remote_init(r, loop, o, err);
}

static void test_names(void **state)
{
	static const struct {
		const char *remote, *authority, *name, *note;
	} rows[] = {
		{"node.example", "node.example:8000", "ws://node.example:8000",
			" (--remote names no port: 8000 is what tunnel server listens on by "
			"default)"},
		{"node.example:8000", "node.example:8000", "ws://node.example:8000", ""},
		{"ws://node.example", "node.example:80", "ws://node.example",
			" (--remote names no port: 80 is that of ws://)"},
		{"wss://node.example", "node.example:443", "wss://node.example",
			" (--remote names no port: 443 is that of wss://)"},
		{"wss://[::1]:9", "[::1]:9", "wss://[::1]:9", ""},
	};
	struct loop *loop = loop_new();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct remote r;
		struct error err;
		char note[REMOTE_PORT_NOTE_SIZE];
		struct client_options o = {.proxy = none};
		assert_int_equal(make(&r, loop, &o, rows[i].remote, &err), 0);
		assert_string_equal(r.authority, rows[i].authority);
		assert_string_equal(r.name, rows[i].name);
		assert_string_equal(remote_port_note(&r, note), rows[i].note);
		assert_int_equal(r.tls != NULL, strncmp(rows[i].remote, "wss", 3) == 0);
		assert_false(r.proxy.used);
		assert_string_equal(r.path, "/tunnel");
		assert_non_null(r.resolver);
		remote_deinit(&r);
	}
	loop_free(loop);
}

static void test_proxy(void **state)
{
	struct loop *loop = loop_new();
	struct remote r;
	struct error err;
	struct client_options o = {.proxy = proxy};
	assert_int_equal(make(&r, loop, &o, "node.example", &err), 0);
	assert_true(r.proxy.used);
	assert_string_equal(r.proxy.name, "p.example:1080");
	remote_deinit(&r);
	loop_free(loop);
}

static void test_errors(void **state)
{
	struct loop *loop = loop_new();
	struct remote r;
	struct error err;
	struct client_options o = {.proxy = none, .tls_ca = missing};
	assert_int_equal(make(&r, loop, &o, "wss://node.example", &err), -EIO);
	assert_non_null(strstr(err.text, missing));
	remote_deinit(&r);
	/* Without TLS nobody reads it. */
	assert_int_equal(make(&r, loop, &o, "ws://node.example", &err), 0);
	remote_deinit(&r);
	static char wrong[] = "ftp://p.example";
	o.proxy = wrong;
	assert_int_equal(make(&r, loop, &o, "ws://node.example", &err), -EINVAL);
	remote_deinit(&r);
	struct remote zero = {0};
	remote_deinit(&zero);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_errors),
	};
	log_set_level(LOG_ERROR);
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
