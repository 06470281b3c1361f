/* SPDX-License-Identifier: MIT */
/* `basic`: who is asked for a password, who is let in, what is counted, and what a check under way holds. */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/macros.h"
#include "crypto/digest.h"
#include "server/base/front_tables.h"
#include "server/http/password_check.h"

/* Of "secret" and of "a:b", as htpasswd -nbB -C 4 makes them. */
#define ALICE     "alice:$2y$04$X/sAVDtOB0CUd8D62b6Wz.M6vk4BJyDe8P1vCXKt5M8GeaTyYN/VC"
#define BOB       "bob:$2y$04$abcdefghijklmnopqrstuuIQ9AyrP6qHpzJiEKQ5zxtEz3TPNwuMe"
#define SLOW      "alice:$2y$10$X/sAVDtOB0CUd8D62b6Wz.M6vk4BJyDe8P1vCXKt5M8GeaTyYN/VC"
#define BASIC     "routes:\n- host: a.test\n  rules:\n  - {basic: {users: [\"" ALICE "\", \"" BOB "\"]"
#define CHALLENGE "Basic realm=\"restricted\", charset=\"UTF-8\""
#define OK        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

struct place {
	struct scene *scene;
	struct fake_client *client;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	assert_non_null(p);
	p->scene = scene_new();
	p->client = fake_client_new(p->scene, "a.test", NULL);
	scene_set_front(p->scene, BASIC "}}\n");
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	fake_client_free(p->client);
	scene_free(p->scene);
	free(p);
	return 0;
}

static struct front_tables *tables(const struct place *p)
{
	return p->scene->node.front_tables;
}

static unsigned under_way(const struct place *p)
{
	return atomic_load(&tables(p)->n_checks);
}

static bool none_is_under_way(void *arg)
{
	return !under_way(arg);
}

static void finish_checks(struct place *p)
{
	assert_true(scene_until(p->scene, none_is_under_way, p));
}

/* The field, with its line's end; good until the next call. */
static const char *login(const char *user_and_password)
{
	static char line[2048];
	int n = snprintf(line, sizeof(line), "Authorization: Basic ");
	assert_int_equal(base64_encode(user_and_password, strlen(user_and_password), line + n,
				 sizeof(line) - (size_t)n - 2),
		0);
	return strcat(line, "\r\n");
}

/* Asks from that address, or NULL: 192.0.2.1. */
static struct fake_conn *ask(struct place *p, const char *fields, const char *address)
{
	char in[4096];
	struct fake_conn *c = fake_conn_new(p->scene);
	snprintf(in, sizeof(in), "GET /x HTTP/1.1\r\nHost: a.test\r\n%s\r\n", fields);
	fake_conn_begin(c, in);
	if (address)
		assert_true(address_parse_ip(str_from(address), &c->ex.visitor));
	fake_conn_dispatch(c);
	return c;
}

/* The status of the page, 0 when it went upstream, when all checks are done; and it is over. */
static unsigned outcome(struct place *p, struct fake_conn *c)
{
	finish_checks(p);
	unsigned status = c->n_pages ? c->status : 0;
	if (status == 401) {
		assert_string_equal(c->challenge, CHALLENGE);
		assert_string_equal(c->logged_why, "unauthorized");
		assert_string_equal(c->logged_rule, "line:4");
	} else if (status == 429) {
		assert_string_equal(c->logged_why, "passwords");
		assert_true(c->retry_after > 0);
	} else if (!status) {
		assert_int_equal(c->ex.state, EXCHANGE_ACTIVE);
		assert_non_null(c->ex.user.pooled);
	}
	fake_conn_free(c);
	return status;
}

static unsigned asked(struct place *p, const char *user_and_password, const char *address)
{
	return outcome(p, ask(p, login(user_and_password), address));
}

