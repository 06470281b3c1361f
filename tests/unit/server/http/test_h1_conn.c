/* HTTP/1 on a socket: what a visitor is sent, byte for byte, and when its connection goes on or ends. */
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macros.h"
#include "link/upgrade.h"
#include "server/http/h1_conn.h"

#define TURNS 20 /* more than anything here needs */

struct visitor {
	struct scene *scene;
	struct fake_client *client; /* of a.test */
	struct h1_conn *conn;
	int fd; /* the visitor's end */
	char got[1u << 20];
	size_t n;
	bool ended; /* got the server's end */
	bool reset;
};

static int setup(void **state)
{
	static char path[] = UPGRADE_PATH;
	struct visitor *v = calloc(1, sizeof(*v));
	assert_non_null(v);
	v->scene = scene_new();
	v->scene->options.control_path = path;
	v->client = fake_client_new(v->scene, "a.test", NULL);
	*state = v;
	return 0;
}

static void turns(struct visitor *v)
{
	for (unsigned i = 0; i < TURNS; i++)
		scene_turn(v->scene);
}

static void enter(struct visitor *v, const char *early)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	struct accepted_conn a = {.detached = DETACHED_CONN_OF(fds[1])};
	a.listener = (struct listener_config){.links = true, .visits = true, .port = 80};
	assert_true(address_parse(STR("192.0.2.1:5"), &a.peer));
	assert_true(address_parse(STR("192.0.2.9:80"), &a.local));
	if (early)
		assert_int_equal(buf_append(&a.early, early, strlen(early)), 0);
	v->fd = fds[0];
	h1_conn_enter(&v->scene->worker, &a);
	v->conn = list_entry(v->scene->http.conns.prev, struct h1_conn, link);
	turns(v);
}

static bool is_open(const struct visitor *v)
{
	return !list_empty(&v->scene->http.conns);
}

static int teardown(void **state)
{
	struct visitor *v = *state;
	while (is_open(v))
		h1_conn_close(list_entry(v->scene->http.conns.next, struct h1_conn, link), true);
	turns(v);
	if (v->fd)
		close(v->fd);
	fake_client_free(v->client);
	scene_free(v->scene);
	free(v);
	return 0;
}

static void send_bytes(struct visitor *v, const char *p, size_t n)
{
	while (n) {
		ssize_t sent = write(v->fd, p, n);
		if (sent < 0 && errno == EAGAIN)
			sent = 0;
		assert_true(sent >= 0);
		p += sent;
		n -= (size_t)sent;
		turns(v);
	}
}

static void say(struct visitor *v, const char *text)
{
	send_bytes(v, text, strlen(text));
}

/* Everything since the last call, as text. */
static const char *hear(struct visitor *v)
{
	turns(v);
	v->n = 0;
	ssize_t n;
	while ((n = read(v->fd, v->got + v->n, sizeof(v->got) - 1 - v->n)) > 0) {
		v->n += (size_t)n;
		turns(v);
	}
	v->ended = n == 0;
	v->reset = n < 0 && errno != EAGAIN;
	v->got[v->n] = '\0';
	return v->got;
}

static void answer(struct visitor *v, const char *text)
{
	fake_client_read(v->client);
	fake_client_answer(v->client, text);
}

#define GET  "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define NONE "GET / HTTP/1.1\r\nHost: none.test\r\n\r\n"

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
	for (const char *p = GET + 8; *p; p++)
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

static void test_timeouts(void **state)
{
	struct visitor *v = *state;
	enter(v, NULL);
	assert_ptr_equal(v->scene->http.idle.entries.next, &v->conn->timeout.link);
	say(v, "GET /");
	assert_ptr_equal(v->scene->http.head.entries.next, &v->conn->timeout.link);
	h1_conn_head_expired(&v->scene->http.head, &v->conn->timeout);
	assert_memory_equal(hear(v), "HTTP/1.1 408 ", 13);
	assert_true(v->ended);
	close(v->fd);
	enter(v, NULL);
	h1_conn_idle_expired(&v->scene->http.idle, &v->conn->timeout);
	hear(v);
	assert_true(v->ended);
	assert_int_equal(v->n, 0);
}

