/* SPDX-License-Identifier: MIT */
/* What a head is made to be for one service: its path put in, Host rewritten, both taken back. */
#include "server/http/upstream_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/macros.h"
#include "server/base/worker.h"
#include "server/http/exchange.h"
#include "server/http/http_worker.h"

struct visitor {
	struct worker *worker;
	struct downstream downstream;
	struct exchange ex;
};

/* A visitor's connection as far as exchange_begin() looks at it. */
static struct visitor *visitor_new(void)
{
	static const struct server_options opts;
	struct visitor *c = calloc(1, sizeof(*c));
	assert_non_null(c);
	c->worker = calloc(1, sizeof(*c->worker));
	assert_non_null(c->worker);
	c->worker->http = calloc(1, sizeof(*c->worker->http));
	assert_non_null(c->worker->http);
	c->worker->loop = loop_new();
	c->worker->opts = &opts;
	c->worker->node = calloc(1, sizeof(*c->worker->node));
	assert_non_null(c->worker->node);
	request_ids_init(&c->worker->http->ids);
	assert_int_equal(http1_head_init(&c->worker->http->request, HTTP1_FIELDS_DEFAULT), 0);
	assert_true(address_parse(STR("192.0.2.1:5"), &c->downstream.peer));
	assert_true(address_parse(STR("192.0.2.9:80"), &c->downstream.local));
	address_format_ip(&c->downstream.peer, c->downstream.peer_text);
	c->ex.worker = c->worker;
	c->ex.downstream = &c->downstream;
	return c;
}

static void visitor_destroy(struct visitor *c)
{
	buf_deinit(&c->ex.request);
	request_ids_deinit(&c->worker->http->ids);
	http1_head_deinit(&c->worker->http->request);
	loop_free(c->worker->loop);
	free(c->worker->http);
	free(c->worker->node);
	free(c->worker);
	free(c);
}

static void begin(struct visitor *c, const char *text)
{
	struct http1_head *h = &c->worker->http->request;
	size_t scanned = 0;
	buf_deinit(&c->ex.request);
	c->ex = (struct exchange){.worker = c->worker, .downstream = &c->downstream};
	assert_int_equal(http1_parse_request(h, (const uint8_t *)text, strlen(text),
				 HTTP1_REQUEST_MAX, &scanned),
		HTTP1_OK);
	assert_int_equal(exchange_begin(&c->ex, h), 0);
	strcpy(c->ex.id, "held");
	assert_int_equal(buf_append(&c->ex.request, "body", 4), 0);
}

/* From its line to before X-Request-Id, which is random, and the bytes behind the head. */
static void assert_request(const struct exchange *ex, const char *want)
{
	const char *head = (const char *)buf_head(&ex->request) + ex->head_at;
	const char *id = memmem(head, ex->head_n, "X-Request-Id: ", 14);
	assert_non_null(id);
	if ((size_t)(id - head) != strlen(want) || memcmp(head, want, strlen(want)) != 0)
		fail_msg("%.*s\ninstead of\n%s", (int)(id - head), head, want);
	assert_memory_equal(head + ex->head_n - 4, "\r\n\r\n", 4);
	assert_int_equal(buf_len(&ex->request), ex->head_at + ex->head_n + 4);
	assert_memory_equal(head + ex->head_n, "body", 4);
}

#define CAME "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n"