/* Asked for at once: nothing is checked, and nothing counted. */
static void test_missing(void **state)
{
	static const char *const fields[] = {
		"",
		"Authorization:\r\n",
		"Authorization: Basic\r\n",
		"Authorization: Basic !\r\n",
		"Authorization: Basic YWxpY2U=\r\n", /* no colon */
		"Authorization: Bearer YWxpY2U6c2VjcmV0\r\n",
		"Authorization: BasicYWxpY2U6c2VjcmV0\r\n",
		"Authorization: Basic YWxpY2U6c2VjcmV0 x\r\n",
		"Authorization: Basic YWxpY2U6c2VjcmV0\r\nAuthorization: Basic "
		"YWxpY2U6c2VjcmV0\r\n",
	};
	struct place *p = *state;
	for (unsigned i = 0; i < 2 * FRONT_FAILURES; i++) {
		struct fake_conn *c = ask(p, fields[i % ARRAY_LEN(fields)], NULL);
		assert_int_equal(c->n_pages, 1);
		assert_int_equal(under_way(p), 0);
		assert_int_equal(outcome(p, c), 401);
	}
	char longer[PASSWORD_USER_MAX + 2];
	memset(longer, 'x', sizeof(longer));
	memcpy(longer, "alice:", 6);
	longer[sizeof(longer) - 1] = '\0';
	struct fake_conn *c = ask(p, login(longer), NULL);
	assert_int_equal(under_way(p), 0);
	assert_int_equal(outcome(p, c), 401);
	fake_client_read(p->client);
	assert_int_equal(p->client->n_opens, 0);
	assert_int_equal(asked(p, "alice:secret", NULL), 0);
}

static void test_who_is_let_in(void **state)
{
	static const struct {
		const char *given;
		unsigned status;
	} rows[] = {
		{"alice:secret", 0},
		{"bob:a:b", 0}, /* the first colon ends the name (RFC 7617, 2) */
		{"alice:Secret", 401}, {"alice:", 401}, {":secret", 401}, {"Alice:secret", 401},
		{"bob:secret", 401}, {"nobody:secret", 401},
		{"alice:secret", 0}, /* found good before; no wrong one changes that */
	};
	struct place *p = *state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (asked(p, rows[i].given, NULL) != rows[i].status)
			fail_msg("%s", rows[i].given);
	/* The scheme's case does not matter, nor how many spaces there are (RFC 9110, 11.1). */
	assert_int_equal(outcome(p, ask(p, "Authorization: bAsIC   YWxpY2U6c2VjcmV0\r\n", NULL)),
		0);
}

/* It waits while it is checked, and the next one with the same password does not. */
static void test_remembered(void **state)
{
	struct place *p = *state;
	struct fake_conn *c = ask(p, login("alice:secret"), NULL);
	assert_int_equal(c->ex.state, EXCHANGE_WAITING);
	assert_int_equal(c->n_watches, 1);
	assert_int_equal(under_way(p), 1);
	assert_int_equal(outcome(p, c), 0);
	c = ask(p, login("alice:secret"), "192.0.2.9");
	assert_int_equal(c->ex.state, EXCHANGE_ACTIVE);
	assert_int_equal(under_way(p), 0);
	assert_int_equal(outcome(p, c), 0);
	/* Another hash is another password, though it be the same text. */
	scene_set_front(p->scene, BASIC ", realm: other}}\n");
	c = ask(p, login("bob:secret"), NULL);
	assert_int_equal(c->ex.state, EXCHANGE_WAITING);
	finish_checks(p);
	assert_int_equal(c->status, 401);
	assert_string_equal(c->challenge, "Basic realm=\"other\", charset=\"UTF-8\"");
	fake_conn_free(c);
}

/* Who consumes a password keeps it, unless it is to go on, or another one is set. */
static void test_what_goes_upstream(void **state)
{
	static const struct {
		const char *more, *has;
	} rows[] = {
		{"}}\n", NULL},
		{", pass: true}}\n", "Authorization: Basic YWxpY2U6c2VjcmV0\r\n"},
		{"}}\n  - {request: {set: {Authorization: mine}}}\n", "Authorization: mine\r\n"},
		{", pass: true}}\n  - {request: {set: {Authorization: mine}}}\n",
			"Authorization: mine\r\n"},
	};
	struct place *p = *state;
	/* Once when it was checked, and once when it was remembered. */
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		char front[1024], text[4096];
		size_t row = i / 2;
		snprintf(front, sizeof(front), BASIC "%s", rows[row].more);
		scene_set_front(p->scene, front);
		struct fake_conn *c = ask(p, login("alice:secret"), NULL);
		finish_checks(p);
		fake_client_read(p->client);
		snprintf(text, sizeof(text), "%.*s", (int)buf_len(&p->client->got),
			(const char *)buf_head(&p->client->got));
		assert_int_equal(strncmp(text, "GET /x HTTP/1.1\r\nHost: a.test\r\n", 31), 0);
		const char *found = strstr(text, "Authorization:");
		if (rows[row].has) {
			assert_non_null(found);
			assert_int_equal(strncmp(found, rows[row].has, strlen(rows[row].has)), 0);
			found = strstr(found + 1, "Authorization:");
		}
		assert_null(found);
		fake_conn_free(c);
		fake_client_read(p->client);
	}
}