/* Answered before its end: a short rest is read and dropped, and the next request follows. */
static void test_short_rest(void **state)
{
	struct visitor *v = *state;
	enter(v, NULL);
	say(v, "POST / HTTP/1.1\r\nHost: none.test\r\nContent-Length: 8\r\n\r\nabc");
	assert_memory_equal(hear(v), "HTTP/1.1 503 ", 13);
	assert_null(strstr(v->got, "Connection: close"));
	assert_int_equal(v->conn->state, H1_CONN_REST);
	say(v, "defgh" GET);
	answer(v, "HTTP/1.1 204 No\r\n\r\n");
	assert_string_equal(hear(v), "HTTP/1.1 204 No\r\n\r\n");
	/* In chunks, all of which came along. */
	say(v, "POST / HTTP/1.1\r\nHost: none.test\r\nTransfer-Encoding: chunked\r\n\r\n"
	       "3\r\nabc\r\n0\r\n\r\n");
	assert_memory_equal(hear(v), "HTTP/1.1 503 ", 13);
	assert_int_equal(v->conn->state, H1_CONN_IDLE);
	/* A rest that turns out to be none. */
	say(v, "POST / HTTP/1.1\r\nHost: none.test\r\nContent-Length: 9\r\n\r\n");
	hear(v);
	close(v->fd);
	v->fd = 0;
	turns(v);
	assert_false(is_open(v));
}

