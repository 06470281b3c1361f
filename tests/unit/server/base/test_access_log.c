/* SPDX-License-Identifier: MIT */
/* The line about a request. */
#include "server/base/access_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

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
		.connection = 42,
	};
	char out[2048];
	logged(LOG_TEXT, &a, out, sizeof out);
	assert_string_equal(strstr(out, " access"),
		" access visitor=203.0.113.9 method=GET host=shop.example path=/a\\x20b\\x0a "
		"status=200 bytes_in=123 bytes_out=5000000000 duration_us=4711 session=0a1b "
		"connection=42 request_id=f00d\n");
	a.session = a.host = STR_NULL;
	a.why = "no-route";
	logged(LOG_TEXT, &a, out, sizeof out);
	assert_non_null(strstr(out, " host=- "));
	assert_non_null(strstr(out, " session=- connection=42 request_id=f00d why=no-route\n"));
	logged(LOG_JSON, &a, out, sizeof out);
	assert_non_null(strstr(out, "\"status\":200,\"bytes_in\":123,"));
	assert_non_null(strstr(out, "\"why\":\"no-route\"}\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
