/* SPDX-License-Identifier: MIT */
/* The rows of the captured requests: what they show, and that no secret leaves by any of them. */
#include "tests/unit/client/inspector/captures.h"

#include <errno.h>

#include <jansson.h>
#define ZLIB_CONST /* its input is not written to */
#include <zlib.h>

#include "base/log.h"
#include "client/admin/body_decode.h"
#include "client/admin/client_admin.h"

struct scene {
	struct captures s;
	struct client_admin admin;
	struct publications publications;
	struct upstream_conns conns;
	struct upstream_replays replays;
	struct api_request rq;
	bool answered;
	char *text; /* the last answer, with a NUL */
	json_t *json;
};

static const struct api_operations *const tables[] = {&client_api_requests, &client_api_replay,
	&client_api_har, NULL};

static void answered(struct api_request *rq)
{
	struct scene *s = container_of(rq, struct scene, rq);
	s->answered = true;
}

static void forget_answer(struct scene *s)
{
	json_decref(s->json);
	free(s->text);
	api_request_deinit(&s->rq);
	s->json = NULL;
	s->text = NULL;
	s->rq = (struct api_request){0};
}

static unsigned ask(struct scene *s, enum api_method method, const char *target, const char *body)
{
	forget_answer(s);
	s->answered = false;
	s->rq = (struct api_request){.method = method,
		.target = strdup(target),
		.answered = answered};
	s->rq.actor = (struct api_actor){.name = "uid 0", .via = "admin socket", .may_all = true};
	s->rq.body = body ? strdup(body) : NULL;
	s->rq.body_size = body ? strlen(body) : 0;
	api_ask(&s->admin.api, &s->rq);
	assert_true(s->answered);
	s->text = calloc(1, s->rq.answer_size + 1);
	assert_non_null(s->text);
	if (s->rq.answer_size)
		memcpy(s->text, s->rq.answer, s->rq.answer_size);
	s->json = json_loads(s->text, 0, NULL);
	return s->rq.status;
}

static void scene_open(struct scene *s, struct inspector_options o)
{
	*s = (struct scene){0};
	captures_begin(&s->s, o);
	api_init(&s->admin.api, tables, s->s.loop, "client");
	upstream_replays_init(&s->replays, &s->conns);
	s->conns = (struct upstream_conns){.loop = s->s.loop,
		.inspector = &s->s.in,
		.publications = &s->publications};
	s->admin.requests = (struct requests_api){&s->s.in, &s->replays, &s->publications};
}

static void scene_close(struct scene *s)
{
	forget_answer(s);
	api_close(&s->admin.api);
	captures_end(&s->s);
}

