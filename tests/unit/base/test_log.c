/* SPDX-License-Identifier: MIT */
/* The log: what a line looks like, that none can forge another, and that nobody waits for a reader.
 */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/log_sink.h"
#include "base/macros.h"

#define TIME "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "

/* Standard error is a pipe while a test runs; `saved` is what it was. */
struct capture {
	int saved, read_fd;
};

static struct capture capture_begin(void)
{
	int p[2];
	assert_return_code(pipe2(p, O_CLOEXEC), errno);
	struct capture c = {dup(STDERR_FILENO), p[0]};
	dup2(p[1], STDERR_FILENO);
	close(p[1]);
	return c;
}

/* Reads to the end, which comes once the log and standard error have let go of the pipe. */
static char *capture_end(struct capture *c, char *out, size_t size)
{
	dup2(c->saved, STDERR_FILENO);
	close(c->saved);
	size_t n = 0;
	ssize_t r;
	while (n < size - 1 && (r = read(c->read_fd, out + n, size - 1 - n)) > 0)
		n += (size_t)r;
	close(c->read_fd);
	out[n] = 0;
	return out;
}

static void assert_matches(const char *text, const char *pattern)
{
	regex_t re;
	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&re, text, 0, NULL, 0) != 0)
		fail_msg("\"%s\" does not match \"%s\"", text, pattern);
	regfree(&re);
}

