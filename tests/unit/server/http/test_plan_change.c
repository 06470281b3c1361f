/* SPDX-License-Identifier: MIT */
/* Rules that change a request, its way or its response, and what holds while it is under way: its limits, its file. */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/macros.h"
#include "server/http/request_notes.h"

#define ROUTE            "routes:\n- host: a.test\n  rules:\n"
#define GET              "GET /x?q=1 HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define ASK(path)        "GET " path " HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define ASK_WITH(fields) "GET /x?q=1 HTTP/1.1\r\nHost: a.test\r\n" fields "\r\n"
#define OK               "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"

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

/* What the client got since the last call, as a text. */
static const char *got(struct fake_client *f)
{
	static char text[32u << 10];
	fake_client_read(f);
	assert_true(buf_len(&f->got) < sizeof(text));
	snprintf(text, sizeof(text), "%.*s", (int)buf_len(&f->got),
		buf_len(&f->got) ? (const char *)buf_head(&f->got) : "");
	return text;
}

/* What rules make of a request is charged to its visitor while it is under way. */
static void test_memory(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(s);
	char in[1500] = "GET / HTTP/1.1\r\nHost: a.test\r\nBig: ";
	size_t n = strlen(in);
	memset(in + n, 'b', 1000);
	strcpy(in + n + 1000, "\r\n\r\n");
	scene_set_front(s, ROUTE "  - {response: {set: {X-A: "
				 "\"${header.Big}${header.Big}${header.Big}${header.Big}\"}}}\n");
	fake_conn_ask(c, in);
	assert_true(c->charged >= 4000);
	fake_client_read(f);
	fake_client_answer(f, OK "\r\n");
	assert_int_equal(c->n_ends, 1);
	assert_true(exchange_memory(&c->ex) < 4000);
	fake_conn_free(c);
	fake_client_free(f);
}

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;
	for (const char *p = text; (p = strstr(p, part)); p += strlen(part))
		n++;
	return n;
}

/* ---- The request's head ---- */

/* `has`: lines with their ends, one behind the other; `lacks`: a part of none. */
static const struct {
	const char *front, *in, *line, *has, *lacks;
} heads[] = {
	{ROUTE "  - {rewrite: {path: /new}}\n", GET, .line = "GET /new?q=1 HTTP/1.1\r\n"},
	{ROUTE "  - {rewrite: {path: /new, query: drop}}\n", GET, .line = "GET /new HTTP/1.1\r\n"},
	{ROUTE "  - {when: {path: \"/old/*\"}, rewrite: {path: \"/$1/new\"}}\n", ASK("/old/a%20b"),
		.line = "GET /a%20b/new HTTP/1.1\r\n"},
	/* The last counts; rules ask for the path that the visitor asked for. */
	{ROUTE "  - {rewrite: {path: /one}}\n"
	       "  - {when: {path: /one}, rewrite: {path: /two}}\n"
	       "  - {when: {path: /x}, rewrite: {path: /three}}\n",
		GET, .line = "GET /three?q=1 HTTP/1.1\r\n"},
	{ROUTE "  - {rewrite: {path: /one}}\n"
	       "  - {rewrite: {path: /two, query: drop}}\n",
		GET, .line = "GET /two HTTP/1.1\r\n"},
	{ROUTE "  - {request: {set: {X-A: \"1\"}}}\n", GET, "GET /x?q=1 HTTP/1.1\r\n", "X-A: 1\r\n",
		"X-B"},
	/* In place of what the visitor wrote, in whatever spelling. */
	{ROUTE "  - {request: {set: {X-A: new}}}\n", ASK_WITH("x-a: 1\r\nX_A: 2\r\nX-Ab: 3\r\n"),
		"GET /x?q=1 HTTP/1.1\r\n", "X-A: new\r\n", "X_A"},
	{ROUTE "  - {request: {set: {X-A: new}}}\n", ASK_WITH("x-a: 1\r\nX_A: 2\r\nX-Ab: 3\r\n"),
		"GET /x?q=1 HTTP/1.1\r\n", "X-Ab: 3\r\n", "x-a"},
	{ROUTE "  - {request: {add: {X-A: \"2\"}}}\n", ASK_WITH("X-A: 1\r\n"),
		"GET /x?q=1 HTTP/1.1\r\n", .has = "X-A: 1\r\n"},
	{ROUTE "  - {request: {set: {X-A: one}, add: {X-A: two}}}\n", GET,
		"GET /x?q=1 HTTP/1.1\r\n", .has = "X-A: one\r\nX-A: two\r\n"},
	{ROUTE "  - {request: {remove: [X-A, X-B]}}\n", ASK_WITH("X-A: 1\r\nX-C: 3\r\nx-b: 2\r\n"),
		"GET /x?q=1 HTTP/1.1\r\n", "X-C: 3\r\n", "X-A"},
	{ROUTE "  - {request: {remove: [X-A, X-B]}}\n", ASK_WITH("X-A: 1\r\nX-C: 3\r\nx-b: 2\r\n"),
		"GET /x?q=1 HTTP/1.1\r\n", "X-C: 3\r\n", "x-b"},
	/* Facts, none of which ends a line. */
	{ROUTE "  - {request: {set: {X-A: \"${method} ${path} ${host} ${address} ${scheme} ${port} "
	       "${query.q} ${header.X} ${cookie.c} $$\"}}}\n",
		"GET /a%20b?q=%0d%0aE:1 HTTP/1.1\r\nHost: A.test:80\r\nX: x\r\nCookie: c=d\r\n\r\n",
		"GET /a%20b?q=%0d%0aE:1 HTTP/1.1\r\n",
		.has = "X-A: GET /a b a.test 192.0.2.1 http 80 %0D%0AE:1 x d $\r\n"},
	/* What stands behind a rule that does not hold is not done. */
	{ROUTE "  - {when: {method: PUT}, request: {set: {X-A: \"1\"}}}\n", GET,
		"GET /x?q=1 HTTP/1.1\r\n", NULL, "X-A"},
	/* A field that a rule has set is not yet there for the next rule. */
	{ROUTE "  - {request: {set: {X-A: \"1\"}}}\n"
	       "  - {when: {header.X-A: \"*\"}, deny: 403}\n",
		GET, "GET /x?q=1 HTTP/1.1\r\n", .has = "X-A: 1\r\n"},
};