/* A long one, or one that need not come, is dropped for as long as it comes, and the connection ends. */
static void test_long_rest(void **state)
{
	static char bytes[100000];
	struct visitor *v = *state;
	enter(v, NULL);
	say(v, "POST / HTTP/1.1\r\nHost: none.test\r\nContent-Length: 9000000\r\n\r\n");
	assert_memory_equal(hear(v), "HTTP/1.1 503 ", 13);
	assert_non_null(strstr(v->got, "\r\nConnection: close\r\n"));
	assert_int_equal(v->conn->state, H1_CONN_LINGER);
	send_bytes(v, bytes, sizeof(bytes));
	assert_int_equal(v->conn->dropped, sizeof(bytes));
	h1_conn_linger_expired(&v->scene->http.linger, &v->conn->timeout);
	for (unsigned i = 0; i < 5; i++) {
		assert_true(is_open(v));
		h1_conn_linger_expired(&v->scene->http.linger, &v->conn->timeout);
	}
	turns(v);
	assert_false(is_open(v));
	close(v->fd);
	enter(v, NULL);
	say(v, "POST / HTTP/1.1\r\nHost: none.test\r\nContent-Length: 9\r\n"
	       "Expect: 100-continue\r\n\r\n");
	assert_non_null(strstr(hear(v), "\r\nConnection: close\r\n"));
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

/* A FIN behind the request is most likely the visitor's end; an RST certainly is. */
static void test_visitor_leaves(void **state)
{
	struct visitor *v = *state;
	enter(v, NULL);
	say(v, GET);
	shutdown(v->fd, SHUT_WR);
	turns(v);
	assert_true(v->conn->leaving);
	assert_ptr_equal(v->scene->http.leaving.entries.next, &v->conn->timeout.link);
	/* It may be answered yet. */
	answer(v, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
	assert_non_null(strstr(hear(v), "hi"));
	close(v->fd);
	v->fd = 0;
	turns(v);
	assert_false(is_open(v));
	enter(v, NULL);
	say(v, GET);
	shutdown(v->fd, SHUT_WR);
	turns(v);
	h1_conn_leaving_expired(&v->scene->http.leaving, &v->conn->timeout);
	turns(v);
	assert_false(is_open(v));
	fake_client_read(v->client);
	assert_int_equal(v->client->n_resets, 1);
}

/* A visitor that reads nothing: it is looked at, and ends with an RST. */
static void test_visitor_stalls(void **state)
{
	static char bytes[4000];
	memset(bytes, 'x', sizeof(bytes) - 1);
	struct visitor *v = *state;
	enter(v, NULL);
	say(v, GET);
	answer(v, "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n");
	for (unsigned i = 0; i < 500 && v->conn->conn.writable; i++) {
		fake_client_read(v->client);
		fake_client_answer(v->client, bytes);
		turns(v);
	}
	assert_false(v->conn->conn.writable);
	assert_ptr_equal(v->scene->http.unread.entries.next, &v->conn->timeout.link);
	/* It reads, and the rest passes. */
	hear(v);
	assert_true(v->conn->conn.writable);
	h1_conn_unread_expired(&v->scene->http.unread, &v->conn->timeout);
	assert_true(is_open(v));
}

/* What waits for a request or for a session ends when the worker does; what is being answered does not. */
static void test_drain(void **state)
{
	struct visitor *v = *state;
	enter(v, NULL);
	http_worker_drain(&v->scene->http);
	hear(v);
	assert_true(v->ended);
	assert_int_equal(v->n, 0);
	close(v->fd);
	enter(v, NULL);
	fake_client_unlink(v->client);
	say(v, GET);
	assert_int_equal(v->conn->ex.state, EXCHANGE_WAITING);
	v->scene->worker.draining = true;
	http_worker_drain(&v->scene->http);
	assert_memory_equal(hear(v), "HTTP/1.1 503 ", 13);
	assert_true(v->ended);
	close(v->fd);
	v->scene->worker.draining = false;
	fake_client_link(v->client);
	enter(v, NULL);
	say(v, GET);
	v->scene->worker.draining = true;
	http_worker_drain(&v->scene->http);
	answer(v, "HTTP/1.1 204 No\r\n\r\n");
	assert_string_equal(hear(v), "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n");
}

/* Its request's session is on another worker: the connection goes there, bytes and all. */
static void test_move(void **state)
{
	struct visitor *v = *state;
	struct scene *there = scene_new();
	there->worker.index = 1;
	there->worker.node = v->scene->worker.node;
	v->scene->node.workers[1] = &there->worker;
	fake_client_unlink(v->client);
	atomic_store(&v->client->session.shards[1].usable, 1);
	enter(v, NULL);
	say(v, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhel");
	assert_true(list_empty(&v->scene->http.conns));
	scene_turn(there);
	assert_false(list_empty(&there->http.conns));
	/* The session is not there, either: nobody has published it on that worker. */
	say(v, "lo");
	for (unsigned i = 0; i < TURNS; i++)
		scene_turn(there);
	assert_memory_equal(hear(v), "HTTP/1.1 503 ", 13);
	assert_ptr_equal(v->conn->worker, &there->worker);
	assert_ptr_equal(v->conn->ex.worker, &there->worker);
	h1_conn_close(v->conn, false);
	atomic_store(&v->client->session.shards[1].usable, 0);
	scene_free(there);
	v->scene->node.workers[1] = NULL;
}

/* A connection too many. */
static void test_max_visitors(void **state)
{
	struct visitor *v = *state;
	v->scene->options.max_visitors = 1;
	enter(v, NULL);
	struct h1_conn *first = v->conn;
	int fd = v->fd;
	enter(v, NULL);
	assert_ptr_equal(v->conn, first);
	hear(v);
	assert_true(v->ended || v->reset);
	close(fd);
	turns(v);
	assert_false(is_open(v));
}

/* Where memory is short, first the body that is held for sending again goes, then the connection. */
static void test_evicted(void **state)
{
	static char body[6000];
	memset(body, 'x', sizeof(body));
	struct visitor *v = *state;
	v->scene->options.retry_body = sizeof(body);
	enter(v, NULL);
	say(v, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 7000\r\n\r\n");
	send_bytes(v, body, sizeof(body));
	fake_client_read(v->client);
	assert_true(v->conn->charge.bytes > sizeof(body));
	v->conn->charge.evict(&v->conn->charge);
	assert_true(is_open(v));
	assert_true(v->conn->charge.bytes < sizeof(body));
	assert_false(v->conn->ex.holding);
	v->conn->charge.evict(&v->conn->charge);
	turns(v);
	assert_false(is_open(v));
}

/* A link does not answer: in the next turn its requests look for another. */
static void test_silent_link(void **state)
{
	struct visitor *v = *state;
	enter(v, NULL);
	say(v, GET);
	struct fake_client *other = fake_client_new(v->scene, "a.test", NULL);
	v->client->link->io.link.silent = true;
	h1_conns_leave_link(v->client->link);
	turns(v);
	assert_ptr_equal(v->conn->ex.user.pooled->server_link, other->link);
	h1_conn_close(v->conn, true);
	fake_client_free(other);
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
		cmocka_unit_test_setup_teardown(test_timeouts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_short_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_early_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_upgrade, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_visitor_leaves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_visitor_stalls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_move, setup, teardown),
		cmocka_unit_test_setup_teardown(test_max_visitors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_evicted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silent_link, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
