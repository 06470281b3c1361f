/* SPDX-License-Identifier: MIT */
/* The live feed without sockets: what pages say, what they are told, and what those cost that do not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/macros.h"
#include "panel/panel_live.h"
#include "panel/panel_reader.h"

static struct panel_live live;
static struct panel_reader reader;

static int setup(void **state)
{
	panel_live_init(&live, "server", "1.2.3");
	panel_reader_init(&reader, &live);
	return 0;
}

static int teardown(void **state)
{
	panel_reader_deinit(&reader);
	panel_live_deinit(&live);
	return 0;
}

static int hear(const char *text)
{
	return panel_reader_hear(&reader, str_from(text));
}

static void take(enum panel_topics topic, const char *text)
{
	panel_live_take(&live, topic, text, strlen(text));
}

/* What comes next has this part; NULL: nothing comes. */
static void expect_of(struct panel_reader *r, const char *part)
{
	struct panel_message *m = panel_reader_has(r) ? panel_reader_next(r) : NULL;
	if (!part != !m)
		fail_msg("%s wanted, got %s", part ? part : "nothing", m ? m->text : "nothing");
	if (!m)
		return;
	char *text = strndup(m->text, m->n);
	json_t *json = json_loads(text, 0, NULL);
	if (!json || !strstr(text, part))
		fail_msg("%s wanted, got %s", part, text);
	json_decref(json);
	free(text);
	panel_message_unref(m);
}

static void expect(const char *part)
{
	expect_of(&reader, part);
}

static void begin(const char *words)
{
	expect("{\"t\":\"hello\",\"side\":\"server\",\"version\":\"1.2.3\",\"now\":\"2");
	assert_int_equal(hear(words), 0);
}

static void test_words(void **state)
{
	static const char *const good[] = {"{}", "{\"subscribe\":[]}",
		"{\"subscribe\":[\"tick\",\"sessions\",\"services\",\"requests\"]}",
		"{\"filter\":{\"host\":\"a.example\",\"status\":\"5xx\"}}", "{\"filter\":{}}",
		"{\"pause\":true}", "{\"ping\":7}"};
	static const char *const bad[] = {"", "{", "[]", "1", "null", "{\"subscribe\":1}",
		"{\"subscribe\":[\"secrets\"]}", "{\"subscribe\":[1]}", "{\"filter\":[]}",
		"{\"filter\":{\"host\":1}}", "{\"filter\":{\"status\":\"5xx5\"}}", "{\"pause\":1}",
		"{\"other\":1}", "{\"ping\":1,\"ping\":2}", "{} {}"};
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (hear(good[i]) != 0)
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (hear(bad[i]) == 0)
			fail_msg("%s", bad[i]);
}

static void test_wanted(void **state)
{
	assert_int_equal(panel_live_wanted(&live), 0);
	hear("{\"subscribe\":[\"tick\",\"requests\"]}");
	assert_int_equal(panel_live_wanted(&live), 1u << PANEL_TICK | 1u << PANEL_REQUESTS);
	hear("{\"pause\":true}");
	assert_int_equal(panel_live_wanted(&live), 1u << PANEL_TICK);
	hear("{\"subscribe\":[]}");
	assert_int_equal(panel_live_wanted(&live), 0);
}

/* The newest takes the place of the one that was not read. */
static void test_tick(void **state)
{
	begin("{\"subscribe\":[\"tick\"],\"ping\":1}");
	expect("\"pong\":1");
	take(PANEL_TICK, "{\"open\":1}");
	take(PANEL_TICK, "{\"open\":2}");
	take(PANEL_TICK, "no json");
	expect("{\"open\":2,\"t\":\"tick\",\"at\":1");
	expect(NULL);
}

/* First all, then what is new or another, and which are gone. */
static void test_list(void **state)
{
	begin("{\"subscribe\":[\"sessions\"]}");
	take(PANEL_SESSIONS, "{\"items\":[{\"id\":\"a\",\"n\":1},{\"id\":\"b\",\"n\":1}]}");
	expect("{\"t\":\"sessions\",\"items\":[{\"id\":\"a\",\"n\":1},{\"id\":\"b\",\"n\":1}],"
	       "\"whole\":true}");
	take(PANEL_SESSIONS, "{\"items\":[{\"id\":\"a\",\"n\":1},{\"id\":\"b\",\"n\":1}]}");
	expect(NULL);
	take(PANEL_SESSIONS, "{\"items\":[{\"id\":\"b\",\"n\":2},{\"id\":\"c\",\"n\":1}]}");
	expect("{\"t\":\"sessions\",\"items\":[{\"id\":\"b\",\"n\":2},{\"id\":\"c\",\"n\":1}],"
	       "\"gone\":[\"a\"]}");
	take(PANEL_SESSIONS, "{\"items\":[]}");
	expect("\"items\":[],\"gone\":[\"b\",\"c\"]");
	/* One that comes later is told all. */
	struct panel_reader other;
	take(PANEL_SESSIONS, "{\"items\":[{\"name\":\"d\"}]}");
	expect("{\"name\":\"d\"}");
	panel_reader_init(&other, &live);
	panel_reader_hear(&other, STR("{\"subscribe\":[\"sessions\"]}"));
	take(PANEL_SESSIONS, "{\"items\":[{\"name\":\"d\"}]}");
	expect(NULL);
	expect_of(&other, "hello");
	expect_of(&other, "{\"name\":\"d\"}],\"whole\":true");
	expect_of(&other, NULL);
	panel_reader_deinit(&other);
}

