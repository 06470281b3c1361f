/* SPDX-License-Identifier: MIT */
#include "client/files/file_answer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "client/files/file_listing.h"
#include "client/files/file_open.h"
#include "client/files/file_path.h"
#include "crypto/keyed_hash.h"
#include "wire/http_condition.h"
#include "wire/http_date.h"
#include "wire/http_range.h"
#include "wire/media_type.h"

#define INDEX   "index.html"
#define MISSING "404.html" /* sent with 404, as the hosts of static sites do */

#define PUT_MAX 1024 /* bytes that one put() adds at most; nothing of a visitor's goes through it */

#define ETAG_SIZE sizeof "\"0123456789abcdef\""

/* One answer in the making. */
struct making {
	struct file_answer *out;
	const struct file_folder *folder;
	const struct http1_head *h;
	int64_t now;
	bool crowded;
	int fd; /* the folder's; -1: not opened */
	int error;
	struct file_path path;
};

static const struct {
	unsigned status;
	const char *phrase, *sentence;
} phrases[] = {
	{200, "OK", ""},
	{206, "Partial Content", ""},
	{301, "Moved Permanently", "this is a directory, whose name ends in a slash"},
	{304, "Not Modified", ""},
	{400, "Bad Request", "the path is not percent-encoded as it should be"},
	{403, "Forbidden", "this file cannot be read"},
	{404, "Not Found", "there is no such file here"},
	{405, "Method Not Allowed", "files are read here, by GET and HEAD"},
	{412, "Precondition Failed", "the file is not as the request expects"},
	{416, "Range Not Satisfiable", "the file ends before that range"},
	{417, "Expectation Failed", ""},
	{431, "Request Header Fields Too Large", ""},
	{503, "Service Unavailable", "too much is asked for at this moment"},
	{505, "HTTP Version Not Supported", ""},
};

static unsigned find_phrase(unsigned status)
{
	unsigned i = 0;
	while (i < ARRAY_LEN(phrases) - 1 && phrases[i].status != status)
		i++;
	return i;
}

/* ---- Writing it ---- */

static void put_bytes(struct making *m, const char *p, size_t n)
{
	if (!m->error)
		m->error = buf_append(&m->out->text, p, n);
}