static void test_heads(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		struct fake_conn *c = fake_conn_new(s);
		scene_set_front(s, heads[i].front);
		fake_conn_ask(c, heads[i].in);
		const char *head = got(f);
		if (strncmp(head, heads[i].line, strlen(heads[i].line)) != 0 ||
			(heads[i].has && count(head, heads[i].has) != 1) ||
			(heads[i].lacks && strstr(head, heads[i].lacks)))
			fail_msg("row %zu: %s", i, head);
		assert_int_equal(count(head, "\r\nHost: "), 1);
		fake_conn_free(c);
		fake_client_read(f);
	}
	fake_client_free(f);
}

/* The log has the path that was asked for, not the one that it became. */
static void test_log(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(s);
	s->http.notes = request_notes_new();
	assert_non_null(s->http.notes);
	scene_set_front(s, ROUTE "  - {rewrite: {path: /new}}\n");
	fake_conn_ask(c, GET);
	assert_int_equal(count(got(f), "GET /new?q=1 "), 1);
	fake_client_answer(f, OK "\r\n");
	assert_int_equal(c->n_ends, 1);
	assert_int_equal(s->http.notes->n, 1);
	assert_string_equal(s->http.notes->v[0].path, "/x");
	assert_string_equal(s->http.notes->v[0].host, "a.test");
	assert_int_equal(s->http.notes->v[0].status, 200);
	assert_string_equal(c->logged_rule, "");
	fake_conn_free(c);
	fake_client_free(f);
}

/* More of them than have a place of their own, in their order. */
static void test_many_fields(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	for (unsigned n = 1; n < 40; n++) {
		struct fake_conn *c = fake_conn_new(s);
		char front[2048] = ROUTE "  - {request: {set: {", wanted[1024] = "";
		for (unsigned i = 0; i < n; i++) {
			snprintf(front + strlen(front), 32, "%sX-%u: \"%u${path}\"", i ? ", " : "",
				i, i);
			snprintf(wanted + strlen(wanted), 24, "X-%u: %u/x\r\n", i, i);
		}
		strcat(front, "}}}\n");
		scene_set_front(s, front);
		fake_conn_ask(c, GET);
		assert_int_equal(count(got(f), wanted), 1);
		fake_conn_free(c);
		fake_client_read(f);
	}
	fake_client_free(f);
}

