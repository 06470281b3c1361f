/* SPDX-License-Identifier: MIT */
#include "client/keys/identity_key.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"

static char root[] = "/tmp/tunnel-identity-XXXXXX";
static struct kept_dir d;
static struct error err;

static int setup(void **state)
{
	strcpy(root + sizeof(root) - 7, "XXXXXX");
	return mkdtemp(root) ? kept_dir_open(&d, root, CLIENT_STATE_NAME, &err) : -1;
}

static int teardown(void **state)
{
	char command[64];
	kept_dir_close(&d);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static const char *put(const char *text, mode_t mode)
{
	static char path[64];
	snprintf(path, sizeof(path), "%s/given", root);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static void made_once_and_renewed(void **state)
{
	struct key_pair first, second;
	bool made;
	assert_int_equal(identity_key_kept(&d, &first, &err), KEPT_NONE);
	assert_int_equal(identity_key_keep(&d, &first, &made, &err), 0);
	assert_true(made);
	assert_int_equal(identity_key_keep(&d, &second, &made, &err), 0);
	assert_false(made);
	assert_memory_equal(&first, &second, sizeof(first));
	struct stat st;
	assert_int_equal(fstatat(d.fd, IDENTITY_KEY_FILE, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, KEY_PRIVATE_LEN + 1);

	struct key_pair renewed;
	assert_int_equal(identity_key_renew(&d, &renewed, &err), 0);
	assert_memory_not_equal(&renewed, &first, sizeof(first));
	assert_int_equal(identity_key_kept(&d, &second, &err), 0);
	assert_memory_equal(&renewed, &second, sizeof(second));
}

static void a_damaged_one_is_refused_and_kept(void **state)
{
	struct key_pair pair;
	bool made;
	assert_int_equal(kept_line_write(&d, IDENTITY_KEY_FILE, "00", &err), 0);
	assert_int_equal(identity_key_keep(&d, &pair, &made, &err), KEPT_UNFIT);
	assert_non_null(strstr(err.text, "identity.key is damaged"));
	assert_int_equal(identity_key_kept(&d, &pair, &err), KEPT_UNFIT);
}

static void a_file_that_is_given_is_read(void **state)
{
	struct key_pair pair, expected;
	char text[KEY_PRIVATE_LEN + 2];
	key_pair_random(&expected);
	key_pair_text(&expected, text);
	assert_int_equal(identity_key_read(put(text, 0600), &pair, &err, &err), 0);
	assert_memory_equal(&pair, &expected, sizeof(pair));
	strcat(text, "\n");
	assert_int_equal(identity_key_read(put(text, 0400), &pair, &err, &err), 0);
	assert_memory_equal(&pair, &expected, sizeof(pair));
}

static void what_is_no_key_file_is_refused(void **state)
{
	struct key_pair pair, whole;
	struct error warning;
	char text[KEY_PRIVATE_LEN + 3];
	key_pair_random(&whole);
	key_pair_text(&whole, text);
	assert_int_equal(identity_key_read("/nonexistent/key", &pair, &warning, &err), -ENOENT);
	assert_int_equal(identity_key_read(put("", 0600), &pair, &warning, &err), -EINVAL);
	assert_int_equal(identity_key_read(put(text + 1, 0600), &pair, &warning, &err), -EINVAL);
	text[KEY_PRIVATE_LEN] = '0';
	text[KEY_PRIVATE_LEN + 1] = '\0';
	assert_int_equal(identity_key_read(put(text, 0600), &pair, &warning, &err), -EINVAL);
	assert_null(strstr(err.text, text));
	text[KEY_PRIVATE_LEN] = '\0';
	/* Below /tmp, which may be in memory, where it is a warning. */
	int r = identity_key_read(put(text, 0644), &pair, &warning, &err);
	assert_non_null(strstr(r < 0 ? err.text : warning.text, "others can read it"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	if (crypto_start() != 0)
		return 1;
	const struct CMUnitTest tests[] = {
		TEST(made_once_and_renewed),
		TEST(a_damaged_one_is_refused_and_kept),
		TEST(a_file_that_is_given_is_read),
		TEST(what_is_no_key_file_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
