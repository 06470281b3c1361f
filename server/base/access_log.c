/* SPDX-License-Identifier: MIT */
#include "server/base/access_log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/escape.h"
#include "base/log.h"
#include "base/macros.h"
#include "server/base/access_log_rows.h"

const char *const access_query_words[] = {"keep", "mask", "drop", NULL};
const char *const access_format_words[] = {"log", "logfmt", "json", "combined", NULL};

/* Those that each line has, and the most that one has. */
#define ACCESS_FIELDS_ALWAYS 11
#define ACCESS_FIELDS        15

/* Bytes of a line in Apache's form: target, Referer and User-Agent with LOG_VALUE_MAX each, and the rest */
#define LOG_LINE_ROOM (3 * LOG_VALUE_MAX + 512)

/* ---- Apache's form ---- */

struct combined {
	char text[LOG_LINE_ROOM];
	size_t n;
};

static void put(struct combined *c, struct str s)
{
	size_t n = MIN(s.n, sizeof(c->text) - c->n);
	memcpy(c->text + c->n, s.p, n);
	c->n += n;
}

/* What a visitor wrote, between the quotes. */
static void put_quoted(struct combined *c, struct str s)
{
	size_t room = MIN(sizeof(c->text) - c->n, (size_t)LOG_VALUE_MAX);
	if (s.n)
		c->n += escape_text(c->text + c->n, room, s.p, s.n, ESCAPE_JSON);
	else
		put(c, STR("-"));
}

/* The value of the head's first field of that name, which stands with its colon. */
static struct str field_of(struct str head, struct str name)
{
	const char *end = head.p + head.n;
	for (const char *p = head.p; p && (size_t)(end - p) > name.n; p++) {
		if (strncasecmp(p, name.p, name.n) == 0) {
			p += name.n;
			while (p < end && (*p == ' ' || *p == '\t'))
				p++;
			const char *line_end = memchr(p, '\r', (size_t)(end - p));
			return (struct str){p, (size_t)((line_end ? line_end : end) - p)};
		}
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			break;
	}
	return STR_NULL;
}

/* mod_log_config's %t: the time at which the line is written, in UTC */
static void put_time(struct combined *c)
{
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
		"Sep", "Oct", "Nov", "Dec"};
	time_t now = time(NULL);
	struct tm tm;
	gmtime_r(&now, &tm);
	char text[64];
	snprintf(text, sizeof(text), "[%02d/%s/%04d:%02d:%02d:%02d +0000]", tm.tm_mday,
		months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	put(c, str_from(text));
}

/*
 * Readers want a number where the status stands: 499, as nginx has it, of a visitor that left before an answer, and
 * 200 of what is no request and went well, whose method is its kind and whose target is its place.
 */
static unsigned status_of(const struct access_entry *a)
{
	return a->status ? a->status : a->why ? 499 : 200;
}

/* `fields` has it as well, for the journal. */
static void log_combined(const struct access_entry *a, const struct log_field *fields, size_t n)
{
	struct combined c = {.n = 0};
	char room[ACCESS_TARGET_SIZE], numbers[64];
	put(&c, a->visitor.n ? a->visitor : STR("-"));
	put(&c, STR(" - - "));
	put_time(&c);
	put(&c, STR(" \""));
	put_quoted(&c, a->method);
	put(&c, STR(" "));
	put_quoted(&c, a->path.n ? access_target(a->path, a->query, room) : a->host);
	put(&c, STR(" "));
	put(&c, str_from(a->protocol ? a->protocol : "HTTP/1.1"));
	snprintf(numbers, sizeof(numbers), "\" %u %llu \"", status_of(a),
		(unsigned long long)a->bytes_out);
	put(&c, str_from(numbers));
	put_quoted(&c, field_of(a->head, STR("Referer:")));
	put(&c, STR("\" \""));
	put_quoted(&c, field_of(a->head, STR("User-Agent:")));
	put(&c, STR("\""));
	log_access_text((struct str){c.text, c.n}, fields, n);
}

void access_log(const struct access_entry *a)
{
	if (!log_access_enabled())
		return;
	char room[ACCESS_TARGET_SIZE];
#define TEXT(n, value)                                               \
	{                                                            \
		.name = (n), .kind = LOG_FIELD_TEXT, .text = (value) \
	}
#define NUMBER(n, value)                                                 \
	{                                                                \
		.name = (n), .kind = LOG_FIELD_NUMBER, .number = (value) \
	}
	struct log_field fields[ACCESS_FIELDS] = {
		TEXT("visitor", a->visitor),
		TEXT("method", a->method),
		TEXT("host", a->host),
		TEXT("path", access_target(a->path, a->query, room)),
		NUMBER("status", a->status),
		NUMBER("bytes_in", a->bytes_in),
		NUMBER("bytes_out", a->bytes_out),
		NUMBER("duration_us", a->duration),
		TEXT("session", a->session),
		NUMBER("connection", a->connection),
		TEXT("request_id", a->request_id),
	};
	size_t n = ACCESS_FIELDS_ALWAYS;
	if (a->protocol)
		fields[n++] = (struct log_field)TEXT("protocol", str_from(a->protocol));
	if (a->consumer.n) {
		fields[n++] = (struct log_field)TEXT("consumer", a->consumer);
		fields[n++] = (struct log_field)NUMBER("link", a->link);
	}
	if (a->rule.n)
		fields[n++] = (struct log_field)TEXT("rule", a->rule);
	if (a->why)
		fields[n++] = (struct log_field)TEXT("why", str_from(a->why));
#undef TEXT
#undef NUMBER
	if (a->format == ACCESS_FORMAT_COMBINED)
		log_combined(a, fields, n);
	else
		log_access(fields, n);
}

int access_log_check(struct str text, struct error *err)
{
	static const char *const yes[] = {"on", "true", "yes", "1", "stderr", "log", "default"};
	static const char *const no[] = {"false", "no", "0", "none", "null"};
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		if (str_eq_nocase(text, str_from(yes[i])))
			return error_set(err, -EINVAL,
				"\"%.*s\" is no file: without --access-log its lines go to the log "
				"on "
				"standard error, to standard output with stdout, nowhere with off",
				STR_ARG(text));
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		if (str_eq_nocase(text, str_from(no[i])))
			return error_set(err, -EINVAL, "\"%.*s\" is no file: write off",
				STR_ARG(text));
	return 0;
}
