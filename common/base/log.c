/* SPDX-License-Identifier: MIT */
/*
 * Making lines: time, level, escaped text, in one of two forms, into this thread's batch. Nothing
 * here allocates but a thread's first line; an access line is put together by hand, because printf
 * would cost more than the rest of a small request's bookkeeping.
 */
#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/journal.h"
#include "base/log_sink.h"
#include "base/macros.h"

/* A thread's lines of one turn, per sink; a full batch is handed over early. */
#define BATCH_SIZE ((size_t)32 << 10)

/* What ends a line whatever came before: the mark of a cut, closing quote and brace, newline. */
#define TAIL_MAX 16

/* "2026-11-23T10:11:12.345Z" */
#define TIME_LEN 24

/* The last time written; only its milliseconds are made anew within a second. */
struct stamp {
	time_t second;
	char text[TIME_LEN];
};

struct batch {
	char data[LOG_SINKS][BATCH_SIZE];
	size_t len[LOG_SINKS];
	struct stamp stamp;
	bool turns; /* this thread calls log_turn() */
};

/* Where a line is being written; nothing goes behind `end`. */
struct line {
	char *p, *end;
};

static struct {
	atomic_bool started;
	enum log_format format, access_format;
	bool access_off, access_file, audit_file;
	bool journal[LOG_SINKS];
	bool reader; /* a person, at a terminal */
	bool colour;
} config;

static _Thread_local struct batch *batch;
static pthread_key_t batch_key;
static pthread_once_t batch_once = PTHREAD_ONCE_INIT;

static const char *const level_names[] =
	{[LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

/* Of a terminal (ECMA-48): what needs attention stands out, and the time does not. */
#define COLOUR_END     "\x1b[0m"
#define COLOUR_DIM     "\x1b[2m"
#define COLOUR_COMMAND "\x1b[1m"
static const char *const level_colours[] = {[LOG_ERROR] = "\x1b[1;31m",
	[LOG_WARN] = "\x1b[33m",
	[LOG_INFO] = "\x1b[32m",
	[LOG_DEBUG] = "\x1b[2m"};

/* A thread that ends has had its last turn. */
static void batch_free(void *b)
{
	batch = b;
	log_turn();
	batch = NULL;
	free(b);
}

static void batch_make_key(void)
{
	pthread_key_create(&batch_key, batch_free);
}

static struct batch *batch_get(void)
{
	if (batch)
		return batch;
	pthread_once(&batch_once, batch_make_key);
	batch = malloc(sizeof *batch);
	if (!batch)
		return NULL;
	memset(batch->len, 0, sizeof batch->len);
	batch->stamp.second = -1;
	batch->turns = false;
	pthread_setspecific(batch_key, batch);
	return batch;
}

static void put(struct line *l, const char *p, size_t n)
{
	n = MIN(n, (size_t)(l->end - l->p));
	memcpy(l->p, p, n);
	l->p += n;
}

#define put_literal(l, s) put((l), "" s, sizeof(s) - 1)

static void put_number(struct line *l, uint64_t v)
{
	char digits[20];
	char *p = digits + sizeof digits;
	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	put(l, p, (size_t)(digits + sizeof digits - p));
}

/* What changes the colour; standard error only. */
static void put_colour(struct line *l, enum log_sink sink, const char *colour)
{
	if (config.colour && sink == LOG_SINK_STDERR)
		put(l, colour, strlen(colour));
}

static void put_time(struct line *l, struct stamp *s)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != s->second) {
		struct tm tm;
		gmtime_r(&now.tv_sec, &tm);
		char text[64];
		snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.000Z", tm.tm_year + 1900,
			tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
		memcpy(s->text, text, TIME_LEN);
		s->second = now.tv_sec;
	}
	unsigned ms = (unsigned)(now.tv_nsec / 1000000);
	s->text[20] = (char)('0' + ms / 100);
	s->text[21] = (char)('0' + ms / 10 % 10);
	s->text[22] = (char)('0' + ms % 10);
	put(l, s->text, TIME_LEN);
}

