/* SPDX-License-Identifier: MIT */
#pragma once
/* Both ends of TLS without sockets, and certificates for them. */
#include "tests/unit/net/certs.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/macros.h"
#include "tls/tls_internal.h"

static struct test_cert ca, stranger;
static struct tls_server *server;
static struct tls *a, *b; /* client, server */

static inline struct tls_server *serve(const char *first, const char *second, const char *client_ca)
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

static inline struct tls_client *client(struct tls_client_config config)
{
	struct error err = {""};
	struct tls_client *c = tls_client_new(&config, &err);
	if (!c)
		print_error("%s\n", err.text);
	assert_non_null(c);
	return c;
}

static inline int group_setup(void **state)
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

static inline int group_teardown(void **state)
{
	test_cert_free(&ca);
	test_cert_free(&stranger);
	return test_dir_remove(state);
}

static inline int teardown(void **state)
{
	a = tls_free(a);
	b = tls_free(b);
	server = tls_server_unref(server);
	return 0;
}

static inline void begin(struct tls_client *c, const char *host)
{
	a = tls_connect(c, host, TLS_OFFER_HTTP1);
	b = tls_accept(server, true);
	tls_client_unref(c);
	assert_non_null(a);
	assert_non_null(b);
}

/* Everything that waits, in pieces of `step` bytes. False when there was nothing. */
static inline bool pump(struct tls *from, struct tls *to, size_t step)
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
static inline bool pump_both(struct tls *one, struct tls *other, size_t step)
{
	bool there = pump(one, other, step);
	bool back = pump(other, one, step);
	return there || back;
}

/* What the handshake came to at the client. */
static inline int shake(size_t step)
{
	int r = tls_handshake(a);
	while (pump_both(a, b, step))
		r = tls_established(a) ? 0 : -EPROTO;
	return r;
}
