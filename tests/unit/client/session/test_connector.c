/* SPDX-License-Identifier: MIT */
/* One attempt to reach an exit node, or a proxy before it, of a few lines in the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/session/connector.h"
#include "crypto/crypto.h"
#include "net/listener.h"

#define AS_ASKED "101" /* an answer: the right 101, and "early" behind it */

static struct scene {
	struct loop *loop;
	struct listener listener;
	struct client_options options;
	struct remote remote;
	struct connector connector;
	const char *const *answers; /* one for each request; NULL: ends the connection */
	int fd;
	char request[UPGRADE_REQUEST_MAX];
	size_t n;
	unsigned requests, opened, failed;
	char why[256];
} scene;

static void on_accepted(struct listener *l, int fd, const struct address *peer)
{
	assert_int_equal(scene.fd, -1);
	scene.fd = fd;
}

/* Answers a request that is whole by now. */
static void serve(void)
{
	if (scene.fd < 0)
		return;
	ssize_t got = recv(scene.fd, scene.request + scene.n, sizeof(scene.request) - scene.n - 1,
		MSG_DONTWAIT);
	if (got <= 0)
		return;
	scene.n += (size_t)got;
	scene.request[scene.n] = '\0';
	if (!strstr(scene.request, "\r\n\r\n"))
		return;
	const char *answer = scene.answers[scene.requests++];
	if (answer && strcmp(answer, AS_ASKED) == 0) {
		struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
		char text[UPGRADE_RESPONSE_MAX + 8];
		size_t scanned = 0;
		assert_int_equal(http1_parse_request(&h, (uint8_t *)scene.request, scene.n, 4096,
					 &scanned),
			0);
		size_t n = upgrade_response(&h, 0, text);
		memcpy(text + n, "early", 5);
		assert_int_equal(send(scene.fd, text, n + 5, MSG_NOSIGNAL), n + 5);
	} else if (answer) {
		send(scene.fd, answer, strlen(answer), MSG_NOSIGNAL);
	} else {
		close(scene.fd);
		scene.fd = -1;
	}
	scene.n = 0;
}

static void on_opened(struct connector *c, struct detached_conn detached, const void *early,
	size_t n)
{
	assert_int_equal(c->state, CONNECTOR_IDLE);
	assert_int_equal(n, 5);
	assert_memory_equal(early, "early", 5);
	scene.opened++;
	detached_conn_close(&detached);
}

static void on_failed(struct connector *c, const char *why)
{
	assert_int_equal(c->state, CONNECTOR_IDLE);
	snprintf(scene.why, sizeof(scene.why), "%s", why);
	scene.failed++;
}

static void on_tick(struct loop_timer *timer)
{
	loop_timer_set(timer, loop_now(timer->loop) + CLOCK_MS);
}

static void begin(const char *proxy_scheme, const char *const *answers)
{
	static char path[] = "/tunnel", proxy[64], none[] = "none";
	struct error err;
	char text[64];
	scene = (struct scene){.fd = -1, .answers = answers};
	scene.loop = loop_new();
	assert_int_equal(listener_open(&scene.listener, scene.loop, "127.0.0.1", 0, on_accepted,
				 NULL, &err),
		0);
	snprintf(text, sizeof(text), "127.0.0.1:%u", scene.listener.port);
	snprintf(proxy, sizeof(proxy), "%s127.0.0.1:%u", proxy_scheme ? proxy_scheme : "",
		scene.listener.port);
	scene.options =
		(struct client_options){.control_path = path, .proxy = proxy_scheme ? proxy : none};
	/* Nobody looks a name up that the proxy is told. */
	assert_int_equal(url_parse_remote(str_from(proxy_scheme ? "node.example:80" : text),
				 &scene.options.remote_url, &err),
		0);
	assert_int_equal(remote_init(&scene.remote, scene.loop, &scene.options, &err), 0);
	connector_init(&scene.connector, &scene.remote);
	scene.connector.opened = on_opened;
	scene.connector.failed = on_failed;
	connector_start(&scene.connector);
	assert_int_equal(scene.opened + scene.failed, 0);
}

static void finish(void)
{
	struct loop_timer tick;
	loop_timer_init(&tick, scene.loop, on_tick);
	on_tick(&tick);
	uint64_t until = clock_now() + 2 * CLOCK_S;
	while (!scene.opened && !scene.failed && clock_now() < until) {
		loop_turn(scene.loop);
		serve();
	}
	loop_timer_cancel(&tick);
}

static void end(void)
{
	connector_cancel(&scene.connector);
	if (scene.fd >= 0)
		close(scene.fd);
	listener_close(&scene.listener);
	remote_deinit(&scene.remote);
	loop_free(scene.loop);
}

static void test_answers(void **state)
{
	static const struct {
		const char *proxy;
		const char *answers[2];
		unsigned requests;
		const char *why; /* NULL: it opens */
	} rows[] = {
		{NULL, {AS_ASKED}, 1, NULL},
		{NULL, {"HTTP/1.1 404 Not Found\r\n\r\n"}, 1, "it answers 404 Not Found"},
		{NULL, {NULL}, 1, "it ended the connection without an answer"},
		{NULL, {"220 mail ESMTP\r\n"}, 1, "a mail or file server answers"},
		{"http://", {"HTTP/1.1 200 OK\r\n\r\n", AS_ASKED}, 2, NULL},
		{"http://", {"HTTP/1.1 403 Forbidden\r\n\r\n"}, 1, "the proxy 127.0.0.1:"},
		{"http://", {NULL}, 1, "the proxy 127.0.0.1:"},
		{"http://", {"HTTP/1.1 200 OK\r\n\r\n", NULL}, 2,
			"it ended the connection without an answer: is a tunnel"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		begin(rows[i].proxy, rows[i].answers);
		finish();
		if (scene.requests != rows[i].requests || scene.opened != !rows[i].why ||
			scene.failed != (rows[i].why != NULL))
			fail_msg("row %zu: %u requests, %u opened, %s", i, scene.requests,
				scene.opened, scene.why);
		if (rows[i].why && strncmp(scene.why, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("row %zu: %s", i, scene.why);
		end();
	}
}

/* After a failure, or after a success, the same connector may try again. */
static void test_again(void **state)
{
	static const char *const answers[] = {NULL, AS_ASKED};
	begin(NULL, answers);
	finish();
	assert_int_equal(scene.failed, 1);
	scene.failed = 0;
	connector_start(&scene.connector);
	finish();
	assert_int_equal(scene.opened, 1);
	end();
}

static void test_refused(void **state)
{
	static const char *const answers[] = {NULL};
	begin(NULL, answers);
	connector_cancel(&scene.connector);
	assert_int_equal(scene.connector.state, CONNECTOR_IDLE);
	listener_close(&scene.listener);
	connector_start(&scene.connector);
	finish();
	assert_int_equal(scene.failed, 1);
	assert_non_null(strstr(scene.why, "is the tunnel server running"));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_refused),
	};
	log_set_level(LOG_ERROR);
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
