/* SPDX-License-Identifier: MIT */
/*
 * Bytes that changed in the file, anywhere, and files that were cut: test_store_damage [STEP]. Each is refused
 * with a sentence, or reads as it was written: never another grant, never a token that was revoked.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "crypto/crypto.h"
#include "store_fixture.h"

/* Every so many bytes one changes: prime, so that each place of a page has its turn. */
#define STEP       211
#define IDENTITIES 12
#define PAGE       4096 /* of SQLite */

static struct store_fixture fixture;
static char original[PATH_MAX + 16], original_log[PATH_MAX + 16], log_path[PATH_MAX + 8];
static unsigned step = STEP;

/* What a store with a log beside it had at each revision. */
#define REVISIONS_MAX 64
static char *texts[REVISIONS_MAX];
static unsigned n_texts;

/* Rows alone: the counter of revisions may be ahead of them. */
static char *rows_of(struct store *s, struct error *err)
{
	char *text = NULL;
	if (fixture_dump(s, 0, &text, err))
		return NULL;
	*strstr(text, "rev ") = '\0';
	return text;
}

/* A private service and an endpoint at it, of the same identity: random texts are in them, which go by the id. */
static void put_private(struct store *s, uint64_t id)
{
	char text[POLICY_NAME_SIZE];
	struct error err;
	snprintf(text, sizeof text, "service-%u", (unsigned)id);
	struct store_row service = fixture_service(id, text, id),
			 endpoint = fixture_endpoint(id, id, id);
	snprintf(service.service.tag, POLICY_TAG_SIZE, "%012u", (unsigned)id);
	memset(endpoint.endpoint.uid, (int)id, POLICY_UID_SIZE);
	endpoint.endpoint.state = (enum policy_endpoint_state)(id % 4 + 1);
	fixture_commit(s, &service);
	texts[n_texts++] = rows_of(s, &err);
	fixture_commit(s, &endpoint);
	texts[n_texts++] = rows_of(s, &err);
	fixture_row_free(&service);
	fixture_row_free(&endpoint);
}

static void fill(struct store *s)
{
	struct error err;
	for (uint64_t id = 1; id <= IDENTITIES; id++) {
		char name[16];
		snprintf(name, sizeof name, "identity-%u", (unsigned)id);
		struct store_row i = fixture_identity(id, name), c = fixture_credential(id, id);
		i.identity.revoked = id % 3 == 0;
		if (id % 4 == 0)
			c.credential.revoked_at = 5000;
		fixture_commit(s, &i);
		texts[n_texts++] = rows_of(s, &err);
		fixture_commit(s, &c);
		texts[n_texts++] = rows_of(s, &err);
		fixture_row_free(&i);
		fixture_row_free(&c);
		put_private(s, id);
	}
}

static int set_up(void **state)
{
	int status;
	fixture_make(&fixture);
	snprintf(original, sizeof original, "%s.original", fixture.path);
	snprintf(original_log, sizeof original_log, "%s.original-log", fixture.path);
	snprintf(log_path, sizeof log_path, "%s-wal", fixture.path);
	/* One that ends without closing it leaves what it wrote in the log. */
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		fill(fixture_open(&fixture));
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	fixture_copy(fixture.path, original);
	fixture_copy(log_path, original_log);
	unlink(fixture.path);
	unlink(log_path);
	struct store *s = fixture_open(&fixture);
	struct error err;
	texts[n_texts++] = rows_of(s, &err);
	fill(s);
	store_close(s);
	return 0;
}

static int tear_down(void **state)
{
	while (n_texts)
		free(texts[--n_texts]);
	fixture_remove(&fixture);
	return 0;
}

static void flip(const char *path, off_t at, uint8_t with)
{
	uint8_t byte;
	auto_close int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= with;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static off_t size_of(const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* The index of the text that it reads as, at least `from`; n_texts: it is refused. */
static unsigned read_as(unsigned from)
{
	struct store *s = NULL;
	struct error err = {""};
	int r = store_open(&s, fixture.path, fixture_salt, false, &err);
	auto_free char *text = r ? NULL : rows_of(s, &err);
	store_close(s);
	if (!text) {
		assert_string_not_equal(err.text, "");
		return n_texts;
	}
	for (unsigned i = from; i < n_texts; i++)
		if (strcmp(text, texts[i]) == 0)
			return i;
	assert_string_equal(text, texts[n_texts - 1]);
	return n_texts;
}

static void test_bytes_of_the_file(void **state)
{
	static const uint8_t with[] = {0xff, 0x01, 0x80, 0x03};
	unsigned refused = 0, same = 0;
	char good[PATH_MAX + 8];
	snprintf(good, sizeof good, "%s.good", fixture.path);
	fixture_copy(fixture.path, good);
	off_t size = size_of(good);
	for (off_t at = 0; at < size; at += step) {
		fixture_copy(good, fixture.path);
		flip(fixture.path, at, with[(size_t)(at / step) % ARRAY_LEN(with)]);
		if (read_as(n_texts - 1) == n_texts)
			refused++;
		else
			same++;
		unlink(log_path);
	}
	print_message("%ld bytes: %u changes refused, %u of no meaning\n", (long)size, refused,
		same);
	assert_true(refused > 0 && same > 0);
	fixture_copy(good, fixture.path);
}

static void test_cut(void **state)
{
	char good[PATH_MAX + 8];
	snprintf(good, sizeof good, "%s.good", fixture.path);
	fixture_copy(fixture.path, good);
	off_t size = size_of(good);
	for (off_t to = 0; to < size; to += 8 * step) {
		fixture_copy(good, fixture.path);
		assert_int_equal(truncate(fixture.path, to), 0);
		unsigned as = read_as(n_texts - 1);
		/* Zeros that are missing from the end of the last page are read as zeros. */
		if (to <= size - PAGE)
			assert_int_equal(as, n_texts);
		unlink(log_path);
	}
	fixture_copy(good, fixture.path);
}

/*
 * What is in the log has checksums, by which SQLite tells a commit that was not finished; it cannot tell one
 * that was damaged later. So such a log ends there: what reads is what was there at some revision.
 */
static void test_bytes_of_the_log(void **state)
{
	off_t size = size_of(original_log);
	unsigned earlier = 0;
	for (off_t at = 0; at < size; at += 5 * step) {
		fixture_copy(original, fixture.path);
		fixture_copy(original_log, log_path);
		flip(log_path, at, 0xff);
		earlier += read_as(0) < n_texts - 1;
		unlink(log_path);
	}
	fixture_copy(original, fixture.path);
	fixture_copy(original_log, log_path);
	assert_int_equal(read_as(0), n_texts - 1);
	assert_true(earlier > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_of_the_file),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_bytes_of_the_log),
	};
	if (argc > 1)
		step = (unsigned)strtoul(argv[1], NULL, 10);
	return crypto_start() ? 1 : cmocka_run_group_tests(tests, set_up, tear_down);
}
