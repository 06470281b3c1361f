/* A service's path before a request's: put in, exchanged for another's on a retry, taken out. */
#include "server/visitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"

#define HOST "a.test"

static void begin(struct exchange *ex, const char *method, const char *target)
{
	char head[256];
	int n = snprintf(head, sizeof(head), HOST "%s %s HTTP/1.1\r\nHost: a\r\n\r\n", method,
		target);
	*ex = (struct exchange){
		.host_n = strlen(HOST),
		.head_n = (size_t)n - strlen(HOST),
		.method_n = strlen(method),
		.target_n = strlen(target),
		.asterisk = *target == '*',
	};
	assert_int_equal(buf_append(&ex->request, head, (size_t)n), 0);
	assert_int_equal(buf_append(&ex->request, "body", 4), 0);
}

static void assert_request(const struct exchange *ex, const char *want)
{
	assert_int_equal(buf_len(&ex->request), strlen(want));
	assert_memory_equal(buf_head(&ex->request), want, strlen(want));
	assert_memory_equal(buf_head(&ex->request) + ex->host_n + ex->head_n, "body", 4);
}

static void test_prefix(void **state)
{
	static const struct {
		const char *method, *target, *prefix, *line;
	} rows[] = {
		{"GET", "/", "", "GET / "},
		{"GET", "/", "/", "GET / "},
		{"GET", "/", "/api/", "GET /api/ "},
		{"PATCH", "/x/../y?z", "/api", "PATCH /api/x/../y?z "},
		{"OPTIONS", "*", "/api", "OPTIONS * "},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct exchange ex;
		char want[256], plain[256];
		begin(&ex, rows[i].method, rows[i].target);
		snprintf(plain, sizeof(plain), HOST "%s %s HTTP/1.1\r\nHost: a\r\n\r\nbody",
			rows[i].method, rows[i].target);
		snprintf(want, sizeof(want), HOST "%sHTTP/1.1\r\nHost: a\r\n\r\nbody",
			rows[i].line);
		assert_int_equal(exchange_set_prefix(&ex, "/first/other/one"), 0);
		assert_int_equal(exchange_set_prefix(&ex, rows[i].prefix), 0);
		assert_request(&ex, want);
		assert_int_equal(exchange_set_prefix(&ex, ""), 0);
		assert_request(&ex, plain);
		buf_deinit(&ex.request);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
