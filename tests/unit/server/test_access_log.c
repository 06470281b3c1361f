/* The line about a request, and the ids that lead to it. */
#include "server/base/access_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/macros.h"
#include "crypto/crypto.h"

/* Logs one request into a file and gives back what stands there. */
static void logged(enum log_format format, const struct access_entry *a, char *out, size_t size)
{
	char path[] = "/tmp/tunnel-access-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	struct log_options opts = {.level = LOG_INFO, .format = format, .access_file = path};
	struct error err;
	assert_int_equal(log_start(&opts, &err), 0);
	access_log(a);
	log_stop();
	ssize_t n = read(fd, out, size - 1);
	close(fd);
	unlink(path);
	assert_true(n > 0);
	out[n] = '\0';
}

static void test_line(void **state)
{
	struct access_entry a = {
		.visitor = STR("203.0.113.9"),
		.method = STR("GET"),
		.host = STR("shop.example"),
		.path = STR("/a b\n"),
		.status = 200,
		.bytes_in = 123,
		.bytes_out = UINT64_C(5000000000),
		.duration = 4711,
		.session = STR("0a1b"),
		.request_id = STR("f00d"),
	};
	char out[2048];
	logged(LOG_TEXT, &a, out, sizeof out);
	assert_string_equal(strstr(out, " access"),
		" access visitor=203.0.113.9 method=GET host=shop.example path=/a\\x20b\\x0a "
		"status=200 bytes_in=123 bytes_out=5000000000 duration_us=4711 session=0a1b "
		"request_id=f00d\n");
	a.session = a.host = STR_NULL;
	a.why = "no-route";
	logged(LOG_TEXT, &a, out, sizeof out);
	assert_non_null(strstr(out, " host=- "));
	assert_non_null(strstr(out, " session=- request_id=f00d why=no-route\n"));
	logged(LOG_JSON, &a, out, sizeof out);
	assert_non_null(strstr(out, "\"status\":200,\"bytes_in\":123,"));
	assert_non_null(strstr(out, "\"why\":\"no-route\"}\n"));
}

static void test_ids_differ(void **state)
{
	enum { N = 1000 }; /* more than one block of random bytes gives */
	static char ids[N][REQUEST_ID_SIZE];
	struct request_ids source;
	request_ids_init(&source);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(request_id_next(&source, ids[i]), REQUEST_ID_LEN);
		assert_int_equal(strspn(ids[i], "0123456789abcdef"), REQUEST_ID_LEN);
		assert_int_equal(strlen(ids[i]), REQUEST_ID_LEN);
		/* Not even a part of one says anything about another. */
		for (size_t j = 0; j < i; j++)
			for (size_t k = 0; k < REQUEST_ID_LEN; k += REQUEST_ID_LEN / 2)
				assert_memory_not_equal(ids[i] + k, ids[j] + k, REQUEST_ID_LEN / 2);
	}
	request_ids_deinit(&source);
}

static void test_given(void **state)
{
	char longest[REQUEST_ID_SIZE + 1], fields[512];
	memset(longest, 'x', sizeof longest);
	longest[REQUEST_ID_SIZE - 1] = '\0';
	static const struct {
		const char *fields, *want;
	} cases[] = {
		{"", ""},
		{"X-Request-Id: 6ba7b810-9dad\r\n", "6ba7b810-9dad"},
		{"x-request-id: visitors\r\nX-Request-ID: ours\r\nA: 1\r\n", "ours"},
		{"X-Request-Id: ours\r\nX_Request_Id: evil\r\n", "ours"},
		{"X-Request-Id: two words\r\n", ""},
		{"X-Request-Id: caf\xc3\xa9\r\n", ""},
		{"X-Request-Id:\r\n", ""},
	};
	struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
	for (size_t i = 0; i < ARRAY_LEN(cases) + 2; i++) {
		const char *want = "";
		size_t scanned = 0;
		if (i < ARRAY_LEN(cases)) {
			want = cases[i].want;
			snprintf(fields, sizeof fields, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n",
				cases[i].fields);
		} else {
			/* As long as there is room for, and one more. */
			bool fits = i == ARRAY_LEN(cases);
			want = fits ? longest : "";
			snprintf(fields, sizeof fields,
				"GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: %s%s\r\n\r\n", longest,
				fits ? "" : "x");
		}
		assert_int_equal(http1_parse_request(&h, (const uint8_t *)fields, strlen(fields),
					 HTTP1_REQUEST_MAX, &scanned),
			HTTP1_OK);
		struct str got = request_id_given(&h);
		assert_int_equal(got.n, strlen(want));
		assert_true(str_eq(got, str_from(want)));
	}
}

static int setup(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_ids_differ),
		cmocka_unit_test(test_given),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
