/* SPDX-License-Identifier: MIT */
/* A response on its way to the visitor, in every way in which an upstream may send it. */
#include "scene.h"

#include <stdlib.h>

#include "base/macros.h"
#include "server/http/exchange_events.h"

#define WRITTEN 1000 /* bytes: more than a request here has, so nothing is sent again */

#define GET "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"

struct way {
	struct scene *scene;
	struct fake_client *client;
	struct fake_conn *conn;
};

static int setup(void **state)
{
	struct way *way = calloc(1, sizeof(*way));
	assert_non_null(way);
	way->scene = scene_new();
	way->client = fake_client_new(way->scene, "a.test", NULL);
	way->conn = fake_conn_new(way->scene);
	*state = way;
	return 0;
}

static int teardown(void **state)
{
	struct way *way = *state;
	fake_conn_free(way->conn);
	fake_client_free(way->client);
	scene_free(way->scene);
	free(way);
	return 0;
}

static struct fake_conn *ask(struct way *way, const char *request)
{
	fake_conn_ask(way->conn, request);
	fake_client_read(way->client);
	return way->conn;
}

/* Whole answers: what the visitor gets of the body, and whether the stream serves on. */
static void test_whole(void **state)
{
	static const struct {
		const char *request, *response, *body;
		bool kept;
	} rows[] = {
		{GET, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", true},
		{GET, "HTTP/1.1 204 No\r\n\r\n", "", true},
		{GET, "HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", "", true},
		{"HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", true},
		{GET,
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
			"chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
			"5\r\nhello\r\n0\r\n\r\n", true},
		/* Another form of chunks becomes the one that everybody reads alike. */
		{GET,
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
			"chunked\r\n\r\n005;x=y\r\nhello\r\n0\r\n\r\n",
			"5\r\nhello\r\n0\r\n\r\n", true},
		{"GET / HTTP/1.0\r\nHost: a.test\r\n\r\n",
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
			"chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
			"hello", true},
		{GET, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", "hi",
			false},
		{GET, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi", false},
		/* Bytes behind the end are nobody's. */
		{GET, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiXX", "hi", false},
	};
	struct way *way = *state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (int bytewise = 0; bytewise < 2; bytewise++) {
			struct fake_conn *c = ask(way, rows[i].request);
			unsigned ends = c->n_ends, heads = c->n_heads;
			const char *p = rows[i].response;
			if (!bytewise)
				fake_client_answer(way->client, p);
			for (; bytewise && *p && c->ex.state != EXCHANGE_NONE; p++)
				fake_client_answer(way->client, (char[]){*p, '\0'});
			assert_int_equal(c->n_ends, ends + 1);
			assert_int_equal(c->n_heads, heads + 1);
			assert_int_equal(c->n_pages, 0);
			assert_body(c, rows[i].body);
			assert_null(c->ex.user.pooled);
			fake_client_read(way->client);
			/* A rest behind the end is found only when it comes along with it. */
			bool kept = rows[i].kept || (bytewise && i == ARRAY_LEN(rows) - 1);
			unsigned resets = way->client->n_resets;
			way->client->n_resets = 0;
			assert_int_equal(resets, !kept);
		}
	}
}

/* Half of a chunk, of a length, and of a head, with a visitor that takes little at a time. */
static void test_slow_visitor(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	};
	static const char *const bodies[] = {"hello, world", "5\r\nhello\r\n0\r\n\r\n"};
	struct way *way = *state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct fake_conn *c = ask(way, GET);
		unsigned ends = c->n_ends;
		c->space = 1;
		fake_client_answer(way->client, answers[i]);
		while (c->ex.state != EXCHANGE_NONE) {
			assert_int_equal(c->space, 0);
			c->space = 1;
			exchange_writable(&c->ex);
		}
		assert_int_equal(c->n_ends, ends + 1);
		assert_body(c, bodies[i]);
		c->space = SIZE_MAX;
	}
}

/* What is no response becomes 502 while nothing went out, with its name in the log. */
static void test_garbled(void **state)
{
	static const struct {
		const char *response, *why;
	} rows[] = {
		{"SSH-2.0-x\r\n\r\n", "upstream-start-line"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
			"upstream-both-lengths"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
			"upstream-chunk-size"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n005;\x01\r\nhello\r\n",
			NULL},
		{"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
			"upstream-switch"},
	};
	struct way *way = *state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_conn *c = ask(way, GET);
		unsigned pages = c->n_pages;
		fake_client_answer(way->client, rows[i].response);
		assert_int_equal(c->n_pages, pages + 1);
		assert_int_equal(c->status, 502);
		if (rows[i].why)
			assert_string_equal(c->logged_why, rows[i].why);
		assert_body(c, "");
		fake_client_read(way->client);
		assert_int_equal(way->client->reset, FRAME_RESET_PROTOCOL);
	}
}

