/* SPDX-License-Identifier: MIT */
/* An access line is put together by hand, because printf would cost more than the rest of a small request's bookkeeping. */
#include "base/log_line.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#include "base/journal.h"
#include "base/macros.h"

void log_put(struct log_line *l, const char *p, size_t n)
{
	n = MIN(n, (size_t)(l->end - l->p));
	memcpy(l->p, p, n);
	l->p += n;
}

void log_put_number(struct log_line *l, uint64_t v)
{
	char digits[20];
	char *p = digits + sizeof digits;
	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	log_put(l, p, (size_t)(digits + sizeof digits - p));
}

void log_put_time(struct log_line *l, struct log_stamp *s)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != s->second) {
		struct tm tm;
		gmtime_r(&now.tv_sec, &tm);
		char text[64];
		snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.000Z", tm.tm_year + 1900,
			tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
		memcpy(s->text, text, LOG_TIME_LEN);
		s->second = now.tv_sec;
	}
	unsigned ms = (unsigned)(now.tv_nsec / 1000000);
	s->text[20] = (char)('0' + ms / 100);
	s->text[21] = (char)('0' + ms / 10 % 10);
	s->text[22] = (char)('0' + ms % 10);
	log_put(l, s->text, LOG_TIME_LEN);
}

void log_put_escaped(struct log_line *l, struct str text, enum escape how, size_t max)
{
	l->p += escape_text(l->p, MIN(max, (size_t)(l->end - l->p)), text.p, text.n, how);
}

static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '"' || s.p[i] == '=' ||
			s.p[i] == '\\')
			return false;
	return s.n > 0;
}

static void put_text(struct log_line *l, struct str text, enum log_format format)
{
	if (format == LOG_JSON || (format == LOG_LOGFMT && !is_plain(text))) {
		log_put_literal(l, "\"");
		log_put_escaped(l, text, ESCAPE_JSON, LOG_VALUE_MAX);
		log_put_literal(l, "\"");
	} else if (text.n) {
		log_put_escaped(l, text, ESCAPE_VALUE, LOG_VALUE_MAX);
	} else {
		log_put_literal(l, "-");
	}
}

static void put_value(struct log_line *l, const struct log_field *f, enum log_format format)
{
	switch (f->kind) {
	case LOG_FIELD_NUMBER:
		log_put_number(l, f->number);
		break;
	case LOG_FIELD_JSON:
		log_put(l, f->text.p, f->text.n);
		break;
	case LOG_FIELD_TEXT:
		put_text(l, f->text, format);
		break;
	}
}

/* What a field can take at most; a line has room for it or ends without the field. */
static bool has_room(const struct log_line *l, const struct log_field *f, size_t more)
{
	size_t value = f->kind == LOG_FIELD_NUMBER ? 20
		       : f->kind == LOG_FIELD_JSON ? f->text.n
						   : MIN(f->text.n * 6 + 16, LOG_VALUE_MAX);
	return strlen(f->name) + value + more <= (size_t)(l->end - l->p);
}

void log_put_fields(struct log_line *l, const struct log_field *fields, size_t n,
	enum log_format format)
{
	for (const struct log_field *f = fields; f < fields + n; f++) {
		if (!has_room(l, f, sizeof(",\"\":\"\"")))
			continue;
		if (format == LOG_JSON)
			log_put_literal(l, ",\"");
		else
			log_put_literal(l, " ");
		log_put(l, f->name, strlen(f->name));
		if (format == LOG_JSON)
			log_put_literal(l, "\":");
		else
			log_put_literal(l, "=");
		put_value(l, f, format);
	}
}

void log_put_end(struct log_line *l)
{
	l->end += LOG_LINE_TAIL;
	log_put_literal(l, "}");
	l->end -= LOG_LINE_TAIL;
}

void log_put_entry_fields(struct log_line *l, const struct log_field *fields, size_t n)
{
	for (const struct log_field *f = fields; f < fields + n; f++) {
		bool empty = f->kind == LOG_FIELD_TEXT && !f->text.n;
		if (empty || !has_room(l, f, sizeof(JOURNAL_FIELD "=")))
			continue;
		log_put_literal(l, JOURNAL_FIELD);
		for (const char *p = f->name; *p; p++)
			*l->p++ = (char)toupper((unsigned char)*p);
		log_put_literal(l, "=");
		put_value(l, f, LOG_TEXT);
	}
}