static void expect_target(const char *target)
{
	char *text = panel_live_target(&live, PANEL_REQUESTS, "/r");
	assert_string_equal(text, target);
	free(text);
}

#define REQUEST(id, host, status) "{\"id\":\"" id "\",\"host\":\"" host "\",\"status\":" status "}"

static void test_requests(void **state)
{
	begin("{\"subscribe\":[\"requests\"],\"filter\":{\"host\":\"A.example\",\"status\":\"5xx\"}"
	      "}");
	expect_target("/r");
	/* What was there before is not told. */
	take(PANEL_REQUESTS, "{\"items\":[" REQUEST("1", "a.example", "500") "]}");
	expect(NULL);
	expect_target("/r?limit=500&after=1");
	take(PANEL_REQUESTS, "{\"items\":[" REQUEST("4", "a.example", "503") "," REQUEST("3",
				     "b.example", "500") "," REQUEST("2", "a.example", "200") "]}");
	expect("\"items\":[" REQUEST("4", "a.example", "503") "]");
	expect(NULL);
	expect_target("/r?limit=500&after=4");
	/* Nobody looks for a while. */
	panel_live_forget(&live, 1u << PANEL_REQUESTS);
	take(PANEL_REQUESTS, "{\"items\":[" REQUEST("9", "a.example", "500") "]}");
	expect(NULL);
}

#define OPEN(id) "{\"id\":\"" id "\",\"state\":\"open\"}"
#define DONE(id) "{\"id\":\"" id "\",\"state\":\"done\"}"

/* One that has no end yet is asked for again, and told again when it has. */
static void test_open_requests(void **state)
{
	begin("{\"subscribe\":[\"requests\"]}");
	take(PANEL_REQUESTS, "{\"items\":[" DONE("1") "]}");
	take(PANEL_REQUESTS, "{\"items\":[" DONE("4") "," OPEN("3") "," DONE("2") "]}");
	expect(DONE("4") "," OPEN("3") "," DONE("2"));
	expect_target("/r?limit=500&after=2");
	take(PANEL_REQUESTS, "{\"items\":[" DONE("4") "," OPEN("3") "]}");
	expect(NULL);
	expect_target("/r?limit=500&after=2");
	take(PANEL_REQUESTS, "{\"items\":[" DONE("5") "," DONE("4") "," DONE("3") "]}");
	expect("[" DONE("5") "," DONE("3") "]");
	expect_target("/r?limit=500&after=5");
}

/* A text of n items of about 1 KiB each. */
static char *list_of(unsigned n, unsigned serial)
{
	char filler[1000];
	struct buf text = BUF_NULL;
	memset(filler, 'x', sizeof(filler));
	buf_append(&text, "{\"items\":[", 10);
	for (unsigned i = 0; i < n; i++) {
		char *item;
		int k = asprintf(&item, "%s{\"id\":\"%u\",\"serial\":%u,\"f\":\"%.*s\"}",
			i ? "," : "", i, serial, (int)sizeof(filler), filler);
		assert_int_equal(buf_append(&text, item, (size_t)k), 0);
		free(item);
	}
	assert_int_equal(buf_append(&text, "]}", 3), 0);
	return (char *)text.data;
}

/* A page that does not read costs no more than its queue, and is told the truth when it does. */
static void test_stalled(void **state)
{
	begin("{\"subscribe\":[\"tick\",\"sessions\",\"requests\"]}");
	unsigned told = 0, skipped = 0, sent = 0;
	for (unsigned i = 0; i < 100; i++) {
		char *list = list_of(20, i);
		take(PANEL_SESSIONS, list);
		take(PANEL_REQUESTS, list);
		take(PANEL_TICK, "{\"open\":1}");
		free(list);
		sent += i ? 20 : 0;
		assert_true(reader.bytes <= PANEL_QUEUE_MAX);
		assert_true(reader.n <= PANEL_QUEUE_MESSAGES);
	}
	while (panel_reader_has(&reader)) {
		struct panel_message *m = panel_reader_next(&reader);
		if (m->topic == PANEL_REQUESTS)
			told += m->items;
		sscanf(m->text, "{\"t\":\"skipped\",\"requests\":%u}", &skipped);
		panel_message_unref(m);
	}
	assert_true(told > 0 && skipped > 0);
	assert_int_equal(told + skipped, sent);
	/* Of the list it has missed news: all of it comes. */
	char *list = list_of(20, 99);
	take(PANEL_SESSIONS, list);
	free(list);
	expect("\"serial\":99");
	expect(NULL);
}

/* A long list comes in several messages, all of it, whatever the queue holds otherwise. */
static void test_long_list(void **state)
{
	begin("{\"subscribe\":[\"sessions\"]}");
	char *list = list_of(500, 0);
	take(PANEL_SESSIONS, list);
	free(list);
	unsigned items = 0, messages = 0;
	while (panel_reader_has(&reader)) {
		struct panel_message *m = panel_reader_next(&reader);
		assert_true(m->n <= PANEL_MESSAGE_MAX + 2048);
		bool whole = memmem(m->text, m->n, "\"whole\":true", 12);
		assert_int_equal(whole, messages == 0);
		items += m->items;
		messages++;
		panel_message_unref(m);
	}
	assert_int_equal(items, 500);
	assert_true(messages >= 8);
}

#define LIVE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST(test_words),
		LIVE_TEST(test_wanted),
		LIVE_TEST(test_tick),
		LIVE_TEST(test_list),
		LIVE_TEST(test_requests),
		LIVE_TEST(test_open_requests),
		LIVE_TEST(test_stalled),
		LIVE_TEST(test_long_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
