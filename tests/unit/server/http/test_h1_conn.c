/* SPDX-License-Identifier: MIT */
/* HTTP/1 on a socket: what a visitor is sent, byte for byte, and when its connection goes on or ends. */
#include "visitor.h"

static void test_kept_alive(void **state)
{
	struct visitor *v = *state;
	enter(v, NULL);
	for (unsigned i = 0; i < 3; i++) {
		say(v, GET);
		answer(v, "HTTP/1.1 200 Yes\r\nA: b\r\nContent-Length: 5\r\n\r\nhello");
		assert_string_equal(hear(v),
			"HTTP/1.1 200 Yes\r\nA: b\r\nContent-Length: 5\r\n\r\nhello");
		assert_int_equal(v->conn->state, H1_CONN_IDLE);
		assert_false(v->ended);
	}
	assert_int_equal(v->client->n_opens, 1);
}

/* In pieces, and in what came with the connection. */
static void test_pieces(void **state)
{
	struct visitor *v = *state;
	enter(v, "GET / HT");
	assert_int_equal(v->conn->state, H1_CONN_HEAD);
	for (const char *p = &GET[8]; *p; p++)
		say(v, (char[]){*p, '\0'});
	assert_int_equal(v->conn->state, H1_CONN_EXCHANGE);
	answer(v, "HTTP/1.1 204 No\r\n\r\n");
	assert_string_equal(hear(v), "HTTP/1.1 204 No\r\n\r\n");
}

