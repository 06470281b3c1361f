/* SPDX-License-Identifier: MIT */
/* The access log's file: opened anew without losing or splitting a line, and a disk that is full. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <regex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/log_file.h"
#include "base/macros.h"

#define PATIENCE (10 * CLOCK_S)

/* A directory with the access log, and what the main log says in a file beside it. */
struct place {
	char dir[32], path[64], other[64], main[64];
	int saved; /* standard error as it was */
};

static void stderr_to(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
	assert_return_code(fd, errno);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	strcpy(p->dir, "/tmp/test_log_file.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof p->path, "%s/access", p->dir);
	snprintf(p->other, sizeof p->other, "%s/access.1", p->dir);
	snprintf(p->main, sizeof p->main, "%s/main", p->dir);
	p->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	stderr_to(p->main);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	dup2(p->saved, STDERR_FILENO);
	close(p->saved);
	unlink(p->path);
	unlink(p->other);
	unlink(p->main);
	rmdir(p->dir);
	free(p);
	return 0;
}

static void start(const char *access_file)
{
	struct error err;
	struct log_options opts = {.level = LOG_INFO, .access_file = access_file};
	if (log_start(&opts, &err))
		fail_msg("%s", err.text);
}

static void say(const char *host)
{
	const struct log_field field = {.name = "host", .text = str_from(host)};
	log_access(&field, 1);
}

/* What stands in the file, or ""; the caller frees it. */
static char *text_of(const char *path)
{
	char *text = calloc(1, 1 << 16);
	auto_close int fd = open(path, O_RDONLY | O_NONBLOCK);
	if (fd >= 0 && read(fd, text, (1 << 16) - 1) < 0)
		text[0] = 0;
	return text;
}

static bool matches(const char *text, const char *pattern)
{
	regex_t re;
	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	bool yes = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return yes;
}

static void assert_file(const char *path, const char *pattern)
{
	auto_free char *text = text_of(path);
	if (matches(text, pattern))
		return;
	/* Standard error is a file of the test's. */
	print_message("%s: \"%s\" does not match \"%s\"\n", path, text, pattern);
	fail();
}

static void await_file(const char *path, const char *pattern)
{
	for (uint64_t until = clock_now() + PATIENCE; clock_now() < until; usleep(1000)) {
		auto_free char *text = text_of(path);
		if (matches(text, pattern))
			return;
	}
	assert_file(path, pattern);
}

#define LINE(host) "[0-9TZ:.-]{24} access host=" host "\n"

static void test_reopen(void **state)
{
	struct place *p = *state;
	start(p->path);
	say("one");
	await_file(p->path, "one\n");
	assert_return_code(rename(p->path, p->other), errno);
	say("two"); /* may still wait: it goes to either */
	log_reopen();
	await_file(p->main, "the access log .*/access was opened anew\n");
	say("three");
	log_stop();
	auto_free char *old = text_of(p->other), *new = text_of(p->path);
	auto_free char *both = NULL;
	assert_true(asprintf(&both, "%s%s", old, new) > 0);
	assert_true(matches(both, "^" LINE("one") LINE("two") LINE("three") "$"));
	assert_true(matches(new, "three"));
	assert_false(matches(old, "three"));
}

static void test_reopen_fails(void **state)
{
	struct place *p = *state;
	start(p->path);
	assert_return_code(rename(p->path, p->other), errno);
	assert_return_code(mkdir(p->path, 0700), errno); /* in its way */
	log_reopen();
	await_file(p->main,
		"error the access log .*/access cannot be opened anew: Is a directory; its "
		"lines go on to the file that was open\n");
	say("one");
	log_stop();
	rmdir(p->path);
	assert_file(p->other, "^" LINE("one") "$");
}

static void test_no_access_log(void **state)
{
	struct place *p = *state;
	log_reopen(); /* before there is a log */
	start(NULL);
	log_reopen();
	log_info("goes on");
	log_stop();
	assert_file(p->main, "^[^\n]* info  goes on\n$");
}

/* It waits for no reader, and its lines do. */
static void test_fifo(void **state)
{
	struct place *p = *state;
	assert_return_code(mkfifo(p->path, 0600), errno);
	start(p->path);
	say("one");
	auto_close int reader = open(p->path, O_RDONLY | O_NONBLOCK);
	assert_return_code(reader, errno);
	log_reopen();
	await_file(p->main, "opened anew");
	say("two");
	log_stop();
	char text[256] = "";
	assert_true(read(reader, text, sizeof text - 1) > 0);
	assert_true(matches(text, "^" LINE("one") LINE("two") "$"));
}

/* What a file may grow to, which stands for a disk that is full: a write ends in the middle. */
static void limit_files(rlim_t size)
{
	struct rlimit limit;
	signal(SIGXFSZ, SIG_IGN);
	assert_return_code(getrlimit(RLIMIT_FSIZE, &limit), errno);
	limit.rlim_cur = size;
	assert_return_code(setrlimit(RLIMIT_FSIZE, &limit), errno);
}

#define LINE_SIZE     41   /* "2026-11-23T10:11:12.345Z access host=one" and the newline */
#define PIECE         29   /* of the second line, that the disk still takes */
#define MAIN_LOG_SIZE 4096 /* more than is said there */

/* The limit is every file's, so the main log goes to a pipe meanwhile. */
struct pipe {
	int fd;
};

static struct pipe stderr_to_pipe(void)
{
	int fds[2];
	assert_return_code(pipe2(fds, O_CLOEXEC | O_NONBLOCK), errno);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	return (struct pipe){fds[0]};
}

static void await_pipe(struct pipe *p, const char *pattern)
{
	char text[MAIN_LOG_SIZE] = "";
	size_t n = 0;
	for (uint64_t until = clock_now() + PATIENCE; clock_now() < until; usleep(1000)) {
		ssize_t r = read(p->fd, text + n, sizeof text - 1 - n);
		n += r > 0 ? (size_t)r : 0;
		text[n] = 0;
		if (matches(text, pattern))
			return;
	}
	fail_msg("\"%s\" does not match \"%s\"", text, pattern);
}

static void fill_disk(struct place *p, struct pipe *main)
{
	limit_files(LINE_SIZE + PIECE);
	start(p->path);
	say("one");
	say("two");
	await_pipe(main,
		"error the access log .* cannot be written: File too large; .*lost so far: 0");
	say("six");
}

static void test_full_disk(void **state)
{
	struct place *p = *state;
	struct pipe main = stderr_to_pipe();
	fill_disk(p, &main);
	assert_file(p->path, "^" LINE("one") "[^\n]{29}$");
	limit_files(RLIM_INFINITY);
	await_pipe(&main, "warn  the access log .* is written again \\(lines lost: 0\\)\n");
	log_stop();
	assert_file(p->path, "^" LINE("one") LINE("two") LINE("six") "$");
	close(main.fd);
}

/* Who makes room by emptying the log itself finds no piece of a line at its start. */
static void test_full_disk_emptied(void **state)
{
	struct place *p = *state;
	struct pipe main = stderr_to_pipe();
	fill_disk(p, &main);
	limit_files(RLIM_INFINITY);
	assert_return_code(truncate(p->path, 0), errno);
	await_pipe(&main, "is written again");
	log_stop();
	assert_file(p->path, "^" LINE("two") LINE("six") "$");
	close(main.fd);
}

/* A line of another program behind the piece of ours: ours is written again, whole. */
static void test_full_disk_shared(void **state)
{
	struct place *p = *state;
	struct pipe main = stderr_to_pipe();
	fill_disk(p, &main);
	limit_files(RLIM_INFINITY);
	auto_close int fd = open(p->path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "else", 4), 4);
	await_pipe(&main, "is written again");
	log_stop();
	assert_file(p->path, "^" LINE("one") "[^\n]{29}else\n" LINE("two") LINE("six") "$");
	close(main.fd);
}