/* A visitor cannot make values grow without an end. */
static void test_values_have_a_limit(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	static char front[8192], in[4096];
	strcpy(front, ROUTE "  - {request: {set: {");
	for (unsigned i = 0; i < 40; i++)
		snprintf(front + strlen(front), 64, "%sX-%u: \"${header.X}\"", i ? ", " : "", i);
	strcat(front, "}}}\n");
	scene_set_front(s, front);
	for (unsigned n = 1000; n <= 3000; n += 2000) {
		struct fake_conn *c = fake_conn_new(s);
		snprintf(in, sizeof(in), "GET / HTTP/1.1\r\nHost: a.test\r\nX: %0*u\r\n\r\n", n, 7);
		fake_conn_ask(c, in);
		assert_int_equal(c->n_pages, n > 2000);
		if (c->n_pages)
			assert_int_equal(c->status, 431);
		fake_conn_free(c);
	}
	fake_client_free(f);
}

/* ---- The response ---- */

static const struct {
	const char *rules, *answer, *fields;
} responses[] = {
	{"{response: {set: {X-A: new}}}", OK "X-A: old\r\nB: 2\r\n\r\n",
		"Content-Length: 0\nB: 2\nX-A: new\n"},
	{"{response: {add: {X-A: new}}}", OK "X-A: old\r\n\r\n",
		"Content-Length: 0\nX-A: old\nX-A: new\n"},
	{"{response: {remove: [Server, X-A]}}", OK "Server: s\r\nB: 2\r\nx-a: 1\r\n\r\n",
		"Content-Length: 0\nB: 2\n"},
	/* Facts are the request's. */
	{"{response: {set: {X-A: \"${path} ${query.q}\"}}}", OK "\r\n",
		"Content-Length: 0\nX-A: /x 1\n"},
	{"{when: {status: 404}, response: {set: {X-A: \"1\"}}}", OK "\r\n", "Content-Length: 0\n"},
	{"{when: {status: [404, 200-299]}, response: {set: {X-A: \"1\"}}}", OK "\r\n",
		"Content-Length: 0\nX-A: 1\n"},
	{"{when: {not: {status: 200}}, response: {set: {X-A: \"1\"}}}", OK "\r\n",
		"Content-Length: 0\n"},
	{"{when: {path: /y}, response: {set: {X-A: \"1\"}}}", OK "\r\n", "Content-Length: 0\n"},
	/* Fields of the request are not the response's. */
	{"{request: {set: {X-A: \"1\"}}}", OK "\r\n", "Content-Length: 0\n"},
	{"{response: {remove: B}}\n  - {response: {set: {B: \"${method}\"}}}", OK "B: 1\r\n\r\n",
		"Content-Length: 0\nB: GET\n"},
};

static void test_responses(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	for (size_t i = 0; i < ARRAY_LEN(responses); i++) {
		struct fake_conn *c = fake_conn_new(s);
		char front[256];
		snprintf(front, sizeof(front), ROUTE "  - %s\n", responses[i].rules);
		scene_set_front(s, front);
		fake_conn_ask(c, GET);
		fake_client_read(f);
		fake_client_answer(f, responses[i].answer);
		assert_int_equal(c->n_ends, 1);
		assert_int_equal(c->status, 200);
		assert_string_equal(c->fields, responses[i].fields);
		fake_conn_free(c);
	}
	fake_client_free(f);
}

/* ---- Where it goes ---- */

static void test_to(void **state)
{
	static const struct {
		const char *in, *way;
	} rows[] = {
		{ASK("/"), "web"},
		{ASK("/api"), "api"},
		{ASK("/both"), "api"},
		/* The service's own name leads past the rules, so it leads nowhere. */
		{"GET / HTTP/1.1\r\nHost: web.test\r\n\r\n", NULL},
		{"GET /api HTTP/1.1\r\nHost: api.test\r\n\r\n", NULL},
	};
	struct scene *s = *state;
	struct fake_client *web = fake_client_new(s, "web.test", NULL);
	struct fake_client *api = fake_client_new(s, "api.test", NULL);
	scene_set_front(s, ROUTE "  - {when: {path: /both}, to: web.test}\n"
				 "  - {when: {path: [/api, /both]}, to: api.test}\n"
				 "  to: web.test\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_conn *c = fake_conn_new(s);
		unsigned before[] = {web->n_opens, api->n_opens};
		fake_conn_ask(c, rows[i].in);
		bool to_web = rows[i].way && strcmp(rows[i].way, "web") == 0;
		assert_int_equal(count(got(web), "\r\nHost: a.test\r\n"), to_web);
		assert_int_equal(count(got(api), "\r\nHost: a.test\r\n"), rows[i].way && !to_web);
		assert_int_equal(web->n_opens - before[0], to_web);
		assert_int_equal(api->n_opens - before[1], rows[i].way && !to_web);
		if (!rows[i].way) {
			assert_int_equal(c->status, 503);
			assert_string_equal(c->logged_why, "no-route");
		}
		fake_conn_free(c);
	}
	fake_client_free(web);
	fake_client_free(api);
}