static void test_versions(void **state)
{
	struct visitor *v = *state;
	enter(v, NULL);
	say(v, "GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n");
	answer(v, "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_string_equal(hear(v),
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
	say(v, GET);
	answer(v, "HTTP/1.1 103 Early\r\n\r\n");
	assert_string_equal(hear(v), "HTTP/1.1 103 Early\r\n\r\n");
	answer(v, "HTTP/1.1 200 OK\r\n\r\nall");
	fake_client_fin(v->client, 1000);
	assert_string_equal(hear(v), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall");
	assert_true(v->ended);
}

/* Chunks that are not canonical, and those for a visitor of 1.0, behind a head in the same write. */
static void test_chunks(void **state)
{
	static const char chunked[] =
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n05;x\r\nhello\r\n0\r\n\r\n";
	struct visitor *v = *state;
	enter(v, NULL);
	say(v, GET);
	answer(v, chunked);
	assert_string_equal(hear(v),
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
	say(v, "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
	answer(v, chunked);
	assert_string_equal(hear(v), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
	assert_true(v->ended);
}

/* Requests that came before their predecessors were answered: one answer each, in order, turn by turn. */
static void test_pipelined(void **state)
{
	enum { N = 100 };
	struct visitor *v = *state;
	enter(v, NULL);
	static char text[N * sizeof(NONE)];
	for (unsigned i = 0; i < N; i++)
		strcat(text, NONE);
	assert_true(write(v->fd, text, strlen(text)) == (ssize_t)strlen(text));
	hear(v);
	unsigned found = 0;
	for (const char *p = v->got; (p = strstr(p, "HTTP/1.1 503 ")); p++)
		found++;
	assert_int_equal(found, N);
	assert_int_equal(v->conn->state, H1_CONN_IDLE);
}

/* What is no request is answered, and the connection ends behind the answer. */
static void test_broken(void **state)
{
	struct visitor *v = *state;
	enter(v, NULL);
	say(v, "GET / HTTP/1.1\r\nHost: a b\r\n\r\nGET / HTTP/1.1\r\n");
	assert_memory_equal(hear(v), "HTTP/1.1 400 ", 13);
	assert_non_null(strstr(v->got, "\r\nConnection: close\r\n"));
	assert_true(v->ended);
	assert_int_equal(v->conn->state, H1_CONN_LINGER);
	close(v->fd);
	v->fd = 0;
	turns(v);
	assert_false(is_open(v));
}

static void test_tls_without_certificate(void **state)
{
	struct visitor *v = *state;
	enter(v, NULL);
	send_bytes(v, "\x16\x03\x01\x00\x10\x01", 6);
	assert_memory_equal(hear(v), "HTTP/1.1 400 ", 13);
}

/* An upstream's early answer, too. */
static void test_early_answer(void **state)
{
	struct visitor *v = *state;
	enter(v, NULL);
	say(v, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9000000\r\n\r\nabc");
	answer(v, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
	assert_string_equal(hear(v),
		"HTTP/1.1 413 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
	assert_true(v->ended);
}

static void test_upgrade(void **state)
{
	struct visitor *v = *state;
	enter(v, NULL);
	say(v, "GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
	answer(v, "HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhi");
	assert_string_equal(hear(v),
		"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhi");
	say(v, "ping");
	fake_client_read(v->client);
	assert_got(v->client, "ping");
	fake_client_fin(v->client, 1000);
	hear(v);
	assert_true(v->ended);
	assert_true(is_open(v));
	shutdown(v->fd, SHUT_WR);
	turns(v);
	fake_client_read(v->client);
	turns(v);
	assert_int_not_equal(v->conn->state, H1_CONN_EXCHANGE);
}

/* HTTP/2 by prior knowledge: the first bytes of a connection alone, where it is served. */
static void test_http2(void **state)
{
	static const struct {
		const char *before;
		int http2;
		bool taken;
	} rows[] = {
		{"", SERVER_HTTP2_ON, true},
		{"", SERVER_HTTP2_OFF, false},
		/* Behind a request it could be another visitor's, whom a proxy let on. */
		{NONE, SERVER_HTTP2_ON, false},
	};
	struct visitor *v = *state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		v->scene->options.http2 = rows[i].http2;
		enter(v, NULL);
		if (*rows[i].before) {
			say(v, rows[i].before);
			assert_memory_equal(hear(v), "HTTP/1.1 503 ", 13);
		}
		send_bytes(v, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
		hear(v);
		if (rows[i].taken)
			assert_int_equal(v->got[3], 4); /* SETTINGS (RFC 9113, 6.5) */
		else
			assert_memory_equal(v->got, "HTTP/1.1 505 ", 13);
		assert_int_equal(list_empty(&v->scene->http.h2_conns), !rows[i].taken);
		assert_int_equal(is_open(v), !rows[i].taken);
		close(v->fd);
		v->fd = 0;
		turns(v);
		assert_true(list_empty(&v->scene->http.h2_conns));
	}
}

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

/* Requests for a link that are refused, each with its cause for the client to read. */
static void test_link_refused(void **state)
{
	static const struct {
		const char *fields, *status, *cause;
		bool ca;
	} rows[] = {
		{.fields = "Upgrade: websocket\r\nConnection: upgrade\r\n"
			   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n",
			.status = "400",
			.cause = "link-malformed"},
		{.fields = "Upgrade: websocket\r\nConnection: upgrade\r\n"
			   "Sec-WebSocket-Version: 8\r\n" KEY,
			.status = "426",
			.cause = "upgrade"},
		{.fields = "Upgrade: websocket\r\nConnection: upgrade\r\n"
			   "Sec-WebSocket-Version: 13\r\nOrigin: http://a.test\r\n" KEY,
			.status = "403",
			.cause = "origin"},
		{.fields = "Sec-WebSocket-Version: 13\r\n" KEY,
			.status = "426",
			.cause = "no-upgrade"},
		{.fields = "Upgrade: websocket\r\nConnection: upgrade\r\n"
			   "Sec-WebSocket-Version: 13\r\n" KEY,
			.status = "403",
			.cause = "no-certificate",
			.ca = true},
	};
	struct visitor *v = *state;
	char ca[] = "/ca.pem", text[1024];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		v->scene->options.tls_client_ca = rows[i].ca ? ca : NULL;
		enter(v, NULL);
		snprintf(text, sizeof(text),
			"GET " UPGRADE_PATH
			" HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Protocol: " UPGRADE_SUBPROTOCOL
			"\r\n%s\r\n",
			rows[i].fields);
		say(v, text);
		assert_memory_equal(hear(v) + 9, rows[i].status, 3);
		snprintf(text, sizeof(text), "Proxy-Status: tunnel; details=\"%s\"", rows[i].cause);
		assert_non_null(strstr(v->got, text));
		close(v->fd);
		v->fd = 0;
		turns(v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept_alive, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_versions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chunks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pipelined, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tls_without_certificate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_early_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_upgrade, setup, teardown),
		cmocka_unit_test_setup_teardown(test_http2, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_refused, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
