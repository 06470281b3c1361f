/* SPDX-License-Identifier: MIT */
/* Whose request a kept stream carries next (rule 33). */
#include "scene.h"

#include "base/macros.h"
#include "server/http/exchange_events.h"

#define GET    "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define LOGIN  "GET / HTTP/1.1\r\nHost: a.test\r\nAuthorization: Negotiate x\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
#define EMPTY  "HTTP/1.1 204 No\r\n\r\n"

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

/* Which stream the request went by. */
static uint32_t ask(struct fake_client *f, struct fake_conn *c, const char *request)
{
	fake_conn_ask(c, request);
	fake_client_read(f);
	assert_begins(&f->got, "GET / HTTP/1.1\r\n");
	return f->stream;
}

static uint32_t serve(struct fake_client *f, struct fake_conn *c, const char *request,
	const char *answer)
{
	unsigned ends = c->n_ends;
	uint32_t stream = ask(f, c, request);
	fake_client_answer(f, answer);
	assert_int_equal(c->n_ends, ends + 1);
	return stream;
}

/* One stream for request after request, whoever asks; no more wait than --kept-streams, for long. */
static void test_shared(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	struct fake_conn *c[4];
	for (unsigned i = 0; i < 4; i++)
		c[i] = fake_conn_new(s);
	uint32_t first = serve(f, c[0], GET, ANSWER);
	assert_int_equal(serve(f, c[1], GET, ANSWER), first);
	assert_int_equal(f->n_opens, 1);
	assert_int_equal(f->n_reuses, 1);
	uint32_t streams[4];
	for (unsigned i = 0; i < 4; i++)
		streams[i] = ask(f, c[i], GET);
	assert_int_equal(f->n_opens, 4);
	for (unsigned i = 0; i < 4; i++) {
		f->stream = streams[i];
		fake_client_answer(f, ANSWER);
	}
	assert_int_equal(fake_client_shard(f)->n_idle, 4);
	assert_false(list_empty(&s->http.surplus.entries));
	while (!list_empty(&s->http.surplus.entries)) {
		struct timeout *t = list_entry(s->http.surplus.entries.next, struct timeout, link);
		timeout_cancel(t);
		pooled_stream_kept_expired(&s->http.surplus, t);
	}
	assert_int_equal(fake_client_shard(f)->n_idle, 2);
	stream_pool_rest(fake_client_shard(f), NULL);
	assert_int_equal(fake_client_shard(f)->n_idle, 0);
	for (unsigned i = 0; i < 4; i++)
		fake_conn_free(c[i]);
	fake_client_free(f);
}

/* A link's client leaves, or the service is withdrawn: what carries nothing on it ends, requests go on. */
static void test_rest(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	struct fake_conn *busy = fake_conn_new(s), *done = fake_conn_new(s);
	struct service_shard *shard = fake_client_shard(f);
	struct server_link other;
	uint32_t stream = ask(f, busy, GET);
	serve(f, done, GET, ANSWER);
	stream_pool_rest(shard, &other);
	assert_int_equal(shard->n_idle, 1);
	stream_pool_rest(shard, f->link);
	assert_int_equal(shard->n_idle, 0);
	stream_pool_rest(shard, NULL);
	assert_int_equal(shard->outstanding, 1);
	f->stream = stream;
	fake_client_answer(f, ANSWER);
	assert_int_equal(busy->n_ends, 1);
	assert_int_equal(busy->n_pages, 0);
	fake_conn_free(busy);
	fake_conn_free(done);
	fake_client_free(f);
}

