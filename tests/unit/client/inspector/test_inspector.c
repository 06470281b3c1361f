/* SPDX-License-Identifier: MIT */
/* What is kept, and what gives way. */
#include "captures.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void get(struct captures *s, unsigned n)
{
	char request[128];
	snprintf(request, sizeof(request), "GET /%u HTTP/1.1\r\nHost: a.test\r\n\r\n", n);
	exchange(s, request, OK);
}

static void test_oldest_give_way(void **state)
{
	struct captures s;
	captures_begin(&s, (struct inspector_options){0});
	const size_t holds = CAPTURES_SIZE / CAPTURE_BLOCK / 3;
	uint64_t first = s.in.newest + 1;
	for (unsigned i = 0; i < 3 * holds; i++)
		get(&s, i);
	assert_int_equal(s.in.n, holds);
	assert_int_equal(s.in.captured, 3 * holds);
	assert_int_equal(s.in.skipped, 0);
	assert_null(inspector_find(&s.in, first));
	assert_null(inspector_find(&s.in, first + 2 * holds - 1));
	struct capture *oldest = inspector_find(&s.in, first + 2 * holds);
	assert_non_null(oldest);
	assert_ptr_equal(oldest, list_first(&s.in.all, struct capture, all));
	inspector_clear(&s.in);
	assert_int_equal(s.in.n, 0);
	assert_int_equal(s.in.pool.used, 0);
	captures_end(&s);
}

static void test_pinned(void **state)
{
	struct captures s;
	captures_begin(&s, (struct inspector_options){.size = 256 * 1024});
	struct capture *kept[INSPECTOR_PINNED_MAX];
	for (unsigned i = 0; i < INSPECTOR_PINNED_MAX; i++) {
		get(&s, i);
		kept[i] = newest(&s, 0);
		assert_true(inspector_pin(&s.in, kept[i], true));
	}
	get(&s, 99);
	assert_false(inspector_pin(&s.in, newest(&s, 0), true));
	for (unsigned i = 0; i < 500; i++)
		get(&s, 100 + i);
	for (unsigned i = 0; i < INSPECTOR_PINNED_MAX; i++)
		assert_ptr_equal(inspector_find(&s.in, kept[i]->id), kept[i]);
	inspector_clear(&s.in);
	assert_int_equal(s.in.n, INSPECTOR_PINNED_MAX);
	assert_true(inspector_pin(&s.in, kept[0], false));
	assert_true(inspector_pin(&s.in, kept[1], true));
	inspector_clear(&s.in);
	assert_int_equal(s.in.n, INSPECTOR_PINNED_MAX - 1);
	captures_end(&s);
}