/* Behind the head it is too late for a page. */
static void test_garbled_later(void **state)
{
	struct way *way = *state;
	struct fake_conn *c = ask(way, GET);
	fake_client_answer(way->client,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
	fake_client_answer(way->client, "zz\r\n");
	assert_int_equal(c->n_aborts, 1);
	assert_int_equal(c->n_pages, 0);
	assert_int_equal(c->logged_status, 200);
}

/* A head that the connection cannot pass on. */
static void test_head_refused(void **state)
{
	struct way *way = *state;
	struct fake_conn *c = ask(way, GET);
	c->head_result = HTTP1_E_TOO_LARGE;
	fake_client_answer(way->client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
	assert_int_equal(c->n_pages, 1);
	assert_int_equal(c->status, 502);
	assert_body(c, "");
}

static void test_interim(void **state)
{
	struct way *way = *state;
	struct fake_conn *c = ask(way, GET);
	fake_client_answer(way->client,
		"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n");
	assert_int_equal(c->n_interim, 2);
	assert_true(c->ex.continued);
	fake_client_answer(way->client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(c->n_ends, 1);
	/* Not without end. */
	ask(way, GET);
	for (unsigned i = 0; i < 17; i++)
		fake_client_answer(way->client, "HTTP/1.1 102 Wait\r\n\r\n");
	assert_int_equal(c->n_interim, 18);
	assert_string_equal(c->logged_why, "upstream-interim");
	/* Nor when the connection cannot write it. */
	ask(way, GET);
	c->head_result = HTTP1_E_TOO_LARGE;
	fake_client_answer(way->client, "HTTP/1.1 102 Wait\r\n\r\n");
	assert_int_equal(c->status, 502);
}

/* Until the upstream's end, which is the response's. */
static void test_until_close(void **state)
{
	struct way *way = *state;
	struct fake_conn *c = ask(way, GET);
	fake_client_answer(way->client, "HTTP/1.1 200 OK\r\n\r\nhello");
	assert_int_equal(c->n_ends, 0);
	fake_client_fin(way->client, WRITTEN);
	assert_int_equal(c->n_ends, 1);
	assert_body(c, "hello");
}

/* An end that comes amiss: 502 before the head, an abort behind it. */
static void test_end_too_early(void **state)
{
	struct way *way = *state;
	struct fake_conn *c =
		ask(way, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
	fake_client_answer(way->client, "HTTP/1.1 200 OK\r\nConte");
	fake_client_fin(way->client, WRITTEN);
	assert_int_equal(c->n_pages, 1);
	assert_string_equal(c->logged_why, "died");
	ask(way, GET);
	fake_client_answer(way->client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
	fake_client_fin(way->client, WRITTEN);
	assert_int_equal(c->n_aborts, 1);
	assert_string_equal(c->logged_why, "died");
}

#define UPGRADE \
	"GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
#define SWITCH "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"

/* Behind a 101 bytes pass as they come, both ways, until both ends have ended. */
static void test_upgrade(void **state)
{
	struct way *way = *state;
	struct fake_conn *c = ask(way, UPGRADE);
	assert_true(c->ex.user.pooled->alone);
	fake_client_answer(way->client, SWITCH "first");
	assert_body(c, "first");
	assert_true(c->ex.upgraded);
	fake_conn_send(c, "second");
	fake_client_read(way->client);
	assert_got(way->client, "second");
	fake_client_fin(way->client, WRITTEN);
	assert_int_equal(c->n_fins, 1);
	assert_int_equal(c->n_ends, 0);
	c->closed = true;
	exchange_readable(&c->ex);
	fake_client_read(way->client);
	assert_int_equal(c->n_ends, 1);
	assert_int_equal(c->logged_status, 101);
}

/* An upstream may answer without switching. */
static void test_upgrade_declined(void **state)
{
	struct way *way = *state;
	struct fake_conn *c = ask(way, UPGRADE);
	fake_client_answer(way->client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
	assert_int_equal(c->n_ends, 1);
	assert_body(c, "no");
	fake_client_read(way->client);
	assert_int_equal(way->client->n_resets, 1); /* such a stream serves nobody else */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_visitor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbled_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_head_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interim, setup, teardown),
		cmocka_unit_test_setup_teardown(test_until_close, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end_too_early, setup, teardown),
		cmocka_unit_test_setup_teardown(test_upgrade, setup, teardown),
		cmocka_unit_test_setup_teardown(test_upgrade_declined, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