/* A login is its visitor's alone, and ends with its connection. */
static void test_login(void **state)
{
	struct fake_client *f = fake_client_new(*state, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(*state), *other = fake_conn_new(*state);
	uint32_t own = serve(f, c, LOGIN, ANSWER);
	assert_int_equal(c->ex.user.own->use, POOLED_STREAM_OWN);
	uint32_t shared = serve(f, other, GET, ANSWER);
	assert_int_not_equal(shared, own);
	assert_int_equal(serve(f, c, GET, ANSWER), own);
	/* To another visitor behind the same trusted proxy it is not given. */
	c->ex.user.own->stream.group ^= 1;
	assert_int_equal(serve(f, c, GET, ANSWER), shared);
	assert_null(c->ex.user.own);
	own = serve(f, c, LOGIN, ANSWER);
	assert_non_null(c->ex.user.own);
	unsigned resets = f->n_resets;
	fake_conn_free(c);
	fake_client_read(f);
	assert_int_equal(f->n_resets, resets + 1);
	fake_conn_free(other);
	fake_client_free(f);
}

/* Behind an answer without a body a stream rests before another visitor gets it. */
static void test_resting(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(s), *other = fake_conn_new(s);
	uint32_t first = serve(f, c, GET, EMPTY);
	assert_int_equal(c->ex.user.own->use, POOLED_STREAM_RESTING);
	assert_int_not_equal(serve(f, other, GET, EMPTY), first);
	struct pooled_stream *rested = c->ex.user.own;
	timeout_cancel(&rested->kept);
	pooled_stream_rested(&s->http.resting, &rested->kept);
	assert_null(c->ex.user.own);
	assert_int_equal(fake_client_shard(f)->n_idle, 1);
	/* Used before it had rested: never anybody else's. */
	struct fake_conn *third = fake_conn_new(s);
	uint32_t second = f->stream;
	assert_int_equal(serve(f, other, GET, ANSWER), second);
	assert_int_equal(other->ex.user.own->use, POOLED_STREAM_DOUBTFUL);
	assert_int_equal(serve(f, third, GET, EMPTY), first);
	/* Its visitor goes: it rests on, for the next. */
	fake_conn_free(third);
	assert_int_equal(fake_client_shard(f)->n_resting, 1);
	fake_conn_free(other);
	fake_conn_free(c);
	fake_client_free(f);
}

/* A service that sent what nobody asked for: its streams rest, and those that had not rested end. */
static void test_distrust(void **state)
{
	struct fake_client *f = fake_client_new(*state, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(*state), *other = fake_conn_new(*state);
	uint32_t first = serve(f, c, GET, ANSWER);
	/* Bytes on a stream that waits. */
	f->stream = first;
	fake_client_answer(f, "HTTP/1.1 200 OK\r\n\r\n");
	fake_client_read(f);
	assert_int_equal(f->n_resets, 1);
	assert_true(service_strict(f->service));
	uint32_t second = serve(f, c, GET, ANSWER);
	assert_int_not_equal(second, first);
	assert_int_equal(c->ex.user.own->use, POOLED_STREAM_RESTING);
	assert_int_not_equal(serve(f, other, GET, ANSWER), second);
	fake_conn_free(c);
	fake_conn_free(other);
	fake_client_free(f);
}

/* A service with a stream for each visitor. */
static void test_per_visitor(void **state)
{
	struct control publish = {.type = CONTROL_PUBLISH};
	publish.publish.kind = CONTROL_HTTP;
	publish.publish.per_visitor = true;
	struct fake_client *f = fake_client_new(*state, "a.test", &publish);
	struct fake_conn *c = fake_conn_new(*state), *other = fake_conn_new(*state);
	uint32_t first = serve(f, c, GET, ANSWER);
	assert_int_not_equal(serve(f, other, GET, ANSWER), first);
	assert_int_equal(serve(f, c, GET, ANSWER), first);
	fake_conn_free(c);
	fake_conn_free(other);
	fake_client_free(f);
}

/* The upstream closes a stream that waits; a service goes away under a request. */
static void test_ends(void **state)
{
	struct fake_client *f = fake_client_new(*state, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(*state);
	serve(f, c, GET, ANSWER);
	fake_client_fin(f, 1000);
	assert_int_equal(fake_client_shard(f)->n_idle, 0);
	ask(f, c, GET);
	service_shard_close(fake_client_shard(f), &((struct scene *)*state)->worker);
	assert_true(fake_client_shard(f)->gone);
	fake_client_answer(f, ANSWER);
	assert_int_equal(c->n_ends, 2);
	assert_false(fake_client_shard(f)->gone);
	fake_conn_free(c);
	fake_client_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_login, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_distrust, setup, teardown),
		cmocka_unit_test_setup_teardown(test_per_visitor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
