/* SPDX-License-Identifier: MIT */
#include "server/trace/otlp_headers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "base/macros.h"
#include "config/token_source.h"
#include "wire/http1.h"

/* Of a line, to show which it is; its value is a secret. */
#define NAME_SHOWN 40

/* What exchange() in otlp_post.c writes itself, and what would change how the rest is read. */
static const char *const own[] = {"Host", "User-Agent", "Content-Type", "Content-Length",
	"Content-Encoding", "Transfer-Encoding", "Connection", "Expect", "Trailer", "Upgrade"};

/* All of it and a NUL; what is longer than OTLP_HEADERS_MAX is an error. */
static int read_file(const char *path, char text[OTLP_HEADERS_MAX + 2], struct error *warning_out,
	struct error *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return file_error(err, -errno, path, FILE_READ_SECRET,
			"the file of fields %s cannot be opened", path);
	int r = token_source_check_file(fd, path, warning_out, err);
	if (r < 0)
		return r;
	size_t n = 0;
	ssize_t got;
	do {
		got = read(fd, text + n, OTLP_HEADERS_MAX + 1 - n);
		if (got < 0 && errno != EINTR)
			return error_set(err, -errno, "%s cannot be read: %m", path);
		n += got > 0 ? (size_t)got : 0;
	} while (got != 0 && n <= OTLP_HEADERS_MAX);
	text[n] = 0;
	if (n > OTLP_HEADERS_MAX)
		return error_set(err, -EINVAL, "%s is longer than %d bytes", path,
			OTLP_HEADERS_MAX);
	return 0;
}

/* The parser of requests is the judge: NULL, or why a line is none of ours. */
static const char *fault(struct http1_head *h, struct str line)
{
	static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\n";
	char text[sizeof(head) + OTLP_HEADERS_MAX + 4];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s%.*s\r\n\r\n", head, STR_ARG(line)),
	       scanned = 0;
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (line.n > strlen(own[i]) && line.p[strlen(own[i])] == ':' &&
			strncasecmp(line.p, own[i], strlen(own[i])) == 0)
			return "the exporter writes this field itself";
	int r = http1_parse_request(h, (const uint8_t *)text, n, sizeof(text), &scanned);
	explicit_bzero(text, sizeof(text));
	if (r == HTTP1_OK && h->n_fields == 2)
		return NULL;
	if (!memchr(line.p, ':', line.n))
		return "a line is NAME: VALUE";
	return r > HTTP1_MORE ? http1_error_text(r) : "it is not one field";
}

/* Bytes of it that may be shown: in a line without a name any may be the secret's. */
static size_t name_of(struct str line)
{
	size_t n = strcspn(line.p, " \t:=\r\n");
	return n < line.n && strchr(":=", line.p[n]) ? MIN(n, (size_t)NAME_SHOWN) : 0;
}

/* Puts those that are fields behind each other. */
static int take_lines(const char *path, const char *from, char *to, struct error *err)
{
	struct http1_head h = HTTP1_HEAD_OF(2); /* Host, and the line */
	for (unsigned number = 1; *from; number++) {
		struct str line = {from, strcspn(from, "\n")};
		from += line.n + (from[line.n] == '\n');
		while (line.n && strchr("\r \t", line.p[line.n - 1]))
			line.n--;
		if (!line.n || *line.p == '#')
			continue;
		const char *why = fault(&h, line);
		if (why)
			return error_set(err, -EINVAL, "%s, line %u (%.*s…): %s", path, number,
				(int)name_of(line), line.p, why);
		to += sprintf(to, "%.*s\r\n", STR_ARG(line));
	}
	return 0;
}

int otlp_headers_read(const char *path, char **text_out, struct error *warning_out,
	struct error *err)
{
	char text[OTLP_HEADERS_MAX + 2];
	warning_out->text[0] = 0;
	int r = read_file(path, text, warning_out, err);
	/* A line's end may become longer by a byte. */
	char *fields = r < 0 ? NULL : calloc(1, 2 * sizeof(text));
	if (r == 0 && !fields)
		r = error_set(err, -ENOMEM, "out of memory");
	if (r == 0)
		r = take_lines(path, text, fields, err);
	explicit_bzero(text, sizeof(text));
	if (r < 0)
		otlp_headers_free(fields);
	else
		*text_out = fields;
	return r;
}

char *otlp_headers_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
	return NULL;
}
