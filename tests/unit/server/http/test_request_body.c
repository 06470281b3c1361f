/* SPDX-License-Identifier: MIT */
/* A request's body on its way to the upstream: whatever form it comes in, and however many pieces. */
#include "scene.h"

#include <errno.h>

#include "base/macros.h"
#include "server/http/exchange_events.h"
#include "server/http/request_body.h"

#define CHUNKED "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
#define LENGTH  "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n"

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

/* What stands behind the head in the bytes that the client got. */
static void assert_sent(struct fake_client *f, struct buf *sent, const char *body)
{
	assert_int_equal(buf_append(sent, buf_head(&f->got), buf_len(&f->got)), 0);
	const char *end = memmem(buf_head(sent), buf_len(sent), "\r\n\r\n", 4);
	assert_non_null(end);
	size_t n = (size_t)((const char *)buf_tail(sent) - end - 4);
	if (n != strlen(body) || memcmp(end + 4, body, n) != 0)
		fail_msg("\"%.*s\" instead of \"%s\"", (int)n, end + 4, body);
}

static void test_forms(void **state)
{
	static const struct {
		const char *head, *body, *sent, *behind;
	} rows[] = {
		{LENGTH, "hello", "hello", ""},
		{LENGTH, "helloGET /", "hello", "GET /"},
		{CHUNKED, "5\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", ""},
		{CHUNKED, "0005;a=b\r\nhello\r\n00\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", ""},
		{CHUNKED, "5\r\nhello\r\n0\r\nA: b\r\n\r\nGET /", "5\r\nhello\r\n0\r\nA: b\r\n\r\n",
			"GET /"},
	};
	struct fake_client *f = fake_client_new(*state, "a.test", NULL);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (int bytewise = 0; bytewise < 2; bytewise++) {
			struct fake_conn *c = fake_conn_new(*state);
			struct buf sent = BUF_NULL;
			fake_conn_ask(c, rows[i].head);
			fake_client_read(f);
			assert_int_equal(buf_append(&sent, buf_head(&f->got), buf_len(&f->got)), 0);
			buf_deinit(&f->got);
			for (const char *p = rows[i].body; bytewise && *p; p++) {
				fake_conn_send(c, (char[]){*p, '\0'});
				fake_client_read(f);
				assert_int_equal(buf_append(&sent, buf_head(&f->got),
							 buf_len(&f->got)),
					0);
				buf_deinit(&f->got);
			}
			if (!bytewise)
				fake_conn_send(c, rows[i].body);
			if (!bytewise)
				fake_client_read(f);
			assert_sent(f, &sent, rows[i].sent);
			assert_true(c->ex.body.done);
			assert_bytes(&c->in, rows[i].behind);
			/* From here on the response is waited for, and the visitor's end looked for. */
			assert_ptr_equal(((struct scene *)*state)->http.answer.entries.prev,
				&c->ex.timeout.link);
			assert_true(c->n_watches >= 2);
			assert_false(exchange_readable(&c->ex));
			buf_deinit(&sent);
			fake_conn_free(c);
		}
	}
	fake_client_free(f);
}

/* What is held for sending again is charged for, and can be let go. */
static void test_held(void **state)
{
	struct scene *s = *state;
	char body[5001];
	memset(body, 'x', sizeof(body) - 1);
	body[5000] = '\0';
	s->options.retry_body = 8000;
	struct fake_client *f = fake_client_new(s, "a.test", NULL);
	struct fake_conn *c = fake_conn_new(s);
	fake_conn_ask(c, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6000\r\n\r\n");
	assert_int_equal(exchange_memory(&c->ex), 0);
	assert_false(exchange_let_go(&c->ex));
	fake_conn_send(c, body);
	fake_client_read(f);
	assert_true(c->n_charges > 0);
	assert_true(exchange_memory(&c->ex) >= 5000);
	assert_true(c->ex.holding);
	unsigned charges = c->n_charges;
	assert_true(exchange_let_go(&c->ex));
	assert_int_equal(c->n_charges, charges + 1);
	assert_int_equal(exchange_memory(&c->ex), 0);
	assert_false(c->ex.holding);
	body[1000] = '\0';
	fake_conn_send(c, body);
	fake_client_read(f);
	assert_got(f, body);
	assert_true(c->ex.body.done);
	fake_conn_free(c);
	fake_client_free(f);
}

/* The rest of a body that nobody wants any more. */
static void test_skip(void **state)
{
	struct fake_conn *c = fake_conn_new(*state);
	fake_conn_begin(c, LENGTH "hel");
	assert_int_equal(request_body_skip(&c->ex), 3);
	assert_int_equal(request_body_skip(&c->ex), -EAGAIN);
	fake_conn_send(c, "loGET /");
	assert_int_equal(request_body_skip(&c->ex), 2);
	assert_true(c->ex.body.done);
	assert_bytes(&c->in, "GET /");
	fake_conn_free(c);
	c = fake_conn_new(*state);
	fake_conn_begin(c, CHUNKED "5\r\nhe");
	assert_true(request_body_skip(&c->ex) > 0);
	c->closed = true;
	assert_int_equal(request_body_skip(&c->ex), -ECONNRESET);
	c->closed = false;
	fake_conn_send(c, "llo\r\nzz");
	ssize_t n = request_body_skip(&c->ex);
	if (n > 0)
		n = request_body_skip(&c->ex);
	assert_int_equal(n, -EBADMSG);
	fake_conn_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_forms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_skip, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