static const struct {
	const char *in, *path, *rewrite, *out, *plain;
} rows[] = {
	{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", NULL,
		"GET / HTTP/1.1\r\nHost: a\r\n" CAME "X-Forwarded-Host: a\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n" CAME "X-Forwarded-Host: a\r\n"},
	{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "/", NULL,
		"GET / HTTP/1.1\r\nHost: a\r\n" CAME "X-Forwarded-Host: a\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n" CAME "X-Forwarded-Host: a\r\n"},
	{"PATCH /x/y?z HTTP/1.1\r\nA: 1\r\nhost:\t A.Test:80 \r\nB: 2\r\n\r\n", "/api/", NULL,
		"PATCH /api/x/y?z HTTP/1.1\r\nA: 1\r\nhost:\t A.Test:80 \r\nB: 2\r\n" CAME
		"X-Forwarded-Host: A.Test:80\r\n",
		"PATCH /x/y?z HTTP/1.1\r\nA: 1\r\nhost:\t A.Test:80 \r\nB: 2\r\n" CAME
		"X-Forwarded-Host: A.Test:80\r\n"},
	{"PATCH /x HTTP/1.1\r\nA: 1\r\nhost:\t A.Test:80 \r\nB: 2\r\n\r\n", "/api", "up.test:8080",
		"PATCH /api/x HTTP/1.1\r\nA: 1\r\nhost:\t up.test:8080 \r\nB: 2\r\n" CAME
		"X-Forwarded-Host: A.Test:80\r\n",
		"PATCH /x HTTP/1.1\r\nA: 1\r\nhost:\t A.Test:80 \r\nB: 2\r\n" CAME
		"X-Forwarded-Host: A.Test:80\r\n"},
	{"GET / HTTP/1.1\r\nHost: longer.example.com\r\n\r\n", "", "b",
		"GET / HTTP/1.1\r\nHost: b\r\n" CAME "X-Forwarded-Host: longer.example.com\r\n",
		"GET / HTTP/1.1\r\nHost: longer.example.com\r\n" CAME
		"X-Forwarded-Host: longer.example.com\r\n"},
	{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "/api", "b",
		"OPTIONS * HTTP/1.1\r\nHost: b\r\n" CAME "X-Forwarded-Host: a\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n" CAME "X-Forwarded-Host: a\r\n"},
	{"GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", "/p", "b",
		"GET /p/x HTTP/1.1\r\nHost: b\r\n" CAME "X-Forwarded-Host: a\r\n",
		"GET /x HTTP/1.1\r\nHost: a\r\n" CAME "X-Forwarded-Host: a\r\n"},
	{"GET http://a:81/x HTTP/1.0\r\n\r\n", "/p", "b",
		"GET /p/x HTTP/1.1\r\nHost: b\r\n" CAME "X-Forwarded-Host: a:81\r\n",
		"GET /x HTTP/1.1\r\nHost: a:81\r\n" CAME "X-Forwarded-Host: a:81\r\n"},
	{"GET / HTTP/1.0\r\n\r\n", "", "b", "GET / HTTP/1.1\r\nHost: b\r\n" CAME,
		"GET / HTTP/1.1\r\nHost: 192.0.2.9\r\n" CAME},
	{"GET / HTTP/1.1\r\nA: 1\r\nhost:  \r\nKeep-Alive: 1\r\nB: 2\r\n\r\n", "/p", "b",
		"GET /p/ HTTP/1.1\r\nA: 1\r\nHost: b\r\nB: 2\r\n" CAME,
		"GET / HTTP/1.1\r\nA: 1\r\nHost: 192.0.2.9\r\nB: 2\r\n" CAME},
	{"GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n", "", "b",
		"GET / HTTP/1.1\r\nHost: b\r\n" CAME "X-Forwarded-Host: a\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n" CAME "X-Forwarded-Host: a\r\n"},
	{"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "/p",
		"b:1",
		"GET /p/ws HTTP/1.1\r\nHost: b:1\r\nConnection: Upgrade\r\nUpgrade: "
		"websocket\r\n" CAME "X-Forwarded-Host: a\r\n",
		"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" CAME
		"X-Forwarded-Host: a\r\n"},
};

/* Of a client that says nothing of its upstream's scheme. */
static int set_service(struct exchange *ex, const char *path, const char *rewrite)
{
	struct service service = {
		.path = (char *)(uintptr_t)path,
		.rewrite = (char *)(uintptr_t)rewrite,
	};
	return upstream_head_set_service(ex, &service);
}

static bool leaves(struct exchange *ex, const char *path)
{
	struct service service = {.path = (char *)(uintptr_t)path};
	enum error_page_cause why;
	return upstream_head_leaves(ex, &service, &why);
}

/* To one service, to another, and to one that wants nothing: what came first leaves no trace. */
static void test_service(void **state)
{
	static const struct {
		const char *path, *rewrite;
	} first[] = {
		{"", NULL},
		{"/first/other/one", NULL},
		{"", "first.other.one.test:65535"},
		{"/f", "f"},
	};
	struct visitor *c = visitor_new();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t j = 0; j < ARRAY_LEN(first); j++) {
			struct exchange *ex = &c->ex;
			begin(c, rows[i].in);
			assert_request(ex, rows[i].plain);
			assert_int_equal(set_service(ex, first[j].path, first[j].rewrite), 0);
			assert_int_equal(set_service(ex, rows[i].path, rows[i].rewrite), 0);
			assert_request(ex, rows[i].out);
			assert_int_equal(set_service(ex, rows[i].path, rows[i].rewrite), 0);
			assert_request(ex, rows[i].out);
			assert_int_equal(set_service(ex, "", NULL), 0);
			assert_request(ex, rows[i].plain);
		}
	}
	visitor_destroy(c);
}

