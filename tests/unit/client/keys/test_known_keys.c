/* SPDX-License-Identifier: MIT */
/* Whose key was which: remembered first, held against later, shared with other processes, and forgotten. */
#include "client/keys/known_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "client/keys/identity_key.h"
#include "crypto/crypto.h"

static char root[] = "/tmp/tunnel-known-XXXXXX";
static struct kept_dir d;
static struct loop *loop;
static struct offload *offload;
static struct error err;
static struct key_pair a, b;

/* A process, and one question of it. */
struct asker {
	struct known_keys keys;
	struct key_question q;
	int answers;
	enum known_key answer;
	uint8_t known[KEY_PAIR_SIZE];
};

static void answered(struct key_question *q, enum known_key answer, const uint8_t *known)
{
	struct asker *x = container_of(q, struct asker, q);
	x->answers++;
	x->answer = answer;
	if (answer == KNOWN_KEY_SAME || answer == KNOWN_KEY_OTHER)
		memcpy(x->known, known, KEY_PAIR_SIZE);
}

static int setup(void **state)
{
	strcpy(root + sizeof(root) - 7, "XXXXXX");
	loop = loop_new();
	offload = offload_new(1);
	key_pair_random(&a);
	key_pair_random(&b);
	return mkdtemp(root) && loop && offload ? kept_dir_open(&d, root, CLIENT_STATE_NAME, &err)
						: -1;
}