/* Into at most `max` bytes. */
static void put_escaped(struct line *l, const char *text, size_t n, enum escape how, size_t max)
{
	l->p += escape_text(l->p, MIN(max, (size_t)(l->end - l->p)), text, n, how);
}

/* A line begins where it will stay: behind this thread's others. */
static struct line line_begin(struct batch *b, enum log_sink sink)
{
	if (BATCH_SIZE - b->len[sink] < LOG_LINE_MAX) {
		log_sink_put(sink, b->data[sink], b->len[sink]);
		b->len[sink] = 0;
	}
	char *p = b->data[sink] + b->len[sink];
	return (struct line){p, p + LOG_LINE_MAX - TAIL_MAX};
}

static void line_end(struct batch *b, enum log_sink sink, struct line *l)
{
	*l->p++ = '\n';
	b->len[sink] = (size_t)(l->p - b->data[sink]);
	if (atomic_load_explicit(&config.started, memory_order_acquire)) {
		if (b->turns)
			return;
		log_sink_put(sink, b->data[sink], b->len[sink]);
	} else {
		log_sink_write_now(b->data[sink], b->len[sink]);
	}
	b->len[sink] = 0;
}

/*
 * What every line begins with. The journal has a priority and a time of its own for each; who reads JSON
 * out of it expects the time among its fields all the same.
 */
static void put_begin(struct line *l, struct stamp *stamp, enum log_sink sink, enum log_level level,
	enum log_format format)
{
	bool json = format == LOG_JSON, journal = config.journal[sink];
	if (journal)
		put(l, journal_priority(level), strlen(journal_priority(level)));
	if (json)
		put_literal(l, "{\"time\":\"");
	if (format == LOG_LOGFMT)
		put_literal(l, "time=");
	put_colour(l, sink, COLOUR_DIM);
	if (format != LOG_TEXT || !journal)
		put_time(l, stamp);
	put_colour(l, sink, COLOUR_END);
	if (json)
		put_literal(l, "\",");
	else if (format != LOG_TEXT || !journal)
		put_literal(l, " ");
}

static void put_sentence(struct line *l, struct stamp *stamp, enum log_sink sink,
	enum log_level level, struct str text)
{
	bool json = config.format == LOG_JSON;
	put_begin(l, stamp, sink, level, config.format);
	if (json)
		put_literal(l, "\"level\":\"");
	put_colour(l, sink, level_colours[level]);
	put(l, level_names[level], strlen(level_names[level]));
	put_colour(l, sink, COLOUR_END);
	if (json)
		put_literal(l, "\",\"message\":\"");
	else
		put(l, "      ", 6 - strlen(level_names[level]));
	put_escaped(l, text.p, text.n, json ? ESCAPE_JSON : ESCAPE_SENTENCE, SIZE_MAX);
	if (json) {
		l->end += TAIL_MAX;
		put_literal(l, "\"}");
	}
}

/* For what the log says of itself. */
static size_t render(char *to, enum log_sink sink, enum log_level level, const char *text)
{
	struct stamp stamp = {.second = -1};
	struct line l = {to, to + LOG_LINE_MAX - TAIL_MAX};
	put_sentence(&l, &stamp, sink, level, str_from(text));
	*l.p++ = '\n';
	return (size_t)(l.p - to);
}

/* NO_COLOR says it for every program (no-color.org), TERM what this terminal can do. */
static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	return !(no && *no) && term && *term && strcmp(term, "dumb") != 0;
}

int log_start(const struct log_options *opts, struct error *err)
{
	config.reader = opts->format == LOG_TEXT && isatty(STDERR_FILENO);
	config.colour = config.reader && wants_colour();
	config.format = opts->format;
	config.access_format = opts->access_apart ? opts->access_format : opts->format;
	config.access_off = opts->access_off;
	config.access_file = opts->access_file && !opts->access_off;
	config.audit_file = opts->audit_file;
	log_set_level(opts->level);
	const char *paths[LOG_SINKS] = {
		[LOG_SINK_ACCESS] = config.access_file ? opts->access_file : NULL,
		[LOG_SINK_AUDIT] = opts->audit_file,
	};
	int r = log_sinks_start(paths, render, err);
	for (int i = 0; i < LOG_SINKS; i++)
		config.journal[i] = !r && log_sink_is_journal((enum log_sink)i);
	if (!r)
		atomic_store_explicit(&config.started, true, memory_order_release);
	return r;
}