#define ASKED                                                           \
	"MOVE /x HTTP/1.1\r\nOrigin: http://a.test\r\nHost: a.test\r\n" \
	"Destination: http://a.test/y\r\n\r\n"
#define MADE(path, origin, host, destination)                           \
	"MOVE " path "/x HTTP/1.1\r\nOrigin: " origin "\r\nHost: " host \
	"\r\nDestination: " destination "\r\n" CAME "X-Forwarded-Host: a.test\r\n"

/* Whatever service it was made for before: what each has of Origin, Host and Destination. */
static void test_names(void **state)
{
	char none[] = "", path[] = "/p", in[] = "in:81", other[] = "other.long.test";
	const struct {
		const char *out;
		bool answers;
		struct service service; /* last: it may end in an array */
	} services[] = {
		{MADE("", "http://a.test", "a.test", "http://a.test/y"), false, {.path = none}},
		{MADE("", "http://a.test", "in:81", "http://a.test/y"), false,
			{.path = none, .rewrite = in}},
		{MADE("", "https://in:81", "in:81", "https://in:81/y"), true,
			{.path = none, .rewrite = in, .scheme = CONTROL_SCHEME_HTTPS}},
		{MADE("/p", "http://other.long.test", "other.long.test",
			 "http://other.long.test/p/y"),
			true, {.path = path, .rewrite = other, .scheme = CONTROL_SCHEME_HTTP}},
		{MADE("", "http://a.test", "in:81", "http://in:81/y"), false,
			{.path = none,
				.rewrite = in,
				.scheme = CONTROL_SCHEME_HTTP,
				.host_only = true}},
		{MADE("", "http://a.test", "a.test", "https://a.test/y"), false,
			{.path = none, .scheme = CONTROL_SCHEME_HTTPS}},
		{MADE("/p", "http://a.test", "a.test", "http://a.test/p/y"), false, {.path = path}},
	};
	struct visitor *c = visitor_new();
	struct exchange *ex = &c->ex;
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		for (size_t j = 0; j < ARRAY_LEN(services); j++) {
			enum error_page_cause why;
			struct rewrite rw;
			begin(c, ASKED);
			assert_int_equal(upstream_head_set_service(ex, &services[i].service), 0);
			assert_request(ex, services[i].out);
			assert_false(upstream_head_leaves(ex, &services[j].service, &why));
			assert_int_equal(upstream_head_set_service(ex, &services[j].service), 0);
			assert_request(ex, services[j].out);
			const struct rewrite *got =
				upstream_head_rewrite(ex, &services[j].service, &rw);
			assert_int_equal(got != NULL, services[j].answers);
		}
	}
	visitor_destroy(c);
}

/* A head may not grow without end by what somebody repeats. */
static void test_growth(void **state)
{
	static char path[1024], in[] = "in", text[32 << 10];
	memset(path, 'p', sizeof(path) - 1);
	path[0] = '/';
	struct service service = {.path = path, .rewrite = in, .scheme = CONTROL_SCHEME_HTTP};
	struct visitor *c = visitor_new();
	for (unsigned tags = 1; tags < 100; tags++) {
		int n = sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\nIf:");
		for (unsigned i = 0; i < tags; i++)
			n += sprintf(text + n, " </> (<a:b>)");
		sprintf(text + n, "\r\n\r\n");
		begin(c, text);
		int r = upstream_head_set_service(&c->ex, &service);
		assert_int_equal(r,
			tags * strlen(path) > REWRITE_GROWTH_MAX ? HTTP1_E_TOO_LARGE : 0);
	}
	visitor_destroy(c);
}

/* Only where there is a path to leave; whatever service the head was made for before. */
static void test_leaves(void **state)
{
	static const struct {
		const char *in;
		bool leaves;
	} targets[] = {{"GET /../x", true}, {"GET http://a/x/..", true}, {"GET /x?/../y", false},
		{"OPTIONS *", false}, {"GET /x/.y", false}};
	struct visitor *c = visitor_new();
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		char text[128];
		snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: a\r\n\r\n", targets[i].in);
		begin(c, text);
		assert_false(leaves(&c->ex, ""));
		assert_false(leaves(&c->ex, "/"));
		assert_int_equal(leaves(&c->ex, "/p"), targets[i].leaves);
		assert_int_equal(set_service(&c->ex, "/other/..", NULL), 0);
		assert_int_equal(leaves(&c->ex, "/p/"), targets[i].leaves);
	}
	visitor_destroy(c);
}