/* Rules behind it run with the whole of the request, and its body follows. */
static void test_walk_goes_on(void **state)
{
	struct place *p = *state;
	scene_set_front(p->scene, BASIC "}}\n  - {when: {header.X: stop}, deny: 410}\n"
					"  - {request: {set: {X-Q: \"${query.q}\"}}}\n"
					"  - {response: {set: {X-R: \"${header.X}\"}}}\n");
	char fields[256];
	snprintf(fields, sizeof(fields), "%sX: stop\r\n", login("alice:secret"));
	struct fake_conn *c = ask(p, fields, NULL);
	finish_checks(p);
	assert_int_equal(c->status, 410);
	assert_string_equal(c->logged_rule, "line:5");
	fake_conn_free(c);
	char in[512];
	snprintf(in, sizeof(in),
		"POST /x?q=1 HTTP/1.1\r\nHost: a.test\r\nX: go\r\nContent-Length: 4\r\n%s\r\nbody",
		login("bob:a:b"));
	c = fake_conn_new(p->scene);
	fake_conn_ask(c, in);
	assert_int_equal(c->ex.state, EXCHANGE_WAITING);
	finish_checks(p);
	fake_client_read(p->client);
	const struct buf *got = &p->client->got;
	assert_begins(got, "POST /x?q=1 HTTP/1.1\r\n");
	assert_non_null(memmem(buf_head(got), buf_len(got), "\r\nX-Q: 1\r\n", 10));
	assert_int_equal(memcmp(buf_tail(got) - 8, "\r\n\r\nbody", 8), 0);
	fake_client_answer(p->client, OK);
	assert_string_equal(c->fields, "Content-Length: 0\nX-R: go\n");
	fake_conn_free(c);
}

/* ---- What is counted ---- */

static void test_wrong_ones(void **state)
{
	struct place *p = *state;
	char given[32];
	assert_int_equal(asked(p, "alice:secret", NULL), 0);
	for (unsigned i = 0; i < FRONT_FAILURES; i++) {
		snprintf(given, sizeof(given), "alice:%u", i);
		assert_int_equal(asked(p, given, NULL), 401);
	}
	/* A right one that is not known yet waits, too: a guess must not show by it. */
	assert_int_equal(asked(p, "alice:x", NULL), 429);
	assert_int_equal(asked(p, "bob:a:b", NULL), 429);
	/* One that was found good, and other addresses, do not. */
	assert_int_equal(asked(p, "alice:secret", NULL), 0);
	assert_int_equal(asked(p, "alice:x", "192.0.2.2"), 401);
	assert_int_equal(asked(p, "bob:a:b", "192.0.2.2"), 0);
	assert_int_equal(asked(p, "bob:a:b", NULL), 0);
}

/* Good ones are given back: any number may come. */
static void test_good_ones_count_nothing(void **state)
{
	struct place *p = *state;
	struct address a;
	assert_true(address_parse_ip(STR("192.0.2.1"), &a));
	for (unsigned i = 0; i < FRONT_FAILURES - 1; i++)
		assert_int_equal(front_failure_take(tables(p), &a, loop_now(p->scene->worker.loop)),
			0);
	assert_int_equal(asked(p, "alice:secret", NULL), 0);
	assert_int_equal(asked(p, "bob:a:b", NULL), 0);
	assert_int_equal(asked(p, "bob:wrong", NULL), 401);
	assert_int_equal(asked(p, "bob:worse", NULL), 429);
}

