/* SPDX-License-Identifier: MIT */
/* What a folder answers to one request: status, fields, and which bytes of which file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/files/file_answer.h"

static char place[] = "/tmp/tunnel-file-answer-XXXXXX", text[] = "file:///x";
static struct file_folder folder = {.path = place, .text = text, .users = 1};

static void put(const char *name, const char *content)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", place, name);
	if (!content) {
		assert_int_equal(mkdir(path, 0755), 0);
		return;
	}
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(content, f);
	fclose(f);
}

static int setup(void **state)
{
	assert_non_null(mkdtemp(place));
	put("a.html", "0123456789");
	put(".hidden", "secret");
	put("with", NULL);
	put("with/index.html", "<index>");
	put("without", NULL);
	put("without/entry", "");
	put("a directory", NULL);
	return 0;
}

static int teardown(void **state)
{
	char command[sizeof(place) + 16];
	snprintf(command, sizeof(command), "rm -r %s", place);
	return system(command);
}

static int answer(struct file_answer *a, const char *request, bool crowded)
{
	struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
	size_t scanned = 0;
	*a = FILE_ANSWER_NULL;
	assert_int_equal(http1_parse_request(&h, (const uint8_t *)request, strlen(request), 4096,
				 &scanned),
		0);
	return file_answer_make(a, &folder, &h, 1700000000, crowded);
}

static bool says(const struct file_answer *a, const char *what)
{
	return memmem(buf_head(&a->text), buf_len(&a->text), what, strlen(what));
}

#define ASK(method, path, fields) method " " path " HTTP/1.1\r\nHost: a\r\n" fields "\r\n"

static void test_answers(void **state)
{
	static const struct {
		const char *request;
		bool listing, crowded;
		unsigned status;
		bool validators; /* ETag, Last-Modified */
		uint64_t offset, left;
		const char *says;
	} rows[] = {
		{ASK("GET", "/a.html", ""), 0, 0, 200, 1, 0, 10, "Content-Type: text/html"},
		{ASK("HEAD", "/a.html", ""), 0, 0, 200, 1, 0, 0, "Content-Length: 10\r\n"},
		{ASK("GET", "/a.html", "Range: bytes=2-4\r\n"), 0, 0, 206, 1, 2, 3,
			"Content-Range: bytes 2-4/10\r\n"},
		{ASK("GET", "/a.html", "Range: bytes=10-\r\n"), 0, 0, 416, 0, 0, 0,
			"Content-Range: bytes */10\r\n"},
		{ASK("HEAD", "/a.html", "Range: bytes=2-4\r\n"), 0, 0, 200, 1, 0, 0, ""},
		{ASK("GET", "/a.html", "Range: bytes=2-4\r\nRange: bytes=1-2\r\n"), 0, 0, 200, 1, 0,
			10, ""},
		{ASK("GET", "/a.html", "If-None-Match: *\r\n"), 0, 0, 304, 1, 0, 0, ""},
		{ASK("GET", "/a.html", "If-Match: \"x\"\r\n"), 0, 0, 412, 0, 0, 0, ""},
		{ASK("POST", "/a.html", ""), 0, 0, 405, 0, 0, 0, "Allow: GET, HEAD\r\n"},
		{ASK("GET", "/nothing", ""), 0, 0, 404, 0, 0, 0, "404 Not Found: there is no"},
		{ASK("HEAD", "/nothing", ""), 0, 0, 404, 0, 0, 0, "Content-Type: text/plain"},
		{ASK("GET", "/.hidden", ""), 1, 0, 404, 0, 0, 0, ""},
		{ASK("GET", "/%zz", ""), 0, 0, 400, 0, 0, 0, ""},
		{ASK("GET", "/with/", ""), 0, 0, 200, 1, 0, 7, "Content-Type: text/html"},
		{ASK("GET", "/with/", ""), 1, 1, 200, 1, 0, 7, ""},
		{ASK("GET", "/with?a=b", ""), 0, 0, 301, 0, 0, 0, "Location: ./with/?a=b\r\n"},
		{ASK("GET", "/a%20directory", ""), 0, 0, 301, 0, 0, 0,
			"Location: ./a%20directory/\r\n"},
		{ASK("GET", "/without/", ""), 0, 0, 404, 0, 0, 0, ""},
		{ASK("GET", "/without/", ""), 0, 1, 404, 0, 0, 0, ""},
		{ASK("GET", "/without/", ""), 1, 0, 200, 0, 0, 0, "entry"},
		{ASK("GET", "/without/", ""), 1, 1, 503, 0, 0, 0, "Retry-After: 1\r\n"},
		{ASK("GET", "/a.html/", ""), 1, 0, 404, 0, 0, 0, ""},
		{ASK("GET", "/a.html", "Connection: close\r\n"), 0, 0, 200, 1, 0, 10,
			"Connection: close\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct file_answer a;
		char line[32];
		folder.listing = rows[i].listing;
		assert_int_equal(answer(&a, rows[i].request, rows[i].crowded), 0);
		snprintf(line, sizeof(line), "HTTP/1.1 %u ", rows[i].status);
		if (strncmp((const char *)buf_head(&a.text), line, strlen(line)) != 0 ||
			says(&a, "ETag: ") != rows[i].validators ||
			says(&a, "Last-Modified: ") != rows[i].validators ||
			!says(&a, rows[i].says) || a.left != rows[i].left ||
			(a.left && a.offset != rows[i].offset))
			fail_msg("row %zu: %.*s", i, (int)buf_len(&a.text),
				(const char *)buf_head(&a.text));
		assert_int_equal(says(&a, "Content-Length: "), rows[i].status != 304);
		assert_int_equal(a.close, strstr(rows[i].request, "close") != NULL);
		assert_int_equal(says(&a, "Connection: close"), a.close);
		assert_true(says(&a, "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"));
		/* To HEAD a sentence is not sent. */
		if (strncmp(rows[i].request, "HEAD", 4) == 0)
			assert_memory_equal(buf_head(&a.text) + buf_len(&a.text) - 4, "\r\n\r\n",
				4);
		file_answer_deinit(&a);
		assert_int_equal(a.fd, -1);
	}
	folder.listing = false;
}

