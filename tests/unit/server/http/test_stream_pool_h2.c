/* SPDX-License-Identifier: MIT */
/* Pooled streams to an upstream that speaks HTTP/2, which is our own server of it at the streams' far end. */
#include "scene.h"

#include <stdio.h>

#include "base/macros.h"
#include "h2/h2.h"
#include "server/http/exchange_events.h"

#define GET  "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\n"
#define OK   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"

#define REQUESTS 8

/* An upstream's connection: of the stream that it was made for. */
struct far_end {
	struct h2 h2;
	struct fake_client *client;
	uint32_t stream;
	struct h2_stream requests[REQUESTS];
	unsigned n;
	struct buf body;
	bool closed; /* the last request's stream */
};

static struct far_end *far_end_of(struct h2 *h)
{
	return container_of(h, struct far_end, h2);
}

static struct h2_stream *request(struct h2 *h, const struct h2_message *m)
{
	struct far_end *e = far_end_of(h);
	assert_true(e->n < REQUESTS);
	struct h2_stream *s = &e->requests[e->n++];
	e->closed = false;
	h2_stream_begin(s, h, m->id);
	return s;
}

static void data(struct h2_stream *s, const uint8_t *p, size_t n)
{
	assert_int_equal(buf_append(&far_end_of(s->h2)->body, p, n), 0);
	h2_consume(s, n);
}

static void end(struct h2_stream *s, struct str trailers)
{
}

static void closed(struct h2_stream *s)
{
	far_end_of(s->h2)->closed = true;
}

static const struct h2_ops ops = {.request = request, .data = data, .end = end, .closed = closed};

static void far_end_init(struct far_end *e, struct fake_client *f)
{
	*e = (struct far_end){.client = f};
	assert_int_equal(h2_init(&e->h2, &ops, 4096), 0);
}

static void far_end_deinit(struct far_end *e)
{
	for (unsigned i = 0; i < e->n; i++)
		h2_stream_forget(&e->requests[i]);
	h2_deinit(&e->h2);
	buf_deinit(&e->body);
}

static void say(struct far_end *e)
{
	assert_int_equal(h2_output(&e->h2), 0);
	if (buf_len(&e->h2.out)) {
		e->client->stream = e->stream;
		fake_client_send(e->client, buf_head(&e->h2.out), buf_len(&e->h2.out));
		buf_consume(&e->h2.out, buf_len(&e->h2.out));
	}
}

/* What the exit node has to say comes here, and what is there to say goes back. */
static void talk(struct far_end *e)
{
	for (unsigned i = 0; i < 3; i++) {
		fake_client_read(e->client);
		if (!e->stream)
			e->stream = e->client->stream;
		assert_int_equal(h2_input(&e->h2, buf_head(&e->client->got),
					 buf_len(&e->client->got), 0),
			0);
		say(e);
	}
}

static void answer(struct far_end *e, const char *head, const char *body)
{
	char copy[256];
	struct h2_stream *s = &e->requests[e->n - 1];
	snprintf(copy, sizeof(copy), "%s", head);
	assert_int_equal(h2_answer(s, (uint8_t *)copy, strlen(head), !body), 0);
	if (body) {
		assert_int_equal(h2_pass(s, (const uint8_t *)body, strlen(body)), 0);
		assert_int_equal(h2_end(s, STR_NULL), 0);
	}
	say(e);
}

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

static struct fake_client *client_new(struct scene *s)
{
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	f->service->protocol = CONTROL_PROTOCOL_H2;
	return f;
}

static unsigned idle(struct fake_client *f)
{
	return fake_client_shard(f)->n_idle;
}

/* One request after another, of any visitor: without REUSE, and without rest behind a response that has no body. */
static void test_one_connection(void **state)
{
	struct fake_client *f = client_new(*state);
	struct fake_conn *a = fake_conn_new(*state), *b = fake_conn_new(*state);
	struct far_end e;
	far_end_init(&e, f);
	fake_conn_ask(a, GET);
	talk(&e);
	answer(&e, OK, "hi");
	assert_int_equal(a->n_ends, 1);
	assert_body(a, "hi");
	assert_int_equal(idle(f), 1);
	fake_conn_ask(b, POST);
	fake_conn_send(b, "body");
	talk(&e);
	assert_bytes(&e.body, "body");
	answer(&e, "HTTP/1.1 204 No\r\n\r\n", NULL);
	assert_int_equal(b->n_ends, 1);
	assert_int_equal(b->status, 204);
	fake_conn_ask(a, GET);
	talk(&e);
	answer(&e, OK, "ho");
	assert_body(a, "ho");
	assert_int_equal(f->n_opens, 1);
	assert_int_equal(f->n_reuses, 0);
	assert_int_equal(e.n, 3);
	fake_conn_free(a);
	fake_conn_free(b);
	far_end_deinit(&e);
	fake_client_free(f);
}

/* Whoever leaves ends a request, and not the connection; what comes of it all the same is nobody's. */
static void test_given_up(void **state)
{
	struct fake_client *f = client_new(*state);
	struct fake_conn *a = fake_conn_new(*state), *b = fake_conn_new(*state);
	struct far_end e;
	far_end_init(&e, f);
	fake_conn_ask(a, GET);
	talk(&e);
	exchange_close(&a->ex, false);
	assert_int_equal(idle(f), 1);
	/* The two crossed. */
	answer(&e, OK, "no");
	talk(&e);
	assert_true(e.closed);
	assert_int_equal(buf_len(&a->body), 0);
	fake_conn_ask(b, GET);
	talk(&e);
	answer(&e, OK, "hi");
	assert_body(b, "hi");
	assert_int_equal(f->n_opens, 1);
	assert_int_equal(f->n_resets, 0);
	fake_conn_free(a);
	fake_conn_free(b);
	far_end_deinit(&e);
	fake_client_free(f);
}