static void test_sentences(void **state)
{
	static const struct {
		enum log_format format;
		const char *text, *expected; /* behind the time */
	} rows[] = {
		{LOG_TEXT, "plain", "info  plain\n"},
		{LOG_TEXT, "two\nlines\r", "info  two\\x0alines\\x0d\n"},
		{LOG_TEXT, "esc \x1b[31m del \x7f", "info  esc \\x1b[31m del \\x7f\n"},
		{LOG_TEXT, "C1 \xc2\x9b stays out", "info  C1 \\xc2\\x9b stays out\n"},
		{LOG_TEXT, "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9a\x87",
			"info  caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9a\x87\n"},
		{LOG_TEXT, "bad \xff\xc3", "info  bad \\xff\\xc3\n"},
		{LOG_TEXT, "overlong \xc0\xaf \xe0\x80\x8a",
			"info  overlong \\xc0\\xaf \\xe0\\x80\\x8a\n"},
		{LOG_JSON, "say \"hi\" \\ \n \xff",
			"\"level\":\"info\",\"message\":\"say \\\"hi\\\" \\\\ \\u000a "
			"\\u00ff\"}\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err;
		struct capture c = capture_begin();
		struct log_options opts = {.level = LOG_INFO, .format = rows[i].format};
		assert_int_equal(log_start(&opts, &err), 0);
		log_info("%s", rows[i].text);
		log_debug("not at this level");
		log_stop();
		char out[4096];
		capture_end(&c, out, sizeof out);
		size_t skip = rows[i].format == LOG_JSON
				      ? strlen("{\"time\":\"2026-11-23T10:11:12.345Z\",")
				      : strlen("2026-11-23T10:11:12.345Z ");
		assert_true(strlen(out) > skip);
		assert_string_equal(out + skip, rows[i].expected);
		if (rows[i].format == LOG_TEXT)
			assert_matches(out, TIME);
	}
}

/* Behind the sentence, and there however long that is; a number for each. */
static void test_connections(void **state)
{
	static char big[8000];
	memset(big, 'x', sizeof(big) - 1);
	const struct {
		enum log_format format;
		const char *text, *pattern;
	} rows[] = {
		{LOG_TEXT, "it ended", TIME "warn  it ended connection=7\n" TIME "info  none\n$"},
		{LOG_TEXT, big, "xxx\\.\\.\\. connection=7\n"},
		{LOG_JSON, "it ended",
			"\"message\":\"it ended\",\"connection\":7\\}\n.*none\"\\}\n$"},
		{LOG_JSON, big, "xxx\\.\\.\\.\",\"connection\":7\\}\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err;
		struct capture c = capture_begin();
		struct log_options opts = {.level = LOG_INFO, .format = rows[i].format};
		assert_int_equal(log_start(&opts, &err), 0);
		log_warn_of(7, "%s", rows[i].text);
		log_debug_of(7, "not at this level");
		log_info_of(0, "none");
		log_stop();
		char out[8192];
		assert_matches(capture_end(&c, out, sizeof out), rows[i].pattern);
	}
	uint64_t first = log_new_connection();
	assert_true(first > 0);
	assert_int_equal(log_new_connection(), first + 1);
}

static void test_access(void **state)
{
	static const struct {
		enum log_format format;
		struct str path;
		const char *pattern;
	} rows[] = {
		{LOG_TEXT, STR("/a"),
			TIME "access visitor=::1 path=/a status=18446744073709551615\n$"},
		{LOG_TEXT, STR(""), "path=- status"},
		{LOG_TEXT, STR("/ status=200\nx\\"),
			"path=/\\\\x20status=200\\\\x0ax\\\\\\\\ status=18"},
		{LOG_JSON, STR("/\"\n"),
			"^\\{\"time\":\"[^\"]*\",\"level\":\"info\",\"log\":\"access\",\"visitor\":"
			"\"::1\","
			"\"path\":\"/\\\\\"\\\\u000a\",\"status\":18446744073709551615\\}\n$"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err;
		struct capture c = capture_begin();
		struct log_options opts = {.level = LOG_INFO, .format = rows[i].format};
		assert_int_equal(log_start(&opts, &err), 0);
		const struct log_field fields[] = {
			{.name = "visitor", .text = STR("::1")},
			{.name = "path", .text = rows[i].path},
			{.name = "status", .kind = LOG_FIELD_NUMBER, .number = UINT64_MAX},
		};
		log_access(fields, ARRAY_LEN(fields));
		log_stop();
		char out[4096];
		assert_matches(capture_end(&c, out, sizeof out), rows[i].pattern);
	}
}

/* A path of 32 KiB neither swallows what stands behind it nor breaks the JSON. */
static void test_long_values(void **state)
{
	auto_free char *path = malloc(32768);
	assert_non_null(path);
	memset(path, 1, 32768);
	struct error err;
	struct capture c = capture_begin();
	struct log_options opts = {.level = LOG_INFO, .format = LOG_JSON};
	assert_int_equal(log_start(&opts, &err), 0);
	struct log_field fields[10];
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		fields[i] = (struct log_field){.name = "path", .text = {path, 32768}};
	fields[1] = (struct log_field){.name = "n", .kind = LOG_FIELD_NUMBER, .number = 7};
	log_access(fields, ARRAY_LEN(fields));
	memset(path, 'x', 32768);
	log_info("%.*s", 5000, path);
	log_stop();
	char out[16384];
	capture_end(&c, out, sizeof out);
	assert_matches(out,
		"\\\\u0001\\.\\.\\.\",\"n\":7,.*\\.\\.\\.\"\\}\n\\{.*xxx\\.\\.\\.\"\\}\n$");
	assert_true(strlen(out) <= 2 * 4096);
}

static void test_levels(void **state)
{
	struct error err;
	struct log_options opts = {.level = LOG_WARN};
	struct capture c = capture_begin();
	assert_int_equal(log_start(&opts, &err), 0);
	assert_false(log_enabled(LOG_INFO));
	assert_false(log_access_enabled());
	log_info("no");
	log_set_level(LOG_DEBUG);
	assert_true(log_access_enabled());
	log_debug("yes");
	log_stop();
	char out[256];
	assert_matches(capture_end(&c, out, sizeof out), TIME "debug yes\n$");
}

static void test_access_file(void **state)
{
	char path[] = "/tmp/test_log.XXXXXX";
	auto_close int fd = mkstemp(path);
	assert_return_code(fd, errno);
	struct error err;
	struct log_options opts = {.level = LOG_ERROR, .access_file = path};
	const struct log_field field = {.name = "host", .text = STR("h")};
	char out[256] = "";
	for (int i = 0; i < 2; i++) {
		assert_int_equal(log_start(&opts, &err), 0);
		assert_true(log_access_enabled());
		log_access(&field, 1);
		log_stop();
	}
	assert_true(pread(fd, out, sizeof out - 1, 0) > 0);
	assert_matches(out, TIME "access host=h\n.*access host=h\n$"); /* appended, not truncated */
	unlink(path);

	opts.access_off = true;
	assert_int_equal(log_start(&opts, &err), 0);
	assert_false(log_access_enabled());
	log_stop();

	opts = (struct log_options){.access_file = "/nonexistent/dir/access"};
	assert_int_equal(log_start(&opts, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/dir/access"));
}

/* Always JSON, and nowhere else; what is JSON already stands as it is, and a field too long for a line is left out. */
static void test_audit_file(void **state)
{
	char path[] = "/tmp/test_log.XXXXXX", old[64], out[6000] = "";
	auto_close int fd = mkstemp(path);
	assert_return_code(fd, errno);
	static char big[LOG_LINE_MAX];
	memset(big, '1', sizeof big);
	struct error err;
	struct log_options opts = {.level = LOG_ERROR, .audit_file = path};
	struct log_field fields[] = {
		{.name = "action", .text = STR("a\"b")},
		{.name = "detail", .kind = LOG_FIELD_JSON, .text = STR("{\"n\":1}")},
	};
	assert_int_equal(log_start(&opts, &err), 0);
	assert_true(log_audit_enabled());
	log_audit(fields, ARRAY_LEN(fields));
	fields[1].text = (struct str){big, sizeof big};
	log_audit(fields, ARRAY_LEN(fields));
	log_turn();
	/* Both lines are there; then it is renamed, and opened anew. */
	for (int i = 0; i < 1000 && !strchr(strchr(out, '\n') ? strchr(out, '\n') + 1 : "", '\n');
		i++) {
		usleep(1000);
		assert_true(pread(fd, out, sizeof out - 1, 0) >= 0);
	}
	snprintf(old, sizeof old, "%s.1", path);
	assert_return_code(rename(path, old), errno);
	log_reopen();
	for (int i = 0; i < 1000 && access(path, F_OK) != 0; i++)
		usleep(1000);
	log_audit(fields, 1);
	log_stop();
	assert_false(log_audit_enabled());
	assert_true(pread(fd, out, sizeof out - 1, 0) > 0);
	assert_matches(out,
		"^\\{\"at\":\"[^\"]{24}\",\"action\":\"a\\\\\"b\",\"detail\":\\{\"n\":1\\}\\}\n"
		"\\{\"at\":\"[^\"]{24}\",\"action\":\"a\\\\\"b\"\\}\n$");
	auto_close int fresh = open(path, O_RDONLY);
	memset(out, 0, sizeof out);
	assert_true(read(fresh, out, sizeof out - 1) > 0);
	assert_matches(out, "^\\{\"at\":\"[^\"]{24}\",\"action\":\"a\\\\\"b\"\\}\n$");
	unlink(path);
	unlink(old);

	opts.audit_file = "/nonexistent/dir/audit";
	assert_int_equal(log_start(&opts, &err), -ENOENT);
	assert_non_null(strstr(err.text, "audit log /nonexistent/dir/audit"));
}

/* The journal has a time and a priority of its own; another reader with the variable set has not. */
static void test_journal(void **state)
{
	static const struct {
		enum log_format format;
		bool other; /* the variable names another stream */
		const char *pattern;
	} rows[] = {
		{LOG_TEXT, false,
			"^<3>error e\n<4>warn  w\n<6>info  i\n<7>debug d\n<6>access host=h\n$"},
		{LOG_JSON, false,
			"^<3>\\{\"time\":\"[^\"]{24}\",\"level\":\"error\",\"message\":\"e\"\\}\n<"
			"4>.*\n<6>"
			"\\{\"time\":\"[^\"]{24}\",\"level\":\"info\",\"log\":\"access\",\"host\":"
			"\"h\"\\}\n$"},
		{LOG_TEXT, true, TIME "error e\n.*Z access host=h\n$"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err;
		struct stat st;
		char stream[64], out[4096];
		struct capture c = capture_begin();
		struct log_options opts = {.level = LOG_DEBUG, .format = rows[i].format};
		const struct log_field field = {.name = "host", .text = STR("h")};
		assert_return_code(fstat(STDERR_FILENO, &st), errno);
		snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev,
			(uintmax_t)st.st_ino + rows[i].other);
		setenv("JOURNAL_STREAM", stream, 1);
		assert_int_equal(log_start(&opts, &err), 0);
		log_error("e");
		log_warn("w");
		log_info("i");
		log_debug("d");
		log_access(&field, 1);
		log_stop();
		unsetenv("JOURNAL_STREAM");
		assert_matches(capture_end(&c, out, sizeof out), rows[i].pattern);
	}
}

#define STALL_LINES    100000
/* Of a busy machine that emulates another; a call that waited for the reader would never return. */
#define STALL_PATIENCE (20 * CLOCK_S)

/*
 * Nobody reads: every call returns at once, log_stop() within its second. Then the reader comes,
 * and lines kept and lines confessed to be dropped are all there were.
 */
static void test_stall(void **state)
{
	struct error err;
	struct capture c = capture_begin();
	struct log_options opts = {.level = LOG_INFO};
	assert_int_equal(log_start(&opts, &err), 0);
	uint64_t begin = clock_now();
	for (int i = 0; i < STALL_LINES; i++) {
		log_info("line %d of a log that nobody reads", i);
		if (i % 7 == 0)
			log_turn();
	}
	log_turn();
	assert_true(clock_now() - begin < STALL_PATIENCE);

	int reader = c.read_fd;
	fcntl(reader, F_SETFL, O_NONBLOCK);
	size_t size = 8 << 20, n = 0;
	auto_free char *out = malloc(size);
	assert_non_null(out);
	unsigned long dropped = 0;
	/* Resumed at the latest when the ring is empty: no further line is needed for the count. */
	for (uint64_t until = clock_now() + STALL_PATIENCE; clock_now() < until && !dropped;) {
		ssize_t r = read(reader, out + n, size - 1 - n);
		if (r <= 0) {
			usleep(1000);
			continue;
		}
		size_t from = n > 128 ? n - 128 : 0;
		n += (size_t)r;
		out[n] = 0;
		const char *notice = strstr(out + from, " lines of this log were dropped");
		if (!notice)
			continue;
		while (notice[-1] >= '0' && notice[-1] <= '9')
			notice--;
		dropped = strtoul(notice, NULL, 10);
	}
	unsigned long kept = 0;
	for (const char *p = out; (p = strchr(p, '\n')); p++)
		kept += memcmp(p - 6, " reads", 6) == 0;
	assert_true(dropped > 0);
	assert_int_equal(kept + dropped, STALL_LINES);

	log_info("and on it goes");
	log_stop();
	char rest[256] = "";
	assert_true(read(reader, rest, sizeof rest - 1) > 0);
	assert_non_null(strstr(rest, "and on it goes"));
	dup2(c.saved, STDERR_FILENO);
	close(c.saved);
	close(reader);
}

static void test_stop_is_bounded(void **state)
{
	struct error err;
	struct capture c = capture_begin();
	struct log_options opts = {.level = LOG_INFO};
	assert_int_equal(log_start(&opts, &err), 0);
	for (int i = 0; i < 10000; i++)
		log_info("line %d", i);
	uint64_t begin = clock_now();
	log_stop();
	uint64_t took = clock_now() - begin;
	assert_in_range(took, 500 * CLOCK_MS, 1900 * CLOCK_MS);
	static char out[1 << 20];
	capture_end(&c, out, sizeof out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sentences),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_access),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_access_file),
		cmocka_unit_test(test_audit_file),
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_stall),
		cmocka_unit_test(test_stop_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
