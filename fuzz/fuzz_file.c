/* SPDX-License-Identifier: MIT */
/*
 * What a folder's server reads of a request, on any bytes in memory of exactly their size. What is claimed: a path
 * that is let through names something below the folder and nothing hidden; a range lies within the file; a date
 * that was read is written and read again as the same; a URL of a folder is an absolute path.
 */
#include <stdlib.h>

#include "base/macros.h"
#include "client/files/file_path.h"
#include "wire/http_condition.h"
#include "wire/http_date.h"
#include "wire/http_range.h"
#include "wire/media_type.h"
#include "wire/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

#define LIMIT 2048 /* bytes of a head: small, so that the fuzzer gets there */

static struct file_path path;
static struct http1_head head = HTTP1_HEAD_OF(20);

/* Written a second time, segment by segment and as simple as can be. */
static bool may_be_served(const char *text)
{
	if (*text == '/')
		return false;
	for (size_t at = 0; *text; at++) {
		size_t n = strcspn(text, "/");
		struct str name = {text, n};
		if (n == 0 || (*text == '.' && !(at == 0 && str_eq(name, STR(".well-known")))))
			return false;
		text += n + (text[n] == '/');
		if (!*text && text[-1] == '/')
			return false;
	}
	return true;
}

static void check_path(struct str text)
{
	if (!text.n || text.p[0] != '/' || file_path_decode(text, &path))
		return;
	CLAIM(strlen(path.text) == path.n && path.n < sizeof path.text);
	CLAIM(may_be_served(path.text));
	CLAIM(!file_path_is_hidden((struct str){path.text, path.n}));
	CLAIM(media_type((struct str){path.text, path.n}));
	size_t n = path.n;
	bool added = file_path_add(&path, "index.html");
	CLAIM(strlen(path.text) == path.n && (added ? path.n > n : path.n == n));
}

static void check_range(struct str text)
{
	static const uint64_t sizes[] = {0, 1, 10, 1ull << 40, INT64_MAX};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint64_t first, n;
		if (http_range_parse(text, sizes[i], &first, &n) == HTTP_RANGE_PART)
			CLAIM(n > 0 && first < sizes[i] && n <= sizes[i] - first);
	}
}

static void check_date(struct str text)
{
	int64_t seconds, again;
	char written[HTTP_DATE_SIZE];
	if (!http_date_parse(text, &seconds))
		return;
	http_date_format(seconds, written);
	CLAIM(http_date_parse(str_from(written), &again));
	http_date_format(again, written);
	CLAIM(again == seconds || strstr(written, " 1000 ") || strstr(written, " 9999 "));
}

static void check_head(struct str text)
{
	const struct http_validators v = {STR("\"x\""), 784111777, 784111999};
	size_t scanned = 0;
	if (http1_parse_request(&head, (const uint8_t *)text.p, text.n, LIMIT, &scanned))
		return;
	http_condition_evaluate(&head, &v);
	http_condition_range(&head, &v);
	check_path(head.path);
}

static void check_url(struct str text)
{
	struct url u;
	struct error err;
	if (url_parse_upstream(text, &u, &err) || u.scheme != URL_FILE)
		return;
	char *folder = url_folder(&u);
	CLAIM(folder && folder[0] == '/' && folder[1]);
	free(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const checks[])(
		struct str) = {check_path, check_range, check_date, check_head, check_url};
	if (size < 1)
		return 0;
	/* The first byte chooses what the rest is. */
	char *copy = malloc(MAX(size - 1, 1));
	CLAIM(copy);
	memcpy(copy, data + 1, size - 1);
	checks[data[0] % ARRAY_LEN(checks)]((struct str){copy, size - 1});
	free(copy);
	return 0;
}
