/* SPDX-License-Identifier: MIT */
/* A stream is lost: when its request is sent again, and when that would do harm (rule 37). */
#include "scene.h"

#include <errno.h>

#include "base/macros.h"
#include "server/http/exchange_events.h"
#include "server/http/retry.h"

#define GET  "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello"

static int setup(void **state)
{
	*state = scene_new();
	return 0;
}

static int teardown(void **state)
{
	scene_free(*state);
	return 0;
}

static void test_when(void **state)
{
	enum { NOTHING = 0, SOME = 20 };
	static const struct {
		const char *request;
		enum frame_reset reason;
		uint64_t taken;
		bool again;
		unsigned status;
	} rows[] = {
		/* Nothing was written to the upstream: whatever it is. */
		{GET, FRAME_RESET_ABORTED, NOTHING, true, 0},
		{POST, FRAME_RESET_ABORTED, NOTHING, true, 0},
		/* Something was: only what may be done twice. */
		{GET, FRAME_RESET_ABORTED, SOME, true, 0},
		{POST, FRAME_RESET_ABORTED, SOME, false, 502},
		{"DELETE / HTTP/1.1\r\nHost: a.test\r\n\r\n", FRAME_RESET_ABORTED, SOME, true, 0},
		{"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx",
			FRAME_RESET_ABORTED, SOME, false, 502},
		{"GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
			FRAME_RESET_ABORTED, SOME, false, 502},
		/* A dial that failed will fail again: there is no other session. */
		{GET, FRAME_RESET_REFUSED, NOTHING, false, 502},
		{GET, FRAME_RESET_DIAL_TIMEOUT, NOTHING, false, 504},
		{POST, FRAME_RESET_TIMEOUT, SOME, false, 504},
	};
	struct fake_client *f = fake_client_new(*state, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(*state);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned pages = c->n_pages;
		fake_conn_ask(c, rows[i].request);
		fake_client_read(f);
		assert_true(buf_len(&f->got) > 0);
		fake_client_reset(f, rows[i].reason, rows[i].taken);
		assert_int_equal(c->n_pages, pages + !rows[i].again);
		fake_client_read(f);
		if (!rows[i].again) {
			assert_int_equal(c->status, rows[i].status);
			assert_int_equal(buf_len(&f->got), 0);
			continue;
		}
		/* All of it, body and all; and once only. */
		const char *body = strstr(rows[i].request, "\r\n\r\n") + 4;
		assert_memory_equal(buf_head(&f->got), rows[i].request, 8);
		assert_memory_equal(buf_tail(&f->got) - strlen(body), body, strlen(body));
		fake_client_reset(f, rows[i].reason, rows[i].taken);
		assert_int_equal(c->n_pages, pages + 1);
		assert_string_equal(c->logged_why, "died");
	}
	fake_conn_free(c);
	fake_client_free(f);
}

/* More of a body than --retry-body (64 bytes here) is not held, so it cannot be sent again. */
static void test_large_body(void **state)
{
	char text[256];
	memset(text, 'x', sizeof(text));
	memcpy(text, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\n", 54);
	text[54 + 100] = '\0';
	struct fake_client *f = fake_client_new(*state, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(*state);
	fake_conn_ask(c, text);
	fake_client_read(f);
	fake_client_reset(f, FRAME_RESET_ABORTED, 0);
	assert_int_equal(c->n_pages, 1);
	assert_int_equal(c->status, 502);
	fake_conn_free(c);
	fake_client_free(f);
}

/* After a failed dial, to another session of the route. */
static void test_another_session(void **state)
{
	struct fake_client *f = fake_client_new(*state, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(*state);
	fake_conn_ask(c, GET);
	fake_client_read(f);
	struct fake_client *other = fake_client_new(*state, "a.test", NULL);
	fake_client_reset(f, FRAME_RESET_REFUSED, 0);
	assert_int_equal(c->n_pages, 0);
	fake_client_read(other);
	assert_begins(&other->got, "GET / HTTP/1.1\r\n");
	fake_client_answer(other, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(c->n_ends, 1);
	fake_conn_free(c);
	fake_client_free(other);
	fake_client_free(f);
}

/* A link that is lost: what it had of a request is not known. */
static void test_link_lost(void **state)
{
	struct fake_client *f = fake_client_new(*state, "a.test", NULL);
	struct fake_conn *get = fake_conn_new(*state), *post = fake_conn_new(*state);
	fake_conn_ask(get, GET);
	fake_conn_ask(post, POST);
	fake_client_read(f);
	fake_client_unlink(f);
	assert_int_equal(get->ex.state, EXCHANGE_WAITING);
	assert_int_equal(post->status, 502);
	assert_string_equal(post->logged_why, "link-lost");
	fake_client_link(f);
	scene_turn(*state);
	fake_client_read(f);
	assert_begins(&f->got, "GET / HTTP/1.1\r\n");
	fake_conn_free(get);
	fake_conn_free(post);
	fake_client_free(f);
}

/* Behind the head of a response nothing is sent again: half of it must not pass for the whole. */
static void test_behind_the_head(void **state)
{
	struct fake_client *f = fake_client_new(*state, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(*state);
	fake_conn_ask(c, GET);
	fake_client_read(f);
	fake_client_answer(f, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
	fake_client_reset(f, FRAME_RESET_ABORTED, 20);
	assert_int_equal(c->n_aborts, 1);
	assert_int_equal(c->n_pages, 0);
	assert_string_equal(c->logged_why, "died");
	fake_conn_free(c);
	fake_client_free(f);
}

/* The visitor left before its request was whole, or sent what is none. */
static void test_visitor_at_fault(void **state)
{
	struct fake_client *f = fake_client_new(*state, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(*state);
	fake_conn_ask(c, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nhel");
	c->broken = -ECONNRESET;
	fake_client_read(f);
	assert_int_equal(c->n_aborts, 1);
	assert_int_equal(c->n_pages, 0);
	fake_conn_free(c);
	c = fake_conn_new(*state);
	fake_conn_ask(c,
		"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
	fake_client_read(f);
	assert_int_equal(c->n_pages, 1);
	assert_int_equal(c->status, 400);
	fake_conn_free(c);
	fake_client_free(f);
}

/* A link that does not answer: what may be sent twice goes to one that does. */
static void test_silent_link(void **state)
{
	static const struct {
		const char *request;
		bool goes;
	} rows[] = {{GET, true}, {POST, false},
		{"GET / HTTP/1.1\r\nHost: a.test\r\nAuthorization: NTLM x\r\n\r\n", false}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_client *f = fake_client_new(*state, "a.test", NULL);
		struct fake_conn *c = fake_conn_new(*state);
		fake_conn_ask(c, rows[i].request);
		fake_client_read(f);
		retry_silent_link(&c->ex); /* it is not */
		f->link->io.link.silent = true;
		atomic_store(&f->session.shards[0].silent, 1);
		retry_silent_link(&c->ex); /* there is no other */
		assert_ptr_equal(c->ex.user.pooled->server_link, f->link);
		struct fake_client *other = fake_client_new(*state, "a.test", NULL);
		retry_silent_link(&c->ex);
		assert_ptr_equal(c->ex.user.pooled->server_link,
			rows[i].goes ? other->link : f->link);
		assert_int_equal(c->n_pages, 0);
		fake_conn_free(c);
		fake_client_free(other);
		fake_client_free(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_when, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_body, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_session, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_behind_the_head, setup, teardown),
		cmocka_unit_test_setup_teardown(test_visitor_at_fault, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silent_link, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