/* The page of a site's own in place of a sentence, without the conditions of the file that was asked for. */
static void test_missing_page(void **state)
{
	struct file_answer a;
	put("404.html", "<missing>");
	assert_int_equal(answer(&a, ASK("GET", "/nothing", "If-None-Match: *\r\n"), false), 0);
	assert_true(says(&a, "HTTP/1.1 404 Not Found\r\n"));
	assert_false(says(&a, "ETag: "));
	assert_int_equal(a.left, strlen("<missing>"));
	file_answer_deinit(&a);
	char path[128];
	snprintf(path, sizeof(path), "%s/404.html", place);
	unlink(path);
}

static void test_malformed(void **state)
{
	struct file_answer a = FILE_ANSWER_NULL;
	assert_int_equal(file_answer_malformed(&a, HTTP1_E_START_LINE, 1700000000), 0);
	assert_true(says(&a, "HTTP/1.1 400 Bad Request\r\n"));
	assert_true(says(&a, "Connection: close\r\n"));
	assert_true(a.close);
	file_answer_deinit(&a);
}

/* A file that was written to while it was sent is another one. */
static void test_changes(void **state)
{
	struct file_answer a;
	put("b.html", "0123456789");
	assert_int_equal(answer(&a, ASK("GET", "/b.html", ""), false), 0);
	assert_true(file_answer_holds(&a));
	put("b.html", "0123456789a");
	assert_false(file_answer_holds(&a));
	file_answer_deinit(&a);
}

static void test_no_folder(void **state)
{
	static char nowhere[] = "/nonexistent/folder";
	struct file_answer a;
	folder.path = nowhere;
	assert_true(answer(&a, ASK("GET", "/", ""), false) < 0);
	assert_null(a.text.data);
	folder.path = place;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_missing_page),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_no_folder),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