/* The same that comes many times at once is checked once, and counts once, for each address. */
static void test_together(void **state)
{
	enum { N = 2 * FRONT_FAILURES };
	struct place *p = *state;
	scene_set_front(p->scene, BASIC "}}\n  - {answer: {type: text/plain, body: in}}\n");
	for (unsigned good = 0; good < 2; good++) {
		struct fake_conn *c[N];
		const char *given = good ? "alice:secret" : "alice:wrong";
		for (unsigned i = 0; i < N; i++) {
			c[i] = ask(p, login(given), NULL);
			assert_int_equal(c[i]->ex.state, EXCHANGE_WAITING);
		}
		assert_int_equal(under_way(p), N);
		struct fake_conn *far = ask(p, login(given), "192.0.2.2");
		finish_checks(p);
		for (unsigned i = 0; i < N; i++) {
			assert_int_equal(c[i]->status, good ? 200 : 401);
			fake_conn_free(c[i]);
		}
		assert_int_equal(outcome(p, far), good ? 200 : 401);
	}
	/* One of ten. */
	char given[32];
	for (unsigned i = 0; i < FRONT_FAILURES - 1; i++) {
		snprintf(given, sizeof(given), "bob:%u", i);
		assert_int_equal(asked(p, given, NULL), 401);
	}
	assert_int_equal(asked(p, "bob:x", NULL), 429);
}

/* ---- A check under way ---- */

/* It runs to its end, so that whoever asks again finds it, and holds no place for ever. */
static void test_visitor_leaves(void **state)
{
	struct place *p = *state;
	struct fake_conn *first = ask(p, login("alice:secret"), NULL);
	struct fake_conn *second = ask(p, login("alice:secret"), NULL);
	assert_int_equal(under_way(p), 2);
	exchange_close(&second->ex, false);
	assert_int_equal(under_way(p), 1);
	exchange_close(&first->ex, false);
	assert_int_equal(under_way(p), 1);
	fake_conn_free(first);
	fake_conn_free(second);
	finish_checks(p);
	struct fake_conn *c = ask(p, login("alice:secret"), NULL);
	assert_int_equal(c->ex.state, EXCHANGE_ACTIVE);
	assert_int_equal(outcome(p, c), 0);
}

/* A file that is replaced meanwhile is held: its hash is being read. */
static void test_reload(void **state)
{
	struct place *p = *state;
	struct fake_conn *c = ask(p, login("alice:secret"), NULL);
	scene_set_front(p->scene, NULL);
	assert_int_equal(outcome(p, c), 0);
}

static void test_too_many(void **state)
{
	struct place *p = *state;
	struct fake_conn *first = ask(p, login("alice:secret"), NULL), *c[2 * FRONT_FAILURES];
	atomic_fetch_add(&tables(p)->n_checks, FRONT_CHECKS_MAX - 1);
	/* One that would be checked, and one that would wait for the first; no turn passes before the last. */
	for (unsigned i = 0; i < ARRAY_LEN(c); i++) {
		c[i] = ask(p, login(i % 2 ? "alice:secret" : "bob:a:b"), NULL);
		assert_int_equal(c[i]->status, 503);
		assert_string_equal(c[i]->logged_why, "overloaded");
		assert_int_equal(under_way(p), FRONT_CHECKS_MAX);
	}
	atomic_fetch_sub(&tables(p)->n_checks, FRONT_CHECKS_MAX - 1);
	for (unsigned i = 0; i < ARRAY_LEN(c); i++)
		fake_conn_free(c[i]);
	assert_int_equal(outcome(p, first), 0);
	/* None of them was counted. */
	assert_int_equal(asked(p, "bob:a:b", NULL), 0);
}

/* The worker ends while passwords are checked, which takes some 50 ms each here. */
static void test_end(void **state)
{
	struct place *p = *state;
	struct fake_conn *c[8];
	scene_set_front(p->scene, "routes:\n- host: a.test\n  rules:\n"
				  "  - {basic: {users: [\"" SLOW "\"]}}\n");
	for (unsigned i = 0; i < ARRAY_LEN(c); i++) {
		char given[32];
		snprintf(given, sizeof(given), "alice:%u", i / 2);
		c[i] = ask(p, login(given), NULL);
		assert_int_equal(c[i]->ex.state, EXCHANGE_WAITING);
	}
	for (unsigned i = 0; i < ARRAY_LEN(c); i++)
		fake_conn_free(c[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_is_let_in, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remembered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_goes_upstream, setup, teardown),
		cmocka_unit_test_setup_teardown(test_walk_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(test_good_ones_count_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_together, setup, teardown),
		cmocka_unit_test_setup_teardown(test_visitor_leaves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reload, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
