/* SPDX-License-Identifier: MIT */
/* Lists a page at a time: all items in order, each once; in portions; cursors; what is refused. */
#include "api/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/admin/admin.h"
#include "tests/unit/server/admin/client.h"
#include "tests/unit/server/base/workers.h"

static struct server_options options = {.memory_budget = 1 << 20};
static struct test_workers workers;
static struct admin admin;

static unsigned count, step, calls; /* rows, every step-th of which is on the list */
static size_t wide;                 /* bytes of an item; 0: it is the number */
static char filler[300 << 10];

static void numbers_rows(struct api_page *p)
{
	calls++;
	for (unsigned i = *p->cursor ? (unsigned)atoi(p->cursor) + 1 : 0; i < count; i++) {
		char cursor[16];
		if (!api_page_room(p))
			return;
		sprintf(cursor, "%u", i);
		api_page_add(p, cursor,
			i % step ? NULL
			: wide   ? json_stringn(filler, wide)
				 : json_integer(i));
	}
	api_page_end(p);
}

static void numbers_get(struct api_request *rq)
{
	api_page_start(rq, numbers_rows);
}

static const char *const query[] = {API_PAGE_QUERY, NULL};
static const struct api_operation rows[] = {
	{API_GET, "/numbers", API_ANYBODY, .query = query, .run = numbers_get},
};
static const struct api_operations table = {rows, 1};
static const struct api_operations *const tables[] = {&table, NULL};

static int begin(void **state)
{
	test_workers_open(&workers, &options);
	const struct admin_config config = {.tables = tables, .loop = workers.workers[0].loop};
	assert_int_equal(admin_init(&admin, &config), 0);
	count = calls = 0;
	wide = 0;
	step = 1;
	return 0;
}

static int end(void **state)
{
	admin_close(&admin);
	test_workers_close(&workers);
	admin_deinit(&admin);
	return 0;
}

static void ask(struct client *d, const char *target)
{
	client_operator(d);
	client_ask(d, &admin, API_GET, target, NULL);
	test_workers_settle(&workers);
	assert_int_equal(d->answers, 1);
}

static size_t items(const struct client *d)
{
	return json_array_size(json_object_get(d->json, "items"));
}

static void test_pages(void **state)
{
	static const struct {
		unsigned count, step, limit, pages;
	} cases[] = {{0, 1, 100, 1}, {1, 1, 1, 1}, {2, 1, 1, 2}, {500, 1, 500, 1}, {501, 1, 500, 2},
		{1000, 1, 100, 10}, {1000, 7, 100, 2}, {300, 1000, 1, 2}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char target[100], next[32] = "";
		unsigned seen = 0, pages = 0;
		count = cases[i].count;
		step = cases[i].step;
		do {
			struct client d;
			sprintf(target, "/numbers?limit=%u&after=%s", cases[i].limit, next);
			ask(&d, target);
			assert_int_equal(d.request.status, 200);
			for (size_t k = 0; k < items(&d); k++, seen += step)
				assert_int_equal(json_integer_value(
							 json_array_get(json_object_get(d.json,
										"items"),
								 k)),
					seen);
			strcpy(next, client_text(&d, "next"));
			pages++;
			client_close(&d);
		} while (*next);
		assert_true(seen >= count);
		assert_int_equal(pages, cases[i].pages);
	}
}

/* Large items: fewer are on a page, and none is left out. */
static void test_bytes(void **state)
{
	char target[100], next[32] = "";
	size_t seen = 0, pages = 0;
	memset(filler, 'x', sizeof(filler));
	wide = sizeof(filler);
	count = 10;
	do {
		struct client d;
		sprintf(target, "/numbers?limit=500&after=%s", next);
		ask(&d, target);
		seen += items(&d);
		assert_in_range(d.request.answer_size, wide, API_PAGE_BYTES + 2 * wide);
		strcpy(next, client_text(&d, "next"));
		pages++;
		client_close(&d);
	} while (*next);
	assert_int_equal(seen, count);
	assert_int_equal(pages, 3);
}

static void test_default(void **state)
{
	struct client d;
	count = 1000;
	ask(&d, "/numbers");
	assert_int_equal(items(&d), API_PAGE_DEFAULT);
	assert_string_equal(client_text(&d, "next"), "99");
	client_close(&d);
}

/* A turn of the loop looks at no more than API_ROWS, whether they are on the list or not. */
static void test_portions(void **state)
{
	struct client d;
	count = 4 * API_ROWS;
	ask(&d, "/numbers?limit=500");
	assert_int_equal(calls, 4);
	client_close(&d);
	calls = 0;
	step = 1000;
	ask(&d, "/numbers?limit=500");
	assert_int_equal(calls, 4);
	assert_int_equal(items(&d), 1);
	client_close(&d);
}

/* Between two portions the list may shrink, grow, and the process may end. */
static void test_changes(void **state)
{
	struct client d;
	count = 2 * API_ROWS;
	client_operator(&d);
	client_ask(&d, &admin, API_GET, "/numbers?limit=500", NULL);
	assert_int_equal(d.answers, 0);
	count = API_ROWS + 1;
	test_workers_settle(&workers);
	assert_int_equal(items(&d), API_ROWS + 1);
	client_close(&d);
	count = 2 * API_ROWS;
	client_operator(&d);
	client_ask(&d, &admin, API_GET, "/numbers?limit=500", NULL);
	admin_close(&admin);
	test_workers_settle(&workers);
	assert_int_equal(d.request.status, 503);
	assert_int_equal(d.answers, 1);
	client_close(&d);
}

static void test_refused(void **state)
{
	static const char *const targets[] = {"/numbers?limit=0", "/numbers?limit=501",
		"/numbers?limit=", "/numbers?limit=x", "/numbers?after=LONG"};
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		char target[API_CURSOR_SIZE + 100];
		struct client d;
		strcpy(target, targets[i]);
		char *end_of = strstr(target, "LONG");
		if (end_of) {
			memset(end_of, 'a', API_CURSOR_SIZE);
			end_of[API_CURSOR_SIZE] = 0;
		}
		ask(&d, target);
		assert_int_equal(d.request.status, 400);
		client_close(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pages, begin, end),
		cmocka_unit_test_setup_teardown(test_bytes, begin, end),
		cmocka_unit_test_setup_teardown(test_default, begin, end),
		cmocka_unit_test_setup_teardown(test_portions, begin, end),
		cmocka_unit_test_setup_teardown(test_changes, begin, end),
		cmocka_unit_test_setup_teardown(test_refused, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