static void test_full_disk_reopened(void **state)
{
	struct place *p = *state;
	struct pipe main = stderr_to_pipe();
	fill_disk(p, &main);
	assert_return_code(rename(p->path, p->other), errno);
	limit_files(RLIM_INFINITY);
	log_reopen();
	await_pipe(&main, "opened anew");
	log_stop();
	assert_file(p->path, "^" LINE("two") LINE("six") "$");
	close(main.fd);
}

/* A run that ended with a full disk left a piece behind. */
static void test_torn_before(void **state)
{
	struct place *p = *state;
	auto_close int fd = open(p->path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "torn", 4), 4);
	start(p->path);
	say("one");
	log_stop();
	assert_file(p->path, "^torn\n" LINE("one") "$");
}

/* One that ended as it should, or is empty, gets no empty line. */
static void test_whole_before(void **state)
{
	static const char *const before[] = {"whole\n", ""};
	struct place *p = *state;
	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		char pattern[128];
		auto_close int fd = open(p->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		assert_int_equal(write(fd, before[i], strlen(before[i])), strlen(before[i]));
		start(p->path);
		say("one");
		log_stop();
		snprintf(pattern, sizeof pattern, "^%s%s$", before[i], LINE("one"));
		assert_file(p->path, pattern);
	}
}

