/* SPDX-License-Identifier: MIT */
/* A request as it is sent again. */
#include "captures.h"

#include <errno.h>

#include "client/inspector/replay_text.h"

#define POST                                                                               \
	"POST /p?token=t1&a=b HTTP/1.1\r\nHost: app.test\r\nX-Request-Id: old\r\n"         \
	"Authorization: Bearer abcdefghijklmnop9f2c\r\nX-Api-Key: k1\r\nX-Api-Key: k2\r\n" \
	"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
#define OK "HTTP/1.1 204 No Content\r\n\r\n"

struct replay {
	struct captures s;
	struct capture_view v;
	struct buf out;
	struct error err;
	int result;
	char head[2048];
	const char *body;
};

static void replay(struct replay *r, bool forget, const char *request,
	const struct replay_edit *edit)
{
	*r = (struct replay){0};
	captures_begin(&r->s, (struct inspector_options){.forget = forget});
	exchange(&r->s, request, OK);
	assert_int_equal(capture_view_init(&r->v, &r->s.in, newest(&r->s, 0), true), 0);
	r->result = replay_text(&r->v, edit, &r->out, &r->err);
	if (r->result)
		return;
	const char *text = text_of(&r->out), *end = strstr(text, "\r\n\r\n");
	assert_non_null(end);
	snprintf(r->head, sizeof(r->head), "%.*s", (int)(end - text) + 2, text);
	r->body = end + 4;
}

static void done(struct replay *r)
{
	buf_deinit(&r->out);
	capture_view_deinit(&r->v);
	captures_end(&r->s);
}

static void test_as_it_was(void **state)
{
	struct replay r;
	replay(&r, false, POST, &(struct replay_edit){0});
	assert_int_equal(r.result, 0);
	const char *begins = "POST /p?token=t1&a=b HTTP/1.1\r\nHost: app.test\r\n"
			     "Authorization: Bearer abcdefghijklmnop9f2c\r\n"
			     "X-Api-Key: k1\r\nX-Api-Key: k2\r\nX-Request-Id: ";
	assert_memory_equal(r.head, begins, strlen(begins));
	assert_non_null(strstr(r.head,
		"\r\nX-Tunnel-Replay: 1\r\nContent-Length: 5\r\nConnection: close\r\n"));
	assert_null(strstr(r.head, "chunked"));
	assert_null(strstr(r.head, "old"));
	assert_string_equal(r.body, "hello");
	done(&r);
}

/* What still hides a secret stands for it; everything else is taken as it is. */
static void test_edited(void **state)
{
	const struct replay_field fields[] = {
		{STR("host"), STR("other.test")},
		{STR("Authorization"), STR(SECRET_MASK " (27 characters, ends 9f2c)")},
		{STR("X-Api-Key"), STR("new")},
		{STR("x-api-key"), STR(SECRET_MASK " (2 characters)")},
		{STR("X-More"), STR(SECRET_MASK)},
		{STR("Content-Length"), STR("77")},
	};
	const struct replay_edit edit = {.method = STR("PUT"),
		.target = STR("/q?token=****&code=****&a=c"),
		.fields = fields,
		.n_fields = ARRAY_LEN(fields),
		.body = STR("other")};
	struct replay r;
	replay(&r, false, POST, &edit);
	assert_int_equal(r.result, 0);
	const char *begins =
		"PUT /q?token=t1&code=****&a=c HTTP/1.1\r\nhost: other.test\r\n"
		"Authorization: Bearer abcdefghijklmnop9f2c\r\n"
		"X-Api-Key: new\r\nx-api-key: k2\r\nX-More: " SECRET_MASK "\r\nX-Request-Id: ";
	assert_memory_equal(r.head, begins, strlen(begins));
	assert_non_null(strstr(r.head, "\r\nContent-Length: 5\r\n"));
	assert_string_equal(r.body, "other");
	done(&r);
}

static void test_no_body(void **state)
{
	struct replay r;
	replay(&r, false, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", &(struct replay_edit){0});
	assert_null(strstr(r.head, "Content-Length"));
	assert_string_equal(r.body, "");
	done(&r);
	replay(&r, false, POST, &(struct replay_edit){.body = STR("")});
	assert_non_null(strstr(r.head, "\r\nContent-Length: 0\r\n"));
	done(&r);
}

static void test_forgotten(void **state)
{
	struct replay r;
	replay(&r, true, POST, &(struct replay_edit){0});
	assert_int_equal(r.result, 0);
	assert_null(strstr(r.head, "Authorization"));
	assert_null(strstr(r.head, "X-Api-Key"));
	const char *begins = "POST /p?token=&a=b HTTP/1.1\r\nHost: app.test\r\nX-Request-Id: ";
	assert_memory_equal(r.head, begins, strlen(begins));
	done(&r);
}

static void test_refused(void **state)
{
	static const struct replay_field folded[] = {{STR("Host"), STR("a")},
		{STR("X"), STR("a\r\nY: b")}};
	static const struct replay_field nameless[] = {{STR("Host"), STR("a")},
		{STR("X Y"), STR("b")}};
	static const struct replay_field hostless[] = {{STR("X"), STR("b")}};
	static const struct replay_edit edits[] = {
		{.method = STR("GET / HTTP/1.1\r\nX:")},
		{.method = STR("G T")},
		{.method = STR("CONNECT")},
		{.method = STR("")},
		{.target = STR("")},
		{.target = STR("/a b")},
		{.target = STR("//\xff")},
		{.fields = folded, .n_fields = 2},
		{.fields = nameless, .n_fields = 2},
		{.fields = hostless, .n_fields = 1},
	};
	for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
		struct replay r;
		replay(&r, false, POST, &edits[i]);
		assert_int_equal(r.result, -EINVAL);
		assert_true(strlen(r.err.text) > 20);
		done(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_it_was),
		cmocka_unit_test(test_edited),
		cmocka_unit_test(test_no_body),
		cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
