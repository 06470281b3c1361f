/* SPDX-License-Identifier: MIT */
/* To which front a connection goes, at each of the three moments. */
#include "server/accept/destination.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "server/base/worker.h"
#include "server/route/routing.h"
#include "tls/tls.h"

static struct server_options options = {.memory_budget = 1 << 20, .reconnect_grace = CLOCK_S};
static struct node node = {.n_workers = 1};
static struct session_base session = {.name = "one"};

static struct listener_config front = {.links = true, .visits = true, .port = 8080};
static struct listener_config control = {.links = true, .control = true, .port = 8081};
static struct listener_config port = {.visits = true, .port = 2222, .place = "tcp:2222"};
static struct listener_config tls_port = {.visits = true,
	.tls = true,
	.port = 2223,
	.place = "tcp:2223"};

struct fixture {
	struct worker worker;
	struct routing routing;
	struct tls_server *tls; /* for a.test, where a row wants one */
	char directory[32];
};

static struct service *publish(struct fixture *f, enum control_kind kind, enum control_tls tls,
	const char *place, const char *alpn)
{
	struct service *s = calloc(1, sizeof(*s) + sizeof(struct service_shard));
	struct service_shard *shard = s->shards;
	const struct route *holder;
	bool has_port = strchr(place, ':') != NULL;
	assert_non_null(s);
	s->session = &session;
	s->kind = kind;
	s->tls = tls;
	s->alpn = alpn ? strdup(alpn) : NULL;
	s->has_port = has_port;
	snprintf(s->place, sizeof(s->place), "%s", place);
	shard->service = s;
	assert_int_equal(routes_claim(has_port ? &f->routing.ports : &f->routing.names, "me",
				 str_from(s->place), &shard->entry, 1, &holder),
		0);
	f->routing.n_named += !has_port && kind == CONTROL_TCP;
	return s;
}