/* Which bytes count as written: those of whole lines, and the rest once its line is whole. */
static void test_lines_done(void **state)
{
	static const struct {
		const char *bytes;
		size_t done, partial;
	} rows[] = {
		{"one\n", 4, 0},
		{"one\ntwo\n", 8, 0},
		{"one\ntw", 4, 0}, /* what is not whole is not written */
		{"tw", 0, 2},      /* unless there is nothing else */
		{"o", 0, 3},
		{"\n", 4, 0},
		{"\n\n", 2, 0},
	};
	struct place *p = *state;
	struct log_file f;
	assert_int_equal(log_file_open(&f, p->path), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t done;
		assert_int_equal(log_file_write(&f, rows[i].bytes, strlen(rows[i].bytes), &done),
			0);
		assert_int_equal(done, rows[i].done);
		assert_int_equal(f.partial, rows[i].partial);
	}
	log_file_close(&f);
	assert_int_equal(f.fd, -1);
	assert_file(p->path, "^one\none\ntwo\none\ntwo\n\n\n$");
}

/* A pipe gets pieces that it takes whole; a file or a socket gets more at once. */
static void test_kinds_of_files(void **state)
{
	struct place *p = *state;
	struct log_file f;
	int fds[2];
	assert_int_equal(log_file_open(&f, p->path), 0);
	assert_true(f.is_regular && !f.is_socket && f.unsure);
	assert_int_equal(f.write_max, 64 << 10);
	log_file_close(&f);

	assert_int_equal(unlink(p->path), 0);
	assert_int_equal(mkfifo(p->path, 0600), 0);
	assert_int_equal(log_file_open(&f, p->path), 0);
	assert_true(!f.is_regular && !f.is_socket);
	assert_int_equal(f.write_max, PIPE_BUF);
	log_file_close(&f);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	dup2(fds[0], STDERR_FILENO);
	assert_int_equal(log_file_open(&f, NULL), 0);
	assert_true(f.is_socket && !f.is_regular && !f.unsure && !f.is_journal);
	assert_int_equal(f.write_max, 64 << 10);
	log_file_close(&f); /* does not close standard error */
	assert_int_equal(write(STDERR_FILENO, "x", 1), 1);
	close(fds[0]);
	close(fds[1]);
}

#define MANY 60000 /* lines: more than a sink's ring takes */

/* Lines that wait, lines that found no room: what is lost at the end is said, and it is all of them. */
static void test_lost_lines_are_counted(void **state)
{
	struct place *p = *state;
	start("/dev/full");
	for (int i = 0; i < MANY; i++)
		say("one");
	log_stop();
	assert_file(p->main,
		"error the access log /dev/full cannot be written: No space left on device; "
		".*\n.*could not be written before the end: No space left on device "
		"\\(lines lost: 60000\\)\n$");
}

static void test_main_log_on_a_full_disk(void **state)
{
	struct place *p = *state;
	stderr_to("/dev/full");
	start(p->path);
	log_info("nobody will see this");
	say("one");
	await_file(p->path,
		"error the log on standard error cannot be written: No space left on device; ");
	log_stop();
	assert_file(p->path, "could not be written before the end: .*\\(lines lost: 1\\)\n$");
	assert_file(p->path, LINE("one"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_reopen),
		TEST(test_reopen_fails),
		TEST(test_no_access_log),
		TEST(test_fifo),
		TEST(test_full_disk),
		TEST(test_full_disk_emptied),
		TEST(test_full_disk_shared),
		TEST(test_full_disk_reopened),
		TEST(test_torn_before),
		TEST(test_whole_before),
		TEST(test_lines_done),
		TEST(test_kinds_of_files),
		TEST(test_lost_lines_are_counted),
		TEST(test_main_log_on_a_full_disk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