/* A resource is not moved out of the path either. */
static void test_destination_leaves(void **state)
{
	static const struct {
		const char *destination;
		bool leaves;
	} moves[] = {{"http://a.test/y", false}, {"/y", false}, {"http://b.test/y", true},
		{"http://a.test/../y", true}};
	struct visitor *c = visitor_new();
	char none[] = "", path[] = "/p";
	struct service fenced = {.path = path}, open = {.path = none};
	for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
		char text[256];
		enum error_page_cause why = ERROR_PAGE_LOOP;
		snprintf(text, sizeof(text),
			"COPY /x HTTP/1.1\r\nHost: a.test\r\nDestination: %s\r\n\r\n",
			moves[i].destination);
		begin(c, text);
		assert_false(upstream_head_leaves(&c->ex, &open, &why));
		assert_int_equal(upstream_head_leaves(&c->ex, &fenced, &why), moves[i].leaves);
		if (moves[i].leaves)
			assert_int_equal(why, ERROR_PAGE_DESTINATION);
	}
	visitor_destroy(c);
}

/* The log and the routes see what the visitor asked for. */
static void test_what_was_asked(void **state)
{
	struct visitor *c = visitor_new();
	begin(c, "GET http://A.Test/x?y HTTP/1.1\r\nHost: A.Test:80\r\n\r\n");
	assert_int_equal(set_service(&c->ex, "/api", "b.test"), 0);
	assert_true(str_eq(exchange_host(&c->ex), STR("a.test")));
	const struct exchange *ex = &c->ex;
	const char *target = (const char *)buf_head(&ex->request) + ex->head_at + ex->method_n + 1 +
			     ex->prefix_n;
	assert_true(str_eq((struct str){target, ex->target_n}, STR("/x?y")));
	visitor_destroy(c);
}

static void test_switches(void **state)
{
	static const struct {
		const char *answer;
		bool switches;
	} answers[] = {{"Upgrade: tcp", true}, {"upgrade: SPDY/3.1", true}, {"Upgrade: TCP", true},
		{"Upgrade: tcp, HTTP/1.1", true}, {"Upgrade: h2c", false},
		{"Upgrade: h2c, tcp", false}, {"Upgrade: websocket", false}, {"Upgrade: tc", false},
		{"Upgrade: tcp/1", false}, {"Upgrade:", false}, {"Upgrade: HTTP/1.1", false},
		{"X: tcp", false}};
	struct visitor *c = visitor_new();
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		char text[128];
		struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
		size_t scanned = 0;
		int n = snprintf(text, sizeof(text),
			"HTTP/1.1 101 S\r\nConnection: Upgrade\r\n%s\r\n\r\n", answers[i].answer);
		assert_int_equal(http1_parse_response(&h, (const uint8_t *)text, (size_t)n,
					 HTTP1_RESPONSE_MAX, HTTP1_GET, &scanned),
			HTTP1_OK);
		begin(c, "GET / HTTP/1.1\r\nHost: a\r\nX: Upgrade: websocket\r\n"
			 "Connection: Upgrade\r\nUpgrade: h2c, SPDY/3.1, tcp\r\n\r\n");
		assert_int_equal(set_service(&c->ex, "/path", "host.test"), 0);
		if (exchange_switches(&c->ex, &h) != answers[i].switches)
			fail_msg("%s", answers[i].answer);
		begin(c, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: tcp\r\n\r\n");
		assert_false(exchange_switches(&c->ex, &h));
	}
	visitor_destroy(c);
}

static void test_scheme(void **state)
{
	struct visitor *c = visitor_new();
	c->downstream.tls = (const struct tls *)c; /* only that there is some is looked at */
	begin(c, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: http\r\n\r\n");
	assert_true(c->ex.secure);
	assert_request(&c->ex, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n"
			       "X-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\n");
	visitor_destroy(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_service),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_destination_leaves),
		cmocka_unit_test(test_what_was_asked),
		cmocka_unit_test(test_switches),
		cmocka_unit_test(test_scheme),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