/* Nothing was done: it is asked again, a POST as well, and the others that wait are not believed either. */
static void test_refused(void **state)
{
	for (int goaway = 0; goaway < 2; goaway++) {
		struct fake_client *f = client_new(*state);
		struct fake_conn *a = fake_conn_new(*state), *b = fake_conn_new(*state);
		struct far_end first, second, third;
		far_end_init(&first, f);
		far_end_init(&second, f);
		far_end_init(&third, f);
		fake_conn_ask(a, GET);
		talk(&first);
		fake_conn_ask(b, GET);
		talk(&second);
		answer(&first, OK, "hi");
		answer(&second, OK, "hi");
		assert_int_equal(idle(f), 2);
		fake_conn_ask(a, POST);
		fake_conn_send(a, "body");
		if (goaway)
			h2_goaway(&second.h2, H2_NO_ERROR);
		fake_client_read(f);
		if (!goaway) {
			assert_int_equal(h2_input(&second.h2, buf_head(&f->got), buf_len(&f->got),
						 0),
				0);
			h2_reset(&second.requests[1], H2_REFUSED_STREAM);
		}
		say(&second);
		assert_int_equal(idle(f), 0);
		talk(&third);
		assert_bytes(&third.body, "body");
		answer(&third, OK, "ho");
		assert_body(a, "ho");
		assert_int_equal(f->n_opens, 3);
		fake_conn_free(a);
		fake_conn_free(b);
		far_end_deinit(&first);
		far_end_deinit(&second);
		far_end_deinit(&third);
		fake_client_free(f);
	}
}

/* Its GOAWAY while nothing is asked: it is not kept for the next. */
static void test_leaves_idle(void **state)
{
	struct fake_client *f = client_new(*state);
	struct fake_conn *a = fake_conn_new(*state);
	struct far_end e;
	far_end_init(&e, f);
	fake_conn_ask(a, GET);
	talk(&e);
	answer(&e, OK, "hi");
	assert_int_equal(idle(f), 1);
	h2_goaway(&e.h2, H2_NO_ERROR);
	say(&e);
	assert_int_equal(idle(f), 0);
	fake_conn_free(a);
	far_end_deinit(&e);
	fake_client_free(f);
}

static void test_reset(void **state)
{
	struct fake_client *f = client_new(*state);
	for (int headed = 0; headed < 2; headed++) {
		struct fake_conn *a = fake_conn_new(*state);
		struct far_end e;
		far_end_init(&e, f);
		fake_conn_ask(a, POST);
		fake_conn_send(a, "body");
		talk(&e);
		if (headed) {
			char head[] = OK;
			h2_answer(&e.requests[0], (uint8_t *)head, sizeof(head) - 1, false);
			h2_pass(&e.requests[0], (const uint8_t *)"h", 1);
			say(&e);
		}
		h2_reset(&e.requests[0], H2_ENHANCE_YOUR_CALM);
		say(&e);
		assert_int_equal(a->n_aborts, headed);
		assert_int_equal(a->n_pages, !headed);
		assert_int_equal(a->ex.user.reset_code, H2_ENHANCE_YOUR_CALM);
		assert_int_equal(idle(f), 0);
		fake_conn_free(a);
		far_end_deinit(&e);
	}
	fake_client_free(f);
}

/* Nothing that is no HTTP/2 passes for an answer, and it is not asked a second time. */
static void test_garbled(void **state)
{
	struct fake_client *f = client_new(*state);
	struct fake_conn *a = fake_conn_new(*state);
	fake_conn_ask(a, GET);
	fake_client_read(f);
	fake_client_answer(f, "HTTP/1.1 400 Bad Request\r\n\r\n");
	assert_int_equal(a->n_pages, 1);
	assert_int_equal(a->status, 502);
	assert_string_equal(a->logged_why, "upstream-start-line");
	assert_int_equal(f->n_opens, 1);
	fake_conn_free(a);
	fake_client_free(f);
}

/* A visitor that does not read has its response wait, whole, and its end behind it. */
static void test_slow_visitor(void **state)
{
	struct fake_client *f = client_new(*state);
	struct fake_conn *a = fake_conn_new(*state);
	struct far_end e;
	far_end_init(&e, f);
	fake_conn_ask(a, GET);
	talk(&e);
	a->space = 1;
	answer(&e, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "body");
	e.client->stream = e.stream;
	fake_client_fin(f, 0);
	assert_int_equal(a->n_ends, 0);
	assert_body(a, "b");
	a->space = SIZE_MAX;
	exchange_writable(&a->ex);
	assert_body(a, "body");
	assert_int_equal(a->n_ends, 1);
	assert_int_equal(a->n_aborts, 0);
	assert_int_equal(idle(f), 0);
	fake_conn_free(a);
	far_end_deinit(&e);
	fake_client_free(f);
}

/* What asks for another protocol has no place there. */
static void test_upgrade(void **state)
{
	struct fake_client *f = client_new(*state);
	struct fake_conn *a = fake_conn_new(*state);
	fake_conn_ask(a,
		"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
	assert_int_equal(a->status, 501);
	assert_string_equal(a->logged_why, "upgrade-http2");
	assert_int_equal(f->n_opens, 0);
	fake_conn_free(a);
	fake_client_free(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_connection),
		TEST(test_given_up),
		TEST(test_refused),
		TEST(test_leaves_idle),
		TEST(test_reset),
		TEST(test_garbled),
		TEST(test_slow_visitor),
		TEST(test_upgrade),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