void log_stop(void)
{
	log_turn();
	if (!atomic_exchange(&config.started, false))
		return;
	if (batch)
		batch->turns = false;
	config.access_file = config.audit_file = false;
	log_sinks_stop();
	/* Not before the thread that writes has ended: it looks at them. */
	config.reader = config.colour = false;
}

void log_reopen(void)
{
	if (atomic_load_explicit(&config.started, memory_order_acquire))
		log_sink_reopen();
}

unsigned long long log_lines_dropped(void)
{
	return log_sinks_dropped();
}

bool log_access_enabled(void)
{
	return !config.access_off && (config.access_file || log_enabled(LOG_INFO));
}

bool log_audit_enabled(void)
{
	return config.audit_file;
}

void log_line_in(const char *file, enum log_level level, const char *fmt, ...)
{
	struct batch *b = log_enabled_in(file, level) ? batch_get() : NULL;
	if (!b)
		return;
	char text[LOG_LINE_MAX];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	struct line l = line_begin(b, LOG_SINK_STDERR);
	put_sentence(&l, &b->stamp, LOG_SINK_STDERR, level,
		(struct str){text, MIN((size_t)n, sizeof text - 1)});
	line_end(b, LOG_SINK_STDERR, &l);
}

/* By the class of its status: what went wrong stands out. */
static const char *status_colour(unsigned status)
{
	if (status >= 500 || !status)
		return level_colours[LOG_ERROR];
	if (status >= 400)
		return level_colours[LOG_WARN];
	return status >= 300 ? "\x1b[36m" : level_colours[LOG_INFO];
}

void log_shown_request(const char *method, const char *target, unsigned status, uint64_t took)
{
	struct batch *b = config.reader && log_enabled(LOG_INFO) ? batch_get() : NULL;
	if (!b)
		return;
	struct line l = line_begin(b, LOG_SINK_STDERR);
	char text[64];
	put_begin(&l, &b->stamp, LOG_SINK_STDERR, LOG_INFO, LOG_TEXT);
	put_colour(&l, LOG_SINK_STDERR, status_colour(status));
	if (status)
		snprintf(text, sizeof text, "%u  ", status);
	else
		snprintf(text, sizeof text, "none ");
	put(&l, text, strlen(text));
	put_colour(&l, LOG_SINK_STDERR, COLOUR_END);
	snprintf(text, sizeof text, "%7.1f ms  %-7.16s ", (double)took / CLOCK_MS, method);
	put_escaped(&l, text, strlen(text), ESCAPE_SENTENCE, SIZE_MAX);
	put_escaped(&l, target, strlen(target), ESCAPE_SENTENCE, LOG_VALUE_MAX);
	line_end(b, LOG_SINK_STDERR, &l);
}

bool log_has_reader(void)
{
	return config.reader;
}

void log_command(const char *command)
{
	struct batch *b = config.reader && log_enabled(LOG_INFO) ? batch_get() : NULL;
	if (!b) {
		log_info("%s", command);
		return;
	}
	struct line l = line_begin(b, LOG_SINK_STDERR);
	put_colour(&l, LOG_SINK_STDERR, COLOUR_COMMAND);
	put_escaped(&l, command, strlen(command), ESCAPE_SENTENCE, SIZE_MAX);
	l.end += TAIL_MAX;
	put_colour(&l, LOG_SINK_STDERR, COLOUR_END);
	line_end(b, LOG_SINK_STDERR, &l);
}

static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '"' || s.p[i] == '=' ||
			s.p[i] == '\\')
			return false;
	return s.n > 0;
}