static __attribute__((format(printf, 2, 3))) void put(struct making *m, const char *format, ...)
{
	char line[PUT_MAX];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	put_bytes(m, line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
}

/* What every answer has: so that a rebuilt site is seen at once, it is asked for again, and a 304 costs little. */
static void put_head(struct making *m, unsigned status)
{
	char date[HTTP_DATE_SIZE];
	http_date_format(m->now, date);
	put(m,
		"HTTP/1.1 %u %s\r\nDate: %s\r\nCache-Control: no-cache\r\n"
		"X-Content-Type-Options: nosniff\r\n%s",
		status, phrases[find_phrase(status)].phrase, date,
		m->out->close ? "Connection: close\r\n" : "");
}

static bool wants_body(const struct making *m)
{
	return !m->h || m->h->method != HTTP1_HEAD;
}

/* The end of the head, and a sentence for people. */
static void put_text(struct making *m, unsigned status, const char *sentence)
{
	char body[256];
	int n = snprintf(body, sizeof body, "%u %s: %s\n", status,
		phrases[find_phrase(status)].phrase, sentence);
	put(m, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n", n);
	if (wants_body(m))
		put_bytes(m, body, (size_t)n);
}

static void put_sentence(struct making *m, unsigned status)
{
	put_text(m, status, phrases[find_phrase(status)].sentence);
}

static void refuse(struct making *m, unsigned status)
{
	put_head(m, status);
	if (status == 405)
		put(m, "Allow: GET, HEAD\r\n");
	if (status == 503)
		put(m, "Retry-After: 1\r\n");
	put_sentence(m, status);
}

/* ---- A file ---- */

/* Strong: no two contents have one, as far as the file system tells them apart. Hashed: inodes are nobody's business. */
static struct str make_etag(const struct stat *st, char out[ETAG_SIZE])
{
	static const struct hash_key key; /* no secret: it is to be the same after a restart */
	const uint64_t facts[] = {st->st_ino, (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec,
		(uint64_t)st->st_mtim.tv_nsec};
	snprintf(out, ETAG_SIZE, "\"%016" PRIx64 "\"", keyed_hash(&key, facts, sizeof facts));
	return str_from(out);
}

/* Sets the part to send, and returns the status. */
static unsigned choose_range(struct making *m, const struct http_validators *v)
{
	struct file_answer *out = m->out;
	size_t at = 0;
	struct str name = STR("range");
	struct str range = http_condition_field(m->h, name, &at);
	bool twice = http_condition_field(m->h, name, &at).p;
	if (!range.p || twice || m->h->method != HTTP1_GET || !http_condition_range(m->h, v))
		return 200;
	switch (http_range_parse(range, out->size, &out->offset, &out->left)) {
	case HTTP_RANGE_PART:
		return 206;
	case HTTP_RANGE_UNSATISFIABLE:
		return 416;
	case HTTP_RANGE_NONE:
		break;
	}
	return 200;
}

static unsigned choose_status(struct making *m, const struct http_validators *v)
{
	switch (http_condition_evaluate(m->h, v)) {
	case HTTP_CONDITION_FAILED:
		return 412;
	case HTTP_CONDITION_NOT_MODIFIED:
		return 304;
	case HTTP_CONDITION_HOLDS:
		break;
	}
	return choose_range(m, v);
}

static void put_validators(struct making *m, const struct http_validators *v)
{
	char modified[HTTP_DATE_SIZE];
	/* RFC 9110, 8.8.2.1: none lies in the future. */
	http_date_format(MIN(v->modified, m->now), modified);
	put(m, "ETag: %.*s\r\nLast-Modified: %s\r\nAccept-Ranges: bytes\r\n", STR_ARG(v->etag),
		modified);
}

/* `fd` is owned. 404: a page in place of the file that was asked for, and the request's conditions are not its. */
static void send_file(struct making *m, int fd, const struct stat *st, const char *path,
	unsigned status)
{
	struct file_answer *out = m->out;
	char etag[ETAG_SIZE];
	struct http_validators v = {make_etag(st, etag), st->st_mtim.tv_sec, m->now};
	out->fd = fd;
	out->size = out->left = (uint64_t)st->st_size;
	out->changed = st->st_mtim;
	if (status == 200)
		status = choose_status(m, &v);
	put_head(m, status);
	if (status == 200 || status == 206 || status == 304)
		put_validators(m, &v);
	if (status == 206)
		put(m, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", out->offset,
			out->offset + out->left - 1, out->size);
	if (status == 416)
		put(m, "Content-Range: bytes */%" PRIu64 "\r\n", out->size);
	if (status == 412 || status == 416)
		put_sentence(m, status);
	else if (status == 304)
		put(m, "\r\n");
	else
		put(m, "Content-Type: %s\r\nContent-Length: %" PRIu64 "\r\n\r\n",
			media_type(str_from(path)), out->left);
	if (!wants_body(m) || status == 304 || status == 412 || status == 416)
		out->left = 0;
}

static void answer_missing(struct making *m)
{
	struct stat st;
	int fd = m->fd < 0 ? -1 : file_open(m->fd, MISSING, &st);
	if (fd >= 0)
		send_file(m, fd, &st, MISSING, 404);
	else
		refuse(m, 404);
}

static void answer_error(struct making *m, int error)
{
	if (error == -EACCES)
		refuse(m, 403);
	else if (error == -ENOENT || error == -EISDIR)
		answer_missing(m);
	else
		refuse(m, 503);
}

/* ---- A directory ---- */

/* Relative, and behind "./", so that it stays on its host, whatever the path begins with or has in it. */
static void redirect(struct making *m)
{
	struct str path = m->h->path;
	const char *slash = memrchr(path.p, '/', path.n);
	size_t before = slash ? (size_t)(slash - path.p) + 1 : 0;
	put_head(m, 301);
	put(m, "Location: ./");
	put_bytes(m, path.p + before, path.n - before);
	put(m, "/");
	put_bytes(m, m->h->query.p, m->h->query.n);
	put(m, "\r\n");
	put_sentence(m, 301);
}

static void list(struct making *m)
{
	struct buf page = BUF_NULL;
	int directory = file_open_directory(m->fd, m->path.text);
	int r = directory < 0 ? directory : file_listing_write(&page, m->fd, directory, &m->path);
	if (r < 0) {
		buf_deinit(&page);
		answer_error(m, r);
		return;
	}
	put_head(m, 200);
	put(m,
		"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n"
		"Content-Type: text/html; charset=utf-8\r\nContent-Length: %zu\r\n\r\n",
		buf_len(&page));
	if (wants_body(m))
		put_bytes(m, (const char *)buf_head(&page), buf_len(&page));
	buf_deinit(&page);
}

static void answer_directory(struct making *m)
{
	struct stat st;
	struct file_path index = m->path;
	int fd = file_path_add(&index, INDEX) ? file_open(m->fd, index.text, &st) : -ENOENT;
	if (fd >= 0)
		send_file(m, fd, &st, INDEX, 200);
	else if ((fd == -ENOENT || fd == -EISDIR) && m->folder->listing && m->crowded)
		refuse(m, 503);
	else if ((fd == -ENOENT || fd == -EISDIR) && m->folder->listing)
		list(m);
	else
		answer_error(m, fd);
}

static void answer_file(struct making *m)
{
	struct stat st;
	int fd = file_open(m->fd, m->path.text, &st);
	if (fd >= 0)
		send_file(m, fd, &st, m->path.text, 200);
	else if (fd == -EISDIR)
		redirect(m);
	else
		answer_error(m, fd);
}

static void answer(struct making *m)
{
	if (m->h->method != HTTP1_GET && m->h->method != HTTP1_HEAD) {
		refuse(m, 405);
		return;
	}
	switch (file_path_decode(m->h->path, &m->path)) {
	case FILE_PATH_MALFORMED:
		refuse(m, 400);
		break;
	case FILE_PATH_HIDDEN:
		answer_missing(m);
		break;
	case FILE_PATH_OK:
		if (m->path.directory)
			answer_directory(m);
		else
			answer_file(m);
	}
}

int file_answer_make(struct file_answer *out, const struct file_folder *folder,
	const struct http1_head *h, int64_t now, bool crowded)
{
	auto_close int fd = file_open_folder(folder->path);
	struct making m =
		{.out = out, .folder = folder, .h = h, .now = now, .crowded = crowded, .fd = fd};
	if (fd < 0)
		return fd;
	out->close = !h->keep_alive || h->minor == 0;
	answer(&m);
	if (m.error)
		file_answer_deinit(out);
	return m.error;
}

int file_answer_malformed(struct file_answer *out, int code, int64_t now)
{
	struct making m = {.out = out, .now = now, .fd = -1};
	unsigned status = (unsigned)http1_error_status(code);
	out->close = true;
	put_head(&m, status);
	put_text(&m, status, http1_error_text(code));
	if (m.error)
		file_answer_deinit(out);
	return m.error;
}

bool file_answer_holds(const struct file_answer *a)
{
	struct stat st;
	return fstat(a->fd, &st) == 0 && (uint64_t)st.st_size == a->size &&
	       st.st_mtim.tv_sec == a->changed.tv_sec && st.st_mtim.tv_nsec == a->changed.tv_nsec;
}

void file_answer_deinit(struct file_answer *a)
{
	buf_deinit(&a->text);
	if (a->fd >= 0)
		close(a->fd);
	*a = FILE_ANSWER_NULL;
}
