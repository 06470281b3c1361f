/* SPDX-License-Identifier: MIT */
#include "client/keys/key_list.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"

#define A "x25519/de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
#define B "x25519/8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"

static uint8_t a[KEY_PAIR_SIZE], b[KEY_PAIR_SIZE];

static void lines_are_read_and_written(void **state)
{
	struct key_list list = {0};
	struct error err;
	struct buf text = BUF_NULL;
	assert_int_equal(key_list_parse(&list,
				 "# who may\n\nweb " A "\r\n  web\t" B "  # the new one\nbatch " B,
				 &err),
		0);
	assert_int_equal(list.n, 3);
	assert_true(key_list_has(&list, "web", a));
	assert_true(key_list_has(&list, "web", b));
	assert_true(key_list_has(&list, "batch", b));
	assert_false(key_list_has(&list, "batch", a));
	assert_false(key_list_has(&list, "we", a));
	assert_memory_equal(key_list_find(&list, "batch"), b, sizeof(b));
	assert_null(key_list_find(&list, "z"));
	assert_int_equal(key_list_format(&list, &text), 0);
	assert_int_equal(buf_append(&text, "", 1), 0);
	struct key_list again = {0};
	assert_int_equal(key_list_parse(&again, (char *)buf_head(&text), &err), 0);
	assert_int_equal(again.n, 3);
	assert_true(key_list_has(&again, "web", a) && key_list_has(&again, "web", b));
	buf_deinit(&text);
	key_list_deinit(&again);
	key_list_deinit(&list);
}

static void what_is_no_line_is_named(void **state)
{
	static const char *const texts[] = {
		"web " A "\nweb\n",
		"web " A "\n" A "\n",
		"web " A "\nweb " A " " B "\n",
		"web " A "\nweb x25519/00\n",
		"web " A "\nweb de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f\n",
		"web " A
		"\nweb x25519/0000000000000000000000000000000000000000000000000000000000000000\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct key_list list = {0};
		struct error err;
		assert_int_equal(key_list_parse(&list, texts[i], &err), -EINVAL);
		assert_non_null(strstr(err.text, "line 2"));
		key_list_deinit(&list);
	}
}

/* Written to a file, they would be other names, with keys that whoever chose the name chose. */
static void what_is_no_word_is_no_name(void **state)
{
	static const char *const names[] = {"", "a b", "a\tb", "web/7 " A "\nx", "a\r", "#a", "a#b",
		"\xc2\xa0", "a\x7f"};
	struct key_list list = {0};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(key_list_add(&list, names[i], a), -EINVAL);
	assert_int_equal(list.n, 0);
	assert_int_equal(key_list_add(&list, "redis@[2001:db8::1]:8000", a), 0);
	key_list_deinit(&list);
}

static void names_are_forgotten_with_what_is_below_them(void **state)
{
	static const char *const names[] = {"redis", "redis.tag", "redis.tag/17", "redis.tag/18",
		"redis.tagg", "redis@exit:8000", "redi"};
	struct key_list list = {0};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(key_list_add(&list, names[i], a), 0);
	assert_int_equal(key_list_forget(&list, "redis.tag/18"), 1);
	assert_int_equal(key_list_forget(&list, "redis.tag"), 2);
	assert_true(key_list_has(&list, "redis.tagg", a));
	assert_int_equal(key_list_forget(&list, "redis"), 2);
	assert_int_equal(key_list_forget(&list, "redis"), 0);
	assert_int_equal(list.n, 2);
	key_list_deinit(&list);
}

static void there_is_a_limit(void **state)
{
	struct key_list list = {0};
	char name[32];
	for (int i = 0; i < KEY_LIST_MAX; i++) {
		snprintf(name, sizeof(name), "n%d", KEY_LIST_MAX - i);
		assert_int_equal(key_list_add(&list, name, a), 0);
	}
	assert_int_equal(key_list_add(&list, "another", a), -ENOSPC);
	assert_true(key_list_has(&list, "n1", a) && key_list_has(&list, "n777", a));
	key_list_deinit(&list);
}

/* An exit node can invent consumers; it does not keep this client from remembering whom it uses. */
static void consumers_leave_room_for_providers(void **state)
{
	struct key_list list = {0};
	char name[32];
	for (int i = 0; i < KEY_LIST_CONSUMERS_MAX; i++) {
		snprintf(name, sizeof(name), "redis.tag/%d", i);
		assert_int_equal(key_list_add(&list, name, a), 0);
	}
	assert_int_equal(key_list_add(&list, "redis.tag/x", a), -ENOSPC);
	assert_int_equal(key_list_add(&list, "redis.other", a), 0);
	key_list_deinit(&list);
}

int main(void)
{
	if (crypto_start() != 0 || !key_parse(STR(A), a) || !key_parse(STR(B), b))
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read_and_written),
		cmocka_unit_test(what_is_no_line_is_named),
		cmocka_unit_test(what_is_no_word_is_no_name),
		cmocka_unit_test(names_are_forgotten_with_what_is_below_them),
		cmocka_unit_test(there_is_a_limit),
		cmocka_unit_test(consumers_leave_room_for_providers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