/* Whoever began with a file ends with it. */
static void test_reload(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(s), *next = fake_conn_new(s);
	scene_set_front(s, ROUTE "  - {response: {set: {X-A: first}}}\n");
	fake_conn_ask(c, GET);
	fake_client_read(f);
	scene_set_front(s, ROUTE "  - {deny: 403}\n");
	fake_client_answer(f, OK "\r\n");
	assert_string_equal(c->fields, "Content-Length: 0\nX-A: first\n");
	fake_conn_ask(next, GET);
	assert_int_equal(next->status, 403);
	scene_set_front(s, NULL);
	fake_conn_ask(next, GET);
	assert_int_equal(next->n_pages, 1);
	assert_int_equal(next->ex.state, EXCHANGE_ACTIVE);
	fake_conn_free(c);
	fake_conn_free(next);
	fake_client_free(f);
}

/* ---- Its limits ---- */

/* A body whose length nobody said is stopped where it exceeds them. */
static void test_body_in_chunks(void **state)
{
#define CHUNKED "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	scene_set_front(s, ROUTE "  - {limit: {body: 1KiB}}\n  - {limit: {body: 2KiB}}\n");
	for (unsigned over = 0; over < 2; over++) {
		struct fake_conn *c = fake_conn_new(s);
		char chunk[1100];
		snprintf(chunk, sizeof(chunk), "%x\r\n%0*u\r\n", 1000, 1000, 7);
		fake_conn_ask(c, CHUNKED);
		fake_conn_send(c, chunk);
		fake_client_read(f);
		assert_int_equal(c->n_pages, 0);
		fake_conn_send(c, over ? chunk : "0\r\n\r\n");
		fake_client_read(f);
		assert_int_equal(c->n_pages, over);
		if (over) {
			assert_int_equal(c->status, 413);
			assert_string_equal(c->logged_why, "body-limit");
			fake_client_read(f);
			assert_int_equal(f->n_resets, 1);
		} else {
			fake_client_answer(f, OK "\r\n");
			assert_int_equal(c->status, 200);
		}
		fake_conn_free(c);
	}
	fake_client_free(f);
#undef CHUNKED
}

static bool has_ended(void *arg)
{
	const struct fake_conn *c = arg;
	return c->n_ends + c->n_aborts > 0;
}

/* In all, from its beginning to the last byte of its response; the least of several. */
static void test_time(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(s);
	scene_set_front(s, ROUTE "  - {limit: {time: 1h}}\n  - {limit: {time: 20ms}}\n"
				 "  - {limit: {time: 2h}}\n");
	fake_conn_ask(c, GET);
	uint64_t began = c->ex.began;
	fake_client_read(f);
	assert_true(scene_until(s, has_ended, c));
	assert_true(loop_now(s->worker.loop) >= began + 20 * CLOCK_MS);
	assert_int_equal(c->status, 504);
	assert_string_equal(c->logged_why, "time-limit");
	/* Its head went out: it stops in the middle. */
	fake_conn_ask(c, GET);
	fake_client_read(f);
	fake_client_answer(f, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
	c->n_ends = 0;
	assert_true(scene_until(s, has_ended, c));
	assert_int_equal(c->n_aborts, 1);
	assert_string_equal(c->logged_why, "time-limit");
	assert_body(c, "half");
	fake_conn_free(c);
	fake_client_free(f);
}

/* One that has become another protocol has no end. */
static void test_time_stops(void **state)
{
	struct scene *s = *state;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(s), *other = fake_conn_new(s);
	scene_set_front(s, ROUTE "  - {limit: {time: 20ms}}\n");
	fake_conn_ask(c, ASK_WITH("Connection: upgrade\r\nUpgrade: websocket\r\n"));
	fake_client_read(f);
	fake_client_answer(f, "HTTP/1.1 101 Now\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
			      "\r\n");
	assert_true(c->ex.upgraded);
	fake_conn_ask(other, GET);
	fake_client_read(f);
	assert_true(scene_until(s, has_ended, other));
	assert_string_equal(other->logged_why, "time-limit");
	assert_int_equal(c->n_ends + c->n_aborts, 0);
	assert_int_equal(c->ex.state, EXCHANGE_ACTIVE);
	fake_conn_free(c);
	fake_conn_free(other);
	fake_client_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_heads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_log, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values_have_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_responses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_to, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reload, setup, teardown),
		cmocka_unit_test_setup_teardown(test_body_in_chunks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_time_stops, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