/* What is under way is not pushed out, not by others and not by itself: it keeps what it has. */
static void test_under_way(void **state)
{
	struct captures s;
	captures_begin(&s, (struct inspector_options){.body_max = 1 << 20});
	get(&s, 1);
	struct inspector_tap *t = tap_begin(&s);
	tap_asks(t, "GET /big HTTP/1.1\r\nHost: a.test\r\n\r\n", SIZE_MAX);
	struct capture *big = newest(&s, 0);
	tap_answers(t, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n", SIZE_MAX);
	static char bytes[1001];
	memset(bytes, 'x', 1000);
	for (size_t i = 0; i < 200; i++)
		tap_answers(t, bytes, SIZE_MAX);
	assert_int_equal(big->state, CAPTURE_DONE);
	assert_int_equal(big->answer.body, 200000);
	assert_true(big->answer.full);
	assert_in_range(capture_kept(&big->answer), CAPTURES_SIZE / 2, CAPTURES_SIZE);
	assert_int_equal(s.in.n, 2); /* what cannot be enough does not give way */
	inspector_tap_free(t);
	get(&s, 2);
	assert_string_equal(newest(&s, 0)->target, "/2");
	captures_end(&s);
}

/* However many uploads do not end, what comes meanwhile is seen, and what is over stays for a while. */
static void test_uploads_that_do_not_end(void **state)
{
	struct captures s;
	captures_begin(&s, (struct inspector_options){.body_max = 1 << 20});
	get(&s, 1);
	struct inspector_tap *taps[3];
	static char bytes[CAPTURES_SIZE];
	memset(bytes, 'x', sizeof(bytes) - 1);
	for (size_t i = 0; i < ARRAY_LEN(taps); i++) {
		taps[i] = tap_begin(&s);
		tap_asks(taps[i],
			"POST /up HTTP/1.1\r\nHost: a.test\r\nContent-Length: 999999\r\n\r\n",
			SIZE_MAX);
		tap_asks(taps[i], bytes, 1000);
		assert_true(newest(&s, 0)->request.head > 0);
	}
	for (unsigned i = 2; i < 100; i++) {
		char target[16];
		get(&s, i);
		snprintf(target, sizeof(target), "/%u", i);
		assert_string_equal(newest(&s, 0)->target, target);
		assert_true(newest(&s, 0)->answer.head > 0);
	}
	assert_int_equal(s.in.skipped, 0);
	for (size_t i = 0; i < ARRAY_LEN(taps); i++)
		inspector_tap_free(taps[i]);
	assert_true(s.in.pool.used <= s.in.pool.n);
	captures_end(&s);
}

static void test_no_room(void **state)
{
	struct captures s;
	captures_begin(&s, (struct inspector_options){0});
	enum { MANY = CAPTURES_SIZE / CAPTURE_BLOCK };
	struct inspector_tap *taps[MANY];
	for (size_t i = 0; i < MANY; i++) {
		taps[i] = tap_begin(&s);
		tap_asks(taps[i], "GET /wait HTTP/1.1\r\nHost: a.test\r\n\r\n", SIZE_MAX);
	}
	/* With their heads, up to their share, then without. */
	const size_t last = MANY / 8, seen = (MANY - last) / 2 + last;
	assert_int_equal(s.in.n, seen);
	assert_int_equal(s.in.skipped, MANY - seen);
	assert_int_equal(newest(&s, 0)->request.head, 0);
	assert_string_equal(newest(&s, 0)->target, "/wait");
	for (size_t i = 0; i < MANY; i++) {
		tap_answers(taps[i], OK, SIZE_MAX);
		inspector_tap_free(taps[i]);
	}
	assert_true(s.in.pool.used <= s.in.pool.n);
	captures_end(&s);
}

static void test_body_max(void **state)
{
	struct captures s;
	captures_begin(&s, (struct inspector_options){.body_max = 4});
	exchange(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabcdef", OK);
	struct capture *c = newest(&s, 0);
	assert_body(&s, &c->request, "abcd");
	assert_int_equal(c->request.body, 6);
	assert_non_null(capture_not_replayable(c));
	assert_null(strstr(capture_not_replayable(c), "HTTP"));
	captures_end(&s);
}

/* With --inspect-forget nothing of a secret is anywhere in the memory. */
static void test_forget(void **state)
{
	struct captures s;
	captures_begin(&s, (struct inspector_options){.forget = true});
	exchange(&s,
		"GET /?token=sEcReT1&a=b HTTP/1.1\r\nHost: a.test\r\n"
		"Authorization: Bearer sEcReT2\r\nCookie: id=sEcReT3\r\n\r\n",
		"HTTP/1.1 200 OK\r\nSet-Cookie: id=sEcReT4; Path=/\r\nContent-Length: 2\r\n\r\nok");
	assert_null(memmem(s.in.pool.base, (size_t)s.in.pool.n * CAPTURE_BLOCK, "sEcReT", 6));
	struct capture_view v;
	assert_int_equal(capture_view_init(&v, &s.in, newest(&s, 0), true), 0);
	assert_non_null(v.request.text);
	assert_non_null(v.answer.text);
	struct buf out = BUF_NULL;
	assert_int_equal(capture_view_target(&v, &out), 0);
	assert_string_equal(text_of(&out), "/?token=****&a=b");
	buf_deinit(&out);
	struct str cookie = capture_view_find(&v.answer, STR("set-cookie"));
	assert_true(str_eq(cookie, STR("id=" SECRET_MASK "; Path=/")));
	capture_view_deinit(&v);
	captures_end(&s);
}

/* Nor of an answer that cannot be read, so that nobody knows where its secrets are. */
static void test_forget_raw(void **state)
{
	struct captures s;
	captures_begin(&s, (struct inspector_options){.forget = true});
	exchange(&s, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
		"HTTP/1.1 200 OK\nSet-Cookie: id=sEcReT\n\n");
	assert_int_equal(newest(&s, 0)->state, CAPTURE_RAW);
	assert_null(memmem(s.in.pool.base, (size_t)s.in.pool.n * CAPTURE_BLOCK, "sEcReT", 6));
	captures_end(&s);
}

/* Without revealing, a view has none; with it, all. */
static void test_view(void **state)
{
	struct captures s;
	captures_begin(&s, (struct inspector_options){0});
	exchange(&s,
		"GET /?token=sEcReT1 HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: app.test\r\n"
		"X-Forwarded-Proto: https\r\nAuthorization: sEcReT2\r\n\r\n",
		OK);
	const struct capture *c = newest(&s, 0);
	assert_string_equal(c->target, "/?token=****");
	assert_string_equal(c->host, "app.test");
	for (size_t reveal = 0; reveal < 2; reveal++) {
		struct capture_view v;
		struct buf out = BUF_NULL;
		assert_int_equal(capture_view_init(&v, &s.in, c, reveal), 0);
		assert_int_equal(capture_view_url(&v, &out), 0);
		for (size_t i = 0; i < v.request.h.n_fields; i++)
			assert_int_equal(capture_view_field(&v, &v.request.h.fields[i], &out), 0);
		const char *text = text_of(&out);
		assert_int_equal(strstr(text, "sEcReT1") != NULL, reveal);
		assert_int_equal(strstr(text, "sEcReT2") != NULL, reveal);
		assert_memory_equal(text, "https://app.test/?token=", 24);
		buf_deinit(&out);
		capture_view_deinit(&v);
	}
	captures_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oldest_give_way),
		cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_under_way),
		cmocka_unit_test(test_uploads_that_do_not_end),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_body_max),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_forget_raw),
		cmocka_unit_test(test_view),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
