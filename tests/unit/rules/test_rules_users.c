/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include "base/macros.h"
#include "crypto/crypto.h"
#include "crypto/password.h"

static struct front *users_of(const char *list, struct error *err)
{
	char text[1024];
	snprintf(text, sizeof(text),
		"routes:\n- host: a.org\n  rules:\n  - basic: {users: %s, realm: r}\n", list);
	return front_of(text, err);
}

static void test_users_are_found_by_name(void **state)
{
	struct error err;
	struct front *f =
		users_of("[\"bob:$2y$04$X/sAVDtOB0CUd8D62b6Wz.M6vk4BJyDe8P1vCXKt5M8GeaTyYN/VC\", "
			 "\"alice:$2y$04$X/sAVDtOB0CUd8D62b6Wz.M6vk4BJyDe8P1vCXKt5M8GeaTyYN/VC\", "
			 "\"al:$2y$04$X/sAVDtOB0CUd8D62b6Wz.M6vk4BJyDe8P1vCXKt5M8GeaTyYN/VC\"]",
			&err);
	assert_non_null(f);
	const struct rule_basic *b = &front_route(f, STR("a.org"))->rules.v[0].basic;
	assert_string_equal(users_find(&b->users, STR("alice"))->name.p, "alice");
	assert_string_equal(users_find(&b->users, STR("al"))->name.p, "al");
	assert_string_equal(users_find(&b->users, STR("bob"))->hash,
		"$2y$04$X/sAVDtOB0CUd8D62b6Wz.M6vk4BJyDe8P1vCXKt5M8GeaTyYN/VC");
	assert_null(users_find(&b->users, STR("a")));
	assert_null(users_find(&b->users, STR("alicex")));
	assert_null(users_find(&b->users, STR("")));
	assert_string_equal(b->challenge.p, "Basic realm=\"r\", charset=\"UTF-8\"");
	front_release(f);
}

static void test_a_file_as_htpasswd_makes_it(void **state)
{
	char path[] = "/tmp/users-XXXXXX", list[64];
	struct error err;
	int fd = mkstemp(path);
	static const char text[] =
		"# "
		"who\n\nbob:$2y$04$X/sAVDtOB0CUd8D62b6Wz.M6vk4BJyDe8P1vCXKt5M8GeaTyYN/"
		"VC\r\nalice:$argon2id$v=19$m=8,t=1,p=1$K9wWhaosu7Bn7ezksGN4gA$6DpjHFY+tKf0rvJR+"
		"Y4hEYdX6RZGow+kpsrZAqpJduo\n";
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	snprintf(list, sizeof(list), "%s", path);
	struct front *f = users_of(list, &err);
	if (!f)
		fail_msg("%s", err.text);
	const struct rule_basic *b = &front_route(f, STR("a.org"))->rules.v[0].basic;
	assert_int_equal(b->users.n, 2);
	assert_non_null(users_find(&b->users, STR("alice")));
	front_release(f);
	unlink(path);
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *list, *sentence;
	} rows[] = {
		{"[]", "F:4: there is no user in the list: nobody could come in"},
		{"[\"alice\"]", "F:4: a user is written name:hash, as htpasswd does"},
		{"[\"a:$2y$04$X/sAVDtOB0CUd8D62b6Wz.M6vk4BJyDe8P1vCXKt5M8GeaTyYN/VC\", "
		 "\"a:$2y$04$X/sAVDtOB0CUd8D62b6Wz.M6vk4BJyDe8P1vCXKt5M8GeaTyYN/VC\"]",
			"F:4: user a is there twice"},
		{"[\"a:$2y$20$X/sAVDtOB0CUd8D62b6Wz.M6vk4BJyDe8P1vCXKt5M8GeaTyYN/VC\"]",
			"F:4: user a: the bcrypt hash has a cost of 20; 04 to 14 "
			"are taken"},
		{"[\"a:$2y$04$short\"]", "F:4: user a: the bcrypt hash is not whole"},
		{"[\"a:$apr1$abc\"]", "F:4: user a: the hash is neither bcrypt ($2y$) nor Argon2id "
				      "($argon2id$): make one with htpasswd -B"},
		{"[\"a:$argon2id$v=19$m=9999999,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$6DpjHFY+tKf0rvJR+"
		 "Y4hEYdX6RZGow+kpsrZAqpJduo\"]",
			NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err;
		assert_null(users_of(rows[i].list, &err));
		if (rows[i].sentence)
			assert_string_equal(err.text, rows[i].sentence);
	}
}

static void test_passwords(void **state)
{
	/* Of "secret", as htpasswd -nbB -C 4 makes it, and libsodium with the least that it takes. */
	static const char *const hashes[] =
		{"$2y$04$X/sAVDtOB0CUd8D62b6Wz.M6vk4BJyDe8P1vCXKt5M8GeaTyYN/VC",
			"$argon2id$v=19$m=8,t=1,p=1$K9wWhaosu7Bn7ezksGN4gA$6DpjHFY+tKf0rvJR+"
			"Y4hEYdX6RZGow+kpsrZAqpJduo"};
	char longer[PASSWORD_MAX + 2];
	memset(longer, 'x', sizeof(longer));
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		struct error err;
		assert_int_equal(password_hash_check(str_from(hashes[i]), &password_cost_own, &err),
			0);
		assert_true(password_verify(hashes[i], STR("secret")));
		assert_false(password_verify(hashes[i], STR("Secret")));
		assert_false(password_verify(hashes[i], STR("")));
		assert_false(password_verify(hashes[i], STR("secret\0x")));
		assert_false(password_verify(hashes[i], (struct str){longer, sizeof(longer)}));
	}
}

int main(void)
{
	if (crypto_start() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_users_are_found_by_name),
		cmocka_unit_test(test_a_file_as_htpasswd_makes_it),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_passwords),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
