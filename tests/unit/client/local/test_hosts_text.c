/* SPDX-License-Identifier: MIT */
/* The text of a file of names: what is kept, what goes, and which names may come. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/local/hosts_text.h"

#define OWN  1000
#define LIVE 2000
#define DEAD 3000

#define BEGIN(pid) "# tunnel " #pid ": private services; these lines go when it ends\n"
#define END(pid)   "# tunnel " #pid ": end\n"
#define USUAL      "127.0.0.1\tlocalhost\n"

static bool alive(pid_t pid)
{
	return pid == LIVE || pid == OWN;
}

static const char *change(const char *old, const struct hosts_entry *entries, size_t n)
{
	static char text[4096];
	struct buf out = BUF_NULL;
	assert_int_equal(hosts_text_change(str_from(old), OWN, alive, entries, n, &out), 0);
	snprintf(text, sizeof(text), "%.*s", (int)buf_len(&out),
		buf_len(&out) ? (const char *)buf_head(&out) : "");
	buf_deinit(&out);
	return text;
}

static void test_comes_and_goes(void **state)
{
	const struct hosts_entry redis = {"127.64.0.1", "redis.tag.exit.example.org",
		"redis.internal,cache.internal", NULL};
	static const char *const whole =
		USUAL BEGIN(1000) "127.64.0.1 redis.tag.exit.example.org "
				  "redis.internal cache.internal\n" END(1000);
	assert_string_equal(change(USUAL, &redis, 1), whole);
	assert_string_equal(change(whole, &redis, 1), whole);
	assert_string_equal(change(whole, NULL, 0), USUAL);
	assert_string_equal(change("", &redis, 1), whole + strlen(USUAL));
	/* What is there is left as it was, down to the end of its last line. */
	assert_string_equal(change("a b", NULL, 0), "a b");
	assert_string_equal(change("\r\n\n# x\n\t1.2.3.4 y", NULL, 0), "\r\n\n# x\n\t1.2.3.4 y");
	assert_string_equal(change("1.2.3.4 a.b",
				    &(struct hosts_entry){"127.64.0.1", NULL, "c.d", NULL}, 1),
		"1.2.3.4 a.b\n" BEGIN(1000) "127.64.0.1 c.d\n" END(1000));
}

/* Blocks of others stay, unless whoever made them is gone; what only looks like one is no block. */
static void test_blocks_of_others(void **state)
{
	static const struct {
		const char *old, *expected;
	} rows[] = {
		{BEGIN(2000) "127.64.0.2 a.b\n" END(2000), NULL},
		{USUAL BEGIN(3000) "127.64.0.2 a.b\n" END(3000) "x\n", USUAL "x\n"},
		{BEGIN(3000) END(3000) BEGIN(1000) END(1000), ""},
		/* Somebody has taken the end away: nothing else goes. */
		{BEGIN(3000) "1.2.3.4 mine.example\n", "1.2.3.4 mine.example\n"},
		{BEGIN(3000) "a\n" BEGIN(2000) "b\n" END(2000), "a\n" BEGIN(2000) "b\n" END(2000)},
		{"# tunnel 3000: end\n", NULL},
		{"# tunnel x: private services; these lines go when it ends\n", NULL},
		{" " BEGIN(3000) END(3000), NULL},
		{"# tunnel 99999999999: private services; these lines go when it ends\n", NULL},
		{"# tunnel -3000: private services; these lines go when it ends\n", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(change(rows[i].old, NULL, 0),
			rows[i].expected ? rows[i].expected : rows[i].old);
}

/* A provider names its service as it likes, and takes no name that this machine has, nor a bare one. */
static void test_names(void **state)
{
	static const struct {
		const char *old, *alias, *fqdns, *names; /* "": there is no line */
	} rows[] = {
		{"", "a.t.exit", NULL, "a.t.exit"},
		{"", "A.T.Exit", "B.C.", "a.t.exit b.c"},
		{"", "a.t.exit.example.org:9090", NULL, "a.t.exit.example.org"},
		{"", NULL, "a.b,a.b,c.d,,", "a.b c.d"},
		{"", NULL, "localhost,db,a.b", "a.b"},
		{"", NULL, "a b.c,x\ny.z,#.c,*.e.f,g.h", "g.h"},
		{"", NULL, "1.2.3.4,127.1,[::1]", ""},
		{"", NULL, NULL, ""},
		{"10.0.0.1 db.example www.example\n", NULL, "WWW.example,db.example", ""},
		{"10.0.0.1\tdb.example\n", NULL, "db.example,other.example", "other.example"},
		{"#10.0.0.1 db.example\n", NULL, "db.example", ""},
		{"10.0.0.1 mydb.example\n", NULL, "db.example", "db.example"},
		{"", "exit.example", "a.b,EXIT.example.,x.exit.example", "a.b x.exit.example"},
		{"", NULL, "a.localhost,localhost.localdomain,x.LocalHost.,mylocalhost.b,a.b",
			"mylocalhost.b a.b"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct hosts_entry e = {"127.64.0.1", rows[i].alias, rows[i].fqdns,
			"exit.example"};
		char expected[512];
		snprintf(expected, sizeof(expected), "%s%s%s%s%s%s", rows[i].old,
			*rows[i].names ? BEGIN(1000) : "", *rows[i].names ? "127.64.0.1 " : "",
			rows[i].names, *rows[i].names ? "\n" : "", *rows[i].names ? END(1000) : "");
		assert_string_equal(change(rows[i].old, &e, 1), expected);
	}
	/* The first of two services that give one name has it. */
	const struct hosts_entry two[] = {{"127.64.0.1", NULL, "a.b", NULL},
		{"127.64.0.2", NULL, "a.b,c.d", NULL}};
	assert_string_equal(change("", two, 2),
		BEGIN(1000) "127.64.0.1 a.b\n127.64.0.2 c.d\n" END(1000));
}

static void test_addresses(void **state)
{
	char one[HOSTS_ADDRESS_SIZE], again[HOSTS_ADDRESS_SIZE], other[HOSTS_ADDRESS_SIZE];
	hosts_text_address("redis.k7m2q9x4p3ta.exit.example.org", 0, one);
	hosts_text_address("redis.k7m2q9x4p3ta.exit.example.org", 0, again);
	assert_string_equal(one, again);
	hosts_text_address("redis.k7m2q9x4p3ta.exit.example.org", 1, other);
	assert_string_not_equal(one, other);
	hosts_text_address("other", 0, other);
	assert_string_not_equal(one, other);
	for (unsigned i = 0; i < 100000; i++) {
		unsigned a, b, c, d;
		hosts_text_address("x", i * 7919, one);
		assert_int_equal(sscanf(one, "%u.%u.%u.%u", &a, &b, &c, &d), 4);
		assert_true(a == 127 && b >= 64 && b < 128 && c < 256 && d >= 1 && d < 255);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_and_goes),
		cmocka_unit_test(test_blocks_of_others),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
