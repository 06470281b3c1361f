/* SPDX-License-Identifier: MIT */
/* The head parser's limits, and the fields and names that it tells apart. */
#include "http1_parse.h"

static void test_limits(void **state)
{
	static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	struct str in = {head, sizeof head - 1};
	struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
	uint8_t *copy;
	size_t scanned = 0;
	assert_int_equal(parse(&h, false, 0, in, in.n, &scanned, &copy), HTTP1_OK);
	free(copy);
	scanned = 0;
	assert_int_equal(parse(&h, false, 0, in, in.n - 1, &scanned, &copy), HTTP1_E_TOO_LARGE);
	free(copy);
	scanned = 0;
	in.n -= 2;
	assert_int_equal(parse(&h, false, 0, in, in.n, &scanned, &copy), HTTP1_E_TOO_LARGE);
	free(copy);

	for (size_t n = HTTP1_FIELDS_DEFAULT; n <= HTTP1_FIELDS_DEFAULT + 1; n++) {
		char many[4096] = "GET / HTTP/1.1\r\nHost: a\r\n";
		for (size_t i = 1; i < n; i++)
			strcat(many, "Xy: z\r\n");
		strcat(many, "\r\n");
		scanned = 0;
		int r = parse(&h, false, 0, str_from(many), HTTP1_REQUEST_MAX, &scanned, &copy);
		assert_int_equal(r, n > HTTP1_FIELDS_DEFAULT ? HTTP1_E_FIELDS : HTTP1_OK);
		assert_true(r || h.n_fields == n);
		free(copy);
	}
	for (size_t n = HTTP1_CONNECTION_MAX; n <= HTTP1_CONNECTION_MAX + 1; n++) {
		char many[4096] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: a";
		for (size_t i = 1; i < n; i++)
			strcat(many, ",a");
		strcat(many, "\r\n\r\n");
		scanned = 0;
		assert_int_equal(parse(&h, false, 0, str_from(many), HTTP1_REQUEST_MAX, &scanned,
					 &copy),
			n > HTTP1_CONNECTION_MAX ? HTTP1_E_CONNECTION : HTTP1_OK);
		free(copy);
	}
	assert_int_equal(http1_error_status(HTTP1_E_FIELDS), 431);
	assert_int_equal(http1_error_status(HTTP1_E_TOO_LARGE), 431);
}

static void test_fields(void **state)
{
	struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
	size_t scanned = 0;
	uint8_t *copy;
	int r = parse(&h, false, 0,
		str_from("GET / HTTP/1.1\r\n"
			 "Host: a\r\n"
			 "Connection: keep-alive, x-One\r\n"
			 "X-One:  1\t\r\n"
			 "x-two: 2\r\n"
			 "Connection: X-Two , close\r\n"
			 "TE: trailers\r\n"
			 "Proxy-Authorization: Basic x\r\n"
			 "X_Forwarded_For: 1.2.3.4\r\n"
			 "Accept: a/b , text/html\r\n"
			 "Accept: c/d\r\n"
			 "\r\n"),
		HTTP1_REQUEST_MAX, &scanned, &copy);
	assert_int_equal(r, HTTP1_OK);
	static const struct {
		const char *line;
		enum http1_id id;
		bool hop;
	} want[] = {
		{"Host: a\r\n", HTTP1_HOST, false},
		{"Connection: keep-alive, x-One\r\n", HTTP1_CONNECTION, true},
		{"X-One:  1\t\r\n", HTTP1_OTHER, true},
		{"x-two: 2\r\n", HTTP1_OTHER, true},
		{"Connection: X-Two , close\r\n", HTTP1_CONNECTION, true},
		{"TE: trailers\r\n", HTTP1_TE, true},
		{"Proxy-Authorization: Basic x\r\n", HTTP1_PROXY_AUTHORIZATION, true},
		{"X_Forwarded_For: 1.2.3.4\r\n", HTTP1_X_FORWARDED_FOR, false},
		{"Accept: a/b , text/html\r\n", HTTP1_ACCEPT, false},
		{"Accept: c/d\r\n", HTTP1_ACCEPT, false},
	};
	assert_int_equal(h.n_fields, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_str(http1_line(&h, i), want[i].line);
		assert_int_equal(h.fields[i].id, want[i].id);
		assert_int_equal(h.fields[i].hop, want[i].hop);
	}
	assert_str(h.fields[2].value, "1");
	assert_ptr_equal(http1_find(&h, HTTP1_ACCEPT), &h.fields[8]);
	assert_null(http1_find(&h, HTTP1_VIA));
	assert_null(http1_find(&h, HTTP1_OTHER));
	assert_true(http1_lists(&h, HTTP1_ACCEPT, STR("Text/HTML")));
	assert_true(http1_lists(&h, HTTP1_ACCEPT, STR("c/d")));
	assert_false(http1_lists(&h, HTTP1_ACCEPT, STR("1")));
	assert_false(http1_lists(&h, HTTP1_TE, STR("c/d")));
	assert_false(http1_lists(&h, HTTP1_ACCEPT, STR("a")));
	assert_false(h.keep_alive);
	free(copy);

	/* RFC 9110, 10.1.1: an expectation in 1.0 is ignored and must not reach a 1.1 upstream. */
	scanned = 0;
	r = parse(&h, false, 0, str_from("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"), 4096,
		&scanned, &copy);
	assert_int_equal(r, HTTP1_OK);
	assert_false(h.expect_continue);
	assert_true(h.fields[0].hop);
	free(copy);
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		enum http1_id id;
	} names[] = {
#define ROW(id, name, first, flags) {name, HTTP1_##id},
		HTTP1_FIELDS(ROW)
#undef ROW
			{"HOST", HTTP1_HOST},
		{"hOsT", HTTP1_HOST},
		{"TRANSFER-encoding", HTTP1_TRANSFER_ENCODING},
		{"Transfer_Encoding", HTTP1_OTHER},
		{"Content_Length", HTTP1_OTHER},
		{"Hos", HTTP1_OTHER},
		{"Hosts", HTTP1_OTHER},
		{"Hast", HTTP1_OTHER},
		{"", HTTP1_OTHER},
		{"X_Real-IP", HTTP1_X_REAL_IP},
		{"x_request_id", HTTP1_X_REQUEST_ID},
		{"X-Forwarded-Port", HTTP1_X_FORWARDED_OTHER},
		{"x_forwarded_client_cert", HTTP1_X_FORWARDED_OTHER},
		{"X-Forwarded-", HTTP1_OTHER},
		{"X-Forwarded", HTTP1_OTHER},
		{"Xx-Forwarded-For", HTTP1_OTHER},
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (http1_field_id(str_from(names[i].name)) != names[i].id)
			fail_msg("%s", names[i].name);
	assert_true(HTTP1_N_IDS <= 64);
	assert_true(http1_is_forwarding(HTTP1_X_FORWARDED_OTHER));
	assert_true(http1_is_forwarding(HTTP1_FORWARDED));
	assert_false(http1_is_forwarding(HTTP1_HOST));
	assert_false(http1_is_forwarding(HTTP1_OTHER));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