static void withdraw(struct fixture *f, struct service *s)
{
	f->routing.n_named -= !s->has_port && s->kind == CONTROL_TCP;
	routes_release(s->has_port ? &f->routing.ports : &f->routing.names, &s->shards->entry, 1);
	free(s->alpn);
	free(s);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err;
	char *cert, *key;
	assert_non_null(f);
	assert_int_equal(crypto_start(), 0);
	assert_int_equal(worker_init(&f->worker, &node, 0, &options), 0);
	f->worker.routing = &f->routing;
	assert_int_equal(routing_init(&f->routing, &f->worker), 0);
	strcpy(f->directory, "/tmp/tunnel-dest-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	assert_int_equal(tls_auto_certificate(f->directory, &cert, &key, &err), 0);
	struct tls_server_config config = {.certs = &cert, .n_certs = 1, .keys = &key, .n_keys = 1};
	f->tls = tls_server_new(&config, &err);
	assert_non_null(f->tls);
	remove(cert);
	remove(key);
	free(cert);
	free(key);
	remove(f->directory);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct loop *loop = f->worker.loop;
	routing_deinit(&f->routing);
	tls_server_unref(f->tls);
	f->worker.tls = NULL;
	worker_deinit(&f->worker);
	loop_free(loop);
	free(f);
	return 0;
}

static void test_look(void **state)
{
	struct fixture *f = *state;
	struct worker *w = &f->worker;
	const struct {
		const struct listener_config *d;
		bool named, tls;
		enum sniff_look want;
	} rows[] = {
		{&front, false, false, SNIFF_LOOK_NOT},
		{&front, false, true, SNIFF_LOOK_KIND},
		{&front, true, false, SNIFF_LOOK_NAME},
		{&front, true, true, SNIFF_LOOK_NAME},
		/* Names are for visitors. */
		{&control, true, false, SNIFF_LOOK_NOT},
		{&control, true, true, SNIFF_LOOK_KIND},
		/* Nobody looks at what passes through a port: its upstream may speak first. */
		{&port, true, true, SNIFF_LOOK_NOT},
		{&tls_port, false, true, SNIFF_LOOK_KIND},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		f->routing.n_named = rows[i].named;
		w->tls = rows[i].tls ? f->tls : NULL;
		if (destination_look(w, rows[i].d) != rows[i].want)
			fail_msg("row %zu", i);
	}
	f->routing.n_named = 0;
	w->tls = NULL;
}

static void test_plain(void **state)
{
	struct fixture *f = *state;
	struct service *s = publish(f, CONTROL_TCP, CONTROL_TLS_TERMINATE, "tcp:2223", NULL);
	assert_int_equal(destination_plain(&f->worker, &front).kind, DESTINATION_HTTP);
	assert_int_equal(destination_plain(&f->worker, &control).kind, DESTINATION_HTTP);
	assert_int_equal(destination_plain(&f->worker, &port).kind, DESTINATION_PORT);
	/* The handshake tells who speaks no TLS there. */
	struct destination to = destination_plain(&f->worker, &tls_port);
	assert_int_equal(to.kind, DESTINATION_TLS);
	assert_ptr_equal(to.service, s);
	withdraw(f, s);
}

static void test_hello(void **state)
{
	struct fixture *f = *state;
	struct service *passes = publish(f, CONTROL_TCP, CONTROL_TLS_PASS, "pass.test", NULL);
	struct service *ends = publish(f, CONTROL_TCP, CONTROL_TLS_TERMINATE, "end.test", NULL);
	struct service *http = publish(f, CONTROL_HTTP, CONTROL_TLS_PASS, "http.test", NULL);
	struct service *ours = publish(f, CONTROL_TCP, CONTROL_TLS_PASS, "tunnel.invalid", NULL);
	const struct {
		const char *sni;
		bool tls;
		enum destination_kind kind;
		const struct service *service;
	} rows[] = {
		{"pass.test", false, DESTINATION_NAME, NULL},
		{"pass.test", true, DESTINATION_NAME, NULL},
		{"end.test", true, DESTINATION_TLS, ends},
		{"end.test", false, DESTINATION_NONE, NULL},
		{"http.test", true, DESTINATION_TLS, NULL},
		{"http.test", false, DESTINATION_NONE, NULL},
		{"", true, DESTINATION_TLS, NULL},
		/* A name in the certificate is the exit node's own (rule 30). */
		{"tunnel.invalid", true, DESTINATION_TLS, NULL},
		{"tunnel.invalid", false, DESTINATION_NAME, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		f->worker.tls = rows[i].tls ? f->tls : NULL;
		struct destination to = destination_hello(&f->worker, &front, rows[i].sni);
		if (to.kind != rows[i].kind || to.service != rows[i].service)
			fail_msg("row %zu: %d", i, to.kind);
		if (to.kind == DESTINATION_NAME)
			assert_string_equal(to.name, rows[i].sni);
		if (to.kind == DESTINATION_NONE)
			assert_non_null(to.why);
	}
	f->worker.tls = NULL;
	withdraw(f, passes);
	withdraw(f, ends);
	withdraw(f, http);
	withdraw(f, ours);
}

/* What was published when the handshake began may be gone, or another. */
static void test_secured(void **state)
{
	struct fixture *f = *state;
	struct service *ends = publish(f, CONTROL_TCP, CONTROL_TLS_TERMINATE, "end.test", "imap");
	struct service *any = publish(f, CONTROL_TCP, CONTROL_TLS_TERMINATE, "any.test", NULL);
	struct service *passes = publish(f, CONTROL_TCP, CONTROL_TLS_PASS, "pass.test", NULL);
	const struct {
		const struct listener_config *d;
		const char *sni, *agreed;
		enum destination_kind kind;
		const char *name;
	} rows[] = {
		{&front, "end.test", "imap", DESTINATION_NAME, "end.test"},
		{&front, "END.test.", "imap", DESTINATION_NAME, "end.test"},
		{&front, "end.test", "", DESTINATION_NAME, "end.test"},
		{&front, "end.test", "http/1.1", DESTINATION_NONE, ""},
		{&front, "any.test", "http/1.1", DESTINATION_NAME, "any.test"},
		{&front, "gone.test", "imap", DESTINATION_NONE, ""},
		{&front, "gone.test", "http/1.1", DESTINATION_HTTP, ""},
		{&front, "gone.test", "", DESTINATION_HTTP, ""},
		{&front, "no host!", "", DESTINATION_HTTP, ""},
		{&front, "pass.test", "", DESTINATION_HTTP, ""},
		/* The client that had the port may come back to it. */
		{&tls_port, "end.test", "imap", DESTINATION_PORT, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct destination to = destination_secured(&f->worker, rows[i].d,
			str_from(rows[i].sni), str_from(rows[i].agreed));
		if (to.kind != rows[i].kind || strcmp(to.name, rows[i].name) != 0)
			fail_msg("row %zu: %d, \"%s\"", i, to.kind, to.name);
	}
	withdraw(f, ends);
	withdraw(f, any);
	withdraw(f, passes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_look),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_secured),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