static int teardown(void **state)
{
	char command[64];
	offload = offload_free(offload);
	loop = loop_free(loop);
	kept_dir_close(&d);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void begin(struct asker *x, bool kept)
{
	*x = (struct asker){0};
	assert_int_equal(known_keys_init(&x->keys, loop, offload, kept ? &d : NULL, &err), 0);
}

static void prepare(struct asker *x, const char *name, const struct key_pair *pair)
{
	x->q = (struct key_question){.answered = answered, .has_key = pair};
	snprintf(x->q.name, sizeof(x->q.name), "%s", name);
	if (pair)
		memcpy(x->q.key, pair->public, KEY_PAIR_SIZE);
	x->answers = 0;
}

/* The answer; at once, where it must be. */
static enum known_key ask(struct asker *x, const char *name, const struct key_pair *pair, bool now)
{
	prepare(x, name, pair);
	known_keys_ask(&x->keys, &x->q);
	if (now)
		assert_int_equal(x->answers, 1);
	while (!x->answers)
		loop_turn(loop);
	assert_int_equal(x->answers, 1);
	return x->answer;
}

static void the_first_key_is_remembered_and_another_refused(void **state)
{
	struct asker x, later;
	begin(&x, true);
	assert_int_equal(ask(&x, "redis.tag", NULL, true), KNOWN_KEY_NONE);
	assert_int_equal(ask(&x, "redis.tag", &a, false), KNOWN_KEY_NEW);
	assert_int_equal(ask(&x, "redis.tag", &a, true), KNOWN_KEY_SAME);
	assert_int_equal(ask(&x, "redis.tag", &b, false), KNOWN_KEY_OTHER);
	assert_memory_equal(x.known, a.public, KEY_PAIR_SIZE);
	assert_int_equal(ask(&x, "redis.tag", NULL, false), KNOWN_KEY_OTHER);
	assert_int_equal(ask(&x, "redis.tag/1", &b, false), KNOWN_KEY_NEW);
	known_keys_deinit(&x.keys);

	begin(&later, true);
	assert_int_equal(ask(&later, "redis.tag", &b, false), KNOWN_KEY_OTHER);
	assert_int_equal(ask(&later, "redis.tag", &a, true), KNOWN_KEY_SAME);
	assert_int_equal(ask(&later, "redis.tag/1", &b, true), KNOWN_KEY_SAME);
	known_keys_deinit(&later.keys);
	struct stat st;
	assert_int_equal(fstatat(d.fd, KNOWN_KEYS_FILE, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* Two that began with an empty file: what one has seen, the other knows, and nothing is lost. */
static void processes_share_it(void **state)
{
	struct asker x, y, z;
	begin(&x, true);
	begin(&y, true);
	assert_int_equal(ask(&x, "one", &a, false), KNOWN_KEY_NEW);
	assert_int_equal(ask(&y, "two", &a, false), KNOWN_KEY_NEW);
	assert_int_equal(ask(&y, "one", &b, false), KNOWN_KEY_OTHER);
	assert_int_equal(ask(&x, "two", &b, false), KNOWN_KEY_OTHER);
	begin(&z, true);
	assert_int_equal(ask(&z, "one", &a, true), KNOWN_KEY_SAME);
	assert_int_equal(ask(&z, "two", &a, true), KNOWN_KEY_SAME);
	known_keys_deinit(&x.keys);
	known_keys_deinit(&y.keys);
	known_keys_deinit(&z.keys);
}

/* While the process that refused it goes on. */
static void what_is_forgotten_may_be_another(void **state)
{
	struct asker x;
	size_t n = 9;
	begin(&x, true);
	assert_int_equal(known_keys_forget(&d, "redis.tag", &n, &err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(ask(&x, "redis.tag", &a, false), KNOWN_KEY_NEW);
	assert_int_equal(ask(&x, "redis.tag/7", &a, false), KNOWN_KEY_NEW);
	assert_int_equal(ask(&x, "redis.tag", &b, false), KNOWN_KEY_OTHER);
	assert_int_equal(known_keys_forget(&d, "redis.tag", &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(ask(&x, "redis.tag", &b, false), KNOWN_KEY_NEW);
	assert_int_equal(ask(&x, "redis.tag", &a, false), KNOWN_KEY_OTHER);
	assert_int_equal(known_keys_forget(&d, "redis.tag", &n, &err), 0);
	assert_int_equal(ask(&x, "redis.tag", NULL, false), KNOWN_KEY_NONE);
	known_keys_deinit(&x.keys);
}

static void many_are_asked_together(void **state)
{
	static struct asker v[50];
	struct asker x;
	begin(&x, true);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		char name[32];
		snprintf(name, sizeof(name), "n%zu", i / 2);
		prepare(&v[i], name, i % 4 == 3 ? &b : &a);
		known_keys_ask(&x.keys, &v[i].q);
	}
	key_question_cancel(&v[10].q);
	key_question_cancel(&v[10].q);
	while (!v[ARRAY_LEN(v) - 1].answers)
		loop_turn(loop);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		enum known_key expected = i % 2 == 0   ? KNOWN_KEY_NEW
					  : i % 4 == 3 ? KNOWN_KEY_OTHER
						       : KNOWN_KEY_SAME;
		assert_int_equal(v[i].answers, i != 10);
		if (i != 10 && i != 11)
			assert_int_equal(v[i].answer, expected);
	}
	known_keys_deinit(&x.keys);
}

/* As many as an exit node likes to invent: no more are believed, and those that are there still are. */
static void a_full_file_takes_no_consumer(void **state)
{
	struct key_list list = {0};
	struct buf text = BUF_NULL;
	struct asker x;
	char name[32];
	for (int i = 0; i < KEY_LIST_CONSUMERS_MAX; i++) {
		snprintf(name, sizeof(name), "redis.tag/%d", i);
		assert_int_equal(key_list_add(&list, name, a.public), 0);
	}
	assert_int_equal(key_list_format(&list, &text), 0);
	assert_int_equal(kept_text_replace(&d, KNOWN_KEYS_FILE, (char *)buf_head(&text),
				 buf_len(&text), &err),
		0);
	begin(&x, true);
	assert_int_equal(ask(&x, "redis.tag/x", &a, false), KNOWN_KEY_FULL);
	assert_int_equal(ask(&x, "redis.tag/17", &a, true), KNOWN_KEY_SAME);
	assert_int_equal(ask(&x, "redis.other", &a, false), KNOWN_KEY_NEW);
	known_keys_deinit(&x.keys);
	buf_deinit(&text);
	key_list_deinit(&list);
}

static void an_end_while_it_is_asked(void **state)
{
	struct asker x;
	begin(&x, true);
	prepare(&x, "one", &a);
	known_keys_ask(&x.keys, &x.q);
	known_keys_deinit(&x.keys);
	key_question_cancel(&x.q);
	assert_int_equal(x.answers, 0);
}

static void without_a_directory_it_is_this_process_s_knowledge(void **state)
{
	struct asker x;
	begin(&x, false);
	assert_int_equal(ask(&x, "one", NULL, true), KNOWN_KEY_NONE);
	assert_int_equal(ask(&x, "one", &a, true), KNOWN_KEY_NEW);
	assert_int_equal(ask(&x, "one", &b, true), KNOWN_KEY_OTHER);
	assert_int_equal(ask(&x, "one", NULL, true), KNOWN_KEY_OTHER);
	assert_int_equal(ask(&x, "one", &a, true), KNOWN_KEY_SAME);
	known_keys_deinit(&x.keys);
}

static void a_file_that_cannot_be_written_is_remembered_meanwhile(void **state)
{
	struct asker x;
	/* In the place of the lock: also root cannot open it for writing. */
	assert_int_equal(mkdirat(d.fd, KNOWN_KEYS_FILE ".lock", 0700), 0);
	begin(&x, true);
	assert_int_equal(ask(&x, "one", &a, false), KNOWN_KEY_NEW);
	assert_int_equal(ask(&x, "one", &b, true), KNOWN_KEY_OTHER);
	assert_int_equal(ask(&x, "one", &a, true), KNOWN_KEY_SAME);
	known_keys_deinit(&x.keys);
}

/* What was remembered may be what forbids it: nobody is believed. */
static void a_damaged_file_is_no_empty_one(void **state)
{
	struct asker x, y;
	begin(&x, true);
	assert_int_equal(kept_text_replace(&d, KNOWN_KEYS_FILE, "one\n", 4, &err), 0);
	assert_int_equal(ask(&x, "one", &a, false), KNOWN_KEY_FAILED);
	y = (struct asker){0};
	assert_true(known_keys_init(&y.keys, loop, offload, &d, &err) < 0);
	assert_non_null(strstr(err.text, "/known_keys: line 1"));
	known_keys_deinit(&y.keys);
	assert_int_equal(kept_text_replace(&d, KNOWN_KEYS_FILE, "", 0, &err), 0);
	assert_int_equal(ask(&x, "one", &a, false), KNOWN_KEY_NEW);
	known_keys_deinit(&x.keys);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	if (crypto_start() != 0)
		return 1;
	const struct CMUnitTest tests[] = {
		TEST(the_first_key_is_remembered_and_another_refused),
		TEST(processes_share_it),
		TEST(what_is_forgotten_may_be_another),
		TEST(many_are_asked_together),
		TEST(a_full_file_takes_no_consumer),
		TEST(an_end_while_it_is_asked),
		TEST(without_a_directory_it_is_this_process_s_knowledge),
		TEST(a_file_that_cannot_be_written_is_remembered_meanwhile),
		TEST(a_damaged_file_is_no_empty_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