static void put_field(struct line *l, const struct log_field *f, enum log_format format)
{
	bool json = format == LOG_JSON;
	if (json) {
		put_literal(l, ",\"");
		put(l, f->name, strlen(f->name));
		put_literal(l, "\":");
	} else {
		put_literal(l, " ");
		put(l, f->name, strlen(f->name));
		put_literal(l, "=");
	}
	if (f->kind == LOG_FIELD_NUMBER) {
		put_number(l, f->number);
	} else if (f->kind == LOG_FIELD_JSON) {
		put(l, f->text.p, f->text.n);
	} else if (json || (format == LOG_LOGFMT && !is_plain(f->text))) {
		put_literal(l, "\"");
		put_escaped(l, f->text.p, f->text.n, ESCAPE_JSON, LOG_VALUE_MAX);
		put_literal(l, "\"");
	} else if (f->text.n) {
		put_escaped(l, f->text.p, f->text.n, ESCAPE_VALUE, LOG_VALUE_MAX);
	} else {
		put_literal(l, "-");
	}
}

/* What a field can take at most; a line has room for it or ends without the field. */
static size_t field_max(const struct log_field *f)
{
	size_t value = f->kind == LOG_FIELD_NUMBER ? 20
		       : f->kind == LOG_FIELD_JSON ? f->text.n
						   : MIN(f->text.n * 6 + 16, LOG_VALUE_MAX);
	return strlen(f->name) + value + 8;
}

static enum log_sink access_sink(void)
{
	return config.access_file ? LOG_SINK_ACCESS : LOG_SINK_STDERR;
}

void log_access_text(const char *line, size_t n)
{
	struct batch *b = log_access_enabled() ? batch_get() : NULL;
	if (!b)
		return;
	enum log_sink sink = access_sink();
	struct line l = line_begin(b, sink);
	if (config.journal[sink])
		put(&l, journal_priority(LOG_INFO), strlen(journal_priority(LOG_INFO)));
	put(&l, line, n);
	line_end(b, sink, &l);
}

void log_access(const struct log_field *fields, size_t n)
{
	struct batch *b = log_access_enabled() ? batch_get() : NULL;
	if (!b)
		return;
	enum log_sink sink = access_sink();
	enum log_format format = config.access_format;
	struct line l = line_begin(b, sink);
	put_begin(&l, &b->stamp, sink, LOG_INFO, format);
	if (format == LOG_JSON)
		put_literal(&l, "\"level\":\"info\",\"log\":\"access\"");
	else if (format == LOG_LOGFMT)
		put_literal(&l, "level=info log=access");
	else
		put_literal(&l, "access");
	for (size_t i = 0; i < n; i++)
		if (field_max(&fields[i]) <= (size_t)(l.end - l.p))
			put_field(&l, &fields[i], format);
	l.end += TAIL_MAX;
	if (format == LOG_JSON)
		put_literal(&l, "}");
	line_end(b, sink, &l);
}

void log_audit(const struct log_field *fields, size_t n)
{
	struct batch *b = log_audit_enabled() ? batch_get() : NULL;
	if (!b)
		return;
	struct line l = line_begin(b, LOG_SINK_AUDIT);
	if (config.journal[LOG_SINK_AUDIT])
		put(&l, journal_priority(LOG_INFO), strlen(journal_priority(LOG_INFO)));
	put_literal(&l, "{\"at\":\"");
	put_time(&l, &b->stamp);
	put_literal(&l, "\"");
	for (size_t i = 0; i < n; i++)
		if (field_max(&fields[i]) <= (size_t)(l.end - l.p))
			put_field(&l, &fields[i], LOG_JSON);
	l.end += TAIL_MAX;
	put_literal(&l, "}");
	line_end(b, LOG_SINK_AUDIT, &l);
}

void log_turn(void)
{
	struct batch *b = batch_get();
	if (!b)
		return;
	b->turns = true;
	for (int i = 0; i < LOG_SINKS; i++) {
		if (b->len[i])
			log_sink_put((enum log_sink)i, b->data[i], b->len[i]);
		b->len[i] = 0;
	}
}