static const char *newest_path(struct scene *s, const char *behind)
{
	static char path[128];
	snprintf(path, sizeof(path), "/api/v1/requests/%llu%s",
		(unsigned long long)newest(&s->s, 0)->id, behind);
	return path;
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void test_list(void **state)
{
	static const struct {
		const char *query;
		size_t n;
	} rows[] = {
		{"", 6},
		{"?status=404", 2},
		{"?status=4xx", 2},
		{"?status=2xx", 4},
		{"?method=post", 1},
		{"?host=B.test", 1},
		{"?q=%2F3", 1},
		{"?q=a.test", 5},
		{"?status=404&method=GET&host=a.test", 1},
		{"?limit=2", 2},
	};
	struct scene s;
	scene_open(&s, (struct inspector_options){0});
	for (unsigned i = 0; i < 6; i++) {
		char text[128];
		snprintf(text, sizeof(text), "%s /%u HTTP/1.1\r\nHost: %c.test\r\n%s\r\n",
			i == 1 ? "POST" : "GET", i, i == 4 ? 'b' : 'a',
			i == 1 ? "Content-Length: 0\r\n" : "");
		exchange(&s.s, text,
			i >= 4 ? "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" : OK);
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char target[128];
		snprintf(target, sizeof(target), "/api/v1/requests%s", rows[i].query);
		assert_int_equal(ask(&s, API_GET, target, NULL), 200);
		assert_int_equal(json_array_size(json_object_get(s.json, "items")), rows[i].n);
	}
	/* Pages, the newest first. */
	const char *next = json_string_value(json_object_get(s.json, "next"));
	assert_non_null(next);
	char target[128];
	snprintf(target, sizeof(target), "/api/v1/requests?before=%s", next);
	assert_int_equal(ask(&s, API_GET, target, NULL), 200);
	json_t *items = json_object_get(s.json, "items");
	assert_int_equal(json_array_size(items), 4);
	assert_string_equal(json_string_value(json_object_get(json_array_get(items, 0), "path")),
		"/3");
	assert_true(json_is_null(json_object_get(s.json, "next")));
	snprintf(target, sizeof(target), "/api/v1/requests?after=%llu",
		(unsigned long long)newest(&s.s, 2)->id);
	assert_int_equal(ask(&s, API_GET, target, NULL), 200);
	assert_int_equal(json_array_size(json_object_get(s.json, "items")), 2);
	assert_int_equal(ask(&s, API_GET, "/api/v1/requests?status=6xx", NULL), 400);
	assert_int_equal(ask(&s, API_GET, "/api/v1/requests?x=1", NULL), 400);
	assert_int_equal(ask(&s, API_DELETE, "/api/v1/requests", NULL), 200);
	assert_int_equal(ask(&s, API_GET, "/api/v1/requests", NULL), 200);
	assert_int_equal(json_array_size(json_object_get(s.json, "items")), 0);
	scene_close(&s);
}

/* Every field and parameter that is a secret, in a request, in an answer and in what is no HTTP. */
#define SECRET "sEcReT-0123456789"
static const char secrets[] =
	"POST /in?token=" SECRET "&access_token=" SECRET "&id_token=" SECRET "&code=" SECRET
	"&key=" SECRET "&api_key=" SECRET "&password=" SECRET "&secret=" SECRET "&signature=" SECRET
	" HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer " SECRET
	"\r\nProxy-Authorization: " SECRET "\r\nCookie: a=" SECRET "; b=" SECRET
	"\r\nX-Api-Key: " SECRET "\r\nX-Auth-Token: " SECRET "\r\nX-CSRF-Token: " SECRET
	"\r\nReferer: http://a.test/?token=" SECRET "\r\nContent-Length: 2\r\n\r\nhi";
static const char secret_answer[] =
	"HTTP/1.1 302 Found\r\nSet-Cookie: id=" SECRET "; Path=/\r\nLocation: /cb?code=" SECRET
	"#access_token=" SECRET "\r\nContent-Length: 2\r\n\r\nok";

static void assert_hidden(struct scene *s, bool hidden)
{
	const char *at = strstr(s->text, "sEcReT");
	if (hidden && at)
		fail_msg("%s shows a secret: …%.60s", s->rq.target, at);
	assert_int_equal(at == NULL, hidden);
}

static void test_no_secret_leaves(void **state)
{
	static const char *const of_one[] = {"", "/curl", "/request.body", "/response.body"};
	struct scene s;
	char path[160];
	scene_open(&s, (struct inspector_options){0});
	exchange(&s.s, secrets, secret_answer);
	for (size_t i = 0; i < ARRAY_LEN(of_one); i++) {
		assert_int_equal(ask(&s, API_GET, newest_path(&s, of_one[i]), NULL), 200);
		assert_hidden(&s, true);
	}
	assert_int_equal(ask(&s, API_GET, "/api/v1/requests", NULL), 200);
	assert_hidden(&s, true);
	/* A filter finds no secret, either. */
	assert_int_equal(ask(&s, API_GET, "/api/v1/requests?q=sEcReT-0", NULL), 200);
	assert_int_equal(json_array_size(json_object_get(s.json, "items")), 0);
	assert_int_equal(ask(&s, API_GET, "/api/v1/requests.har", NULL), 200);
	assert_hidden(&s, true);
	assert_int_equal(ask(&s, API_POST, newest_path(&s, "/pin"), "{\"pinned\":true}"), 200);
	assert_hidden(&s, true);
	/* Whoever asks for them gets them. */
	snprintf(path, sizeof(path), "%s", newest_path(&s, "?reveal=1"));
	assert_int_equal(ask(&s, API_GET, path, NULL), 200);
	assert_hidden(&s, false);
	snprintf(path, sizeof(path), "%s", newest_path(&s, "/curl?reveal=1"));
	assert_int_equal(ask(&s, API_GET, path, NULL), 200);
	assert_hidden(&s, false);
	assert_int_equal(ask(&s, API_GET, "/api/v1/requests.har?reveal=1", NULL), 200);
	assert_hidden(&s, false);
	assert_int_equal(ask(&s, API_GET, "/api/v1/requests.har?reveal=yes", NULL), 400);
	scene_close(&s);
}

static void test_raw_is_hidden(void **state)
{
	struct scene s;
	scene_open(&s, (struct inspector_options){0});
	exchange(&s.s, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"HTTP/1.1 200 OK\r\nSet-Cookie : " SECRET "\r\n\r\n");
	assert_int_equal(ask(&s, API_GET, newest_path(&s, ""), NULL), 200);
	assert_hidden(&s, true);
	assert_string_equal(json_string_value(json_object_get(s.json, "state")), "raw");
	assert_int_equal(ask(&s, API_GET, newest_path(&s, "/response.body"), NULL), 403);
	assert_hidden(&s, true);
	assert_int_equal(ask(&s, API_GET, "/api/v1/requests.har", NULL), 200);
	assert_hidden(&s, true);
	assert_int_equal(ask(&s, API_GET, newest_path(&s, "/response.body?reveal=1"), NULL), 200);
	assert_int_equal(ask(&s, API_GET, newest_path(&s, "/response.body?reveal=true"), NULL),
		200);
	assert_hidden(&s, false);
	assert_int_equal(ask(&s, API_GET, newest_path(&s, "/response.body?decode=yes"), NULL), 400);
	assert_int_equal(ask(&s, API_POST, newest_path(&s, "/replay"), "{}"), 409);
	scene_close(&s);
}

static void test_entry(void **state)
{
	struct scene s;
	scene_open(&s, (struct inspector_options){.body_max = 4});
	exchange(&s.s,
		"POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Type: text/plain\r\nX-L: \xe9\r\n"
		"Content-Length: 6\r\n\r\nabcdef",
		OK);
	assert_int_equal(ask(&s, API_GET, newest_path(&s, ""), NULL), 200);
	json_t *request = json_object_get(s.json, "request");
	json_t *body = json_object_get(request, "body");
	assert_string_equal(json_string_value(json_object_get(request, "line")),
		"POST /x HTTP/1.1");
	assert_int_equal(json_integer_value(json_object_get(body, "bytes")), 6);
	assert_int_equal(json_integer_value(json_object_get(body, "kept")), 4);
	json_t *field = json_array_get(json_object_get(request, "fields"), 2);
	assert_string_equal(json_string_value(json_array_get(field, 0)), "X-L");
	assert_string_equal(json_string_value(json_array_get(field, 1)), "é");
	assert_non_null(
		strstr(json_string_value(json_object_get(s.json, "not_replayable")), "body"));
	/* What was cut is not sent as if it were whole; with another body it may be. */
	assert_int_equal(ask(&s, API_POST, newest_path(&s, "/replay"), "{}"), 409);
	assert_non_null(strstr(s.text, "--inspect-body"));
	assert_int_equal(ask(&s, API_POST, newest_path(&s, "/replay"), "{\"body\":\"other\"}"),
		409);
	assert_non_null(strstr(s.text, "not published"));
	assert_int_equal(ask(&s, API_GET, "/api/v1/requests/1", NULL), 404);
	assert_int_equal(ask(&s, API_GET, "/api/v1/requests/x", NULL), 404);
	scene_close(&s);
}

static void test_replay_refusals(void **state)
{
	static const struct {
		const char *body;
		unsigned status;
	} rows[] = {
		{"{\"method\":\"G T\"}", 400}, {"{\"fields\":[{\"name\":\"Host\"}]}", 400},
		{"{\"fields\":[{\"name\":\"Host\",\"value\":\"a\",\"x\":\"y\"}]}", 400},
		{"{\"fields\":[{\"name\":\"X\",\"value\":\"a\\r\\nY: b\"}]}", 400},
		{"{\"body\":\"a\",\"body_base64\":\"YQ==\"}", 400},
		{"{\"body_base64\":\"?\"}", 400}, {"{\"bodies\":\"a\"}", 400},
		{"{\"body_base64\":\"AAH/\"}", 409}, /* all is well but that nothing is published */
	};
	struct scene s;
	scene_open(&s, (struct inspector_options){0});
	exchange(&s.s, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", OK);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(ask(&s, API_POST, newest_path(&s, "/replay"), rows[i].body),
			rows[i].status);
	scene_close(&s);
}

static void test_none(void **state)
{
	struct scene s;
	scene_open(&s, (struct inspector_options){0});
	s.admin.requests.inspector = NULL;
	assert_int_equal(ask(&s, API_GET, "/api/v1/requests", NULL), 404);
	assert_non_null(strstr(s.text, "--inspect"));
	assert_int_equal(ask(&s, API_DELETE, "/api/v1/requests", NULL), 404);
	assert_int_equal(ask(&s, API_GET, "/api/v1/requests.har", NULL), 404);
	scene_close(&s);
}

static void test_decode(void **state)
{
	static const char plain[] = "hello hello hello hello";
	uint8_t coded[256];
	for (size_t gzip = 0; gzip < 2; gzip++) {
		z_stream z = {0};
		struct error err;
		assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, gzip ? 31 : 15, 8, 0), Z_OK);
		z.next_in = (const uint8_t *)plain;
		z.avail_in = sizeof(plain);
		z.next_out = coded;
		z.avail_out = sizeof(coded);
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		size_t n = sizeof(coded) - z.avail_out;
		deflateEnd(&z);
		struct str coding = gzip ? STR("GZip") : STR("deflate");
		/* Also as far as it was kept. */
		for (size_t kept = n; kept > n - 6; kept--) {
			struct buf out = BUF_NULL;
			assert_int_equal(body_decode(coding, coded, kept, &out, &err), 0);
			assert_true(buf_len(&out) <= sizeof(plain));
			assert_memory_equal(buf_head(&out), plain, buf_len(&out));
			buf_deinit(&out);
		}
		struct buf out = BUF_NULL;
		assert_int_equal(body_decode(coding, (const uint8_t *)plain, sizeof(plain), &out,
					 &err),
			-EINVAL);
		assert_int_equal(body_decode(STR("br"), coded, n, &out, &err), -EINVAL);
		buf_deinit(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_no_secret_leaves),
		cmocka_unit_test(test_raw_is_hidden),
		cmocka_unit_test(test_entry),
		cmocka_unit_test(test_replay_refusals),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_decode),
	};
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
