/* SPDX-License-Identifier: MIT */
/* Lines go into this thread's batch. Nothing here allocates but a thread's first line. */
#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/journal.h"
#include "base/log_line.h"
#include "base/log_sink.h"
#include "base/macros.h"

/* Bytes that " connection=N" takes, twice in an entry of the journal. */
#define CONNECTION_ROOM 96

/* A thread's lines of one turn, per sink; a full batch is handed over early. */
#define BATCH_SIZE ((size_t)32 << 10)

struct batch {
	char data[LOG_SINKS][BATCH_SIZE];
	size_t len[LOG_SINKS];
	struct log_stamp stamp;
	bool turns; /* this thread calls log_turn() */
};

static struct {
	atomic_bool started;
	enum log_format format, access_format;
	bool access_off, access_file, audit_file;
	bool journal[LOG_SINKS];
	bool entries[LOG_SINKS]; /* of the journal: lines have fields there */
	bool reader;             /* a person, at a terminal */
	bool colour;
} config;

static _Thread_local struct batch *batch;
static pthread_key_t batch_key;
static pthread_once_t batch_once = PTHREAD_ONCE_INIT;
static atomic_uint_least64_t connections;

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

/* What changes the colour; standard error only. */
static void put_colour(struct log_line *l, enum log_sink sink, const char *colour)
{
	if (config.colour && sink == LOG_SINK_STDERR)
		log_put(l, colour, strlen(colour));
}

/* A line begins where it will stay: behind this thread's others. */
static struct log_line line_begin(struct batch *b, enum log_sink sink)
{
	if (BATCH_SIZE - b->len[sink] < LOG_LINE_MAX) {
		log_sink_put(sink, b->data[sink], b->len[sink]);
		b->len[sink] = 0;
	}
	char *p = b->data[sink] + b->len[sink];
	return (struct log_line){p, p + LOG_LINE_MAX - LOG_LINE_TAIL};
}

static void line_end(struct batch *b, enum log_sink sink, struct log_line *l)
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
static void put_begin(struct log_line *l, struct log_stamp *stamp, enum log_sink sink,
	enum log_level level, enum log_format format)
{
	bool json = format == LOG_JSON, journal = config.journal[sink];
	if (journal)
		log_put(l, journal_priority(level), strlen(journal_priority(level)));
	if (json)
		log_put_literal(l, "{\"time\":\"");
	if (format == LOG_LOGFMT)
		log_put_literal(l, "time=");
	put_colour(l, sink, COLOUR_DIM);
	if (format != LOG_TEXT || !journal)
		log_put_time(l, stamp);
	put_colour(l, sink, COLOUR_END);
	if (json)
		log_put_literal(l, "\",");
	else if (format != LOG_TEXT || !journal)
		log_put_literal(l, " ");
}

static void put_sentence(struct log_line *l, struct log_stamp *stamp, enum log_sink sink,
	enum log_level level, uint64_t connection, struct str text)
{
	const struct log_field of = {.name = "connection",
		.kind = LOG_FIELD_NUMBER,
		.number = connection};
	bool json = config.format == LOG_JSON;
	put_begin(l, stamp, sink, level, config.format);
	if (json)
		log_put_literal(l, "\"level\":\"");
	put_colour(l, sink, level_colours[level]);
	log_put(l, level_names[level], strlen(level_names[level]));
	put_colour(l, sink, COLOUR_END);
	if (json)
		log_put_literal(l, "\",\"message\":\"");
	else
		log_put(l, "      ", 6 - strlen(level_names[level]));
	l->end -= CONNECTION_ROOM;
	log_put_escaped(l, text, json ? ESCAPE_JSON : ESCAPE_SENTENCE, SIZE_MAX);
	l->end += CONNECTION_ROOM;
	if (json)
		log_put_literal(l, "\"");
	log_put_fields(l, &of, connection != 0, config.format);
	if (json)
		log_put_literal(l, "}");
	if (config.entries[sink])
		log_put_entry_fields(l, &of, connection != 0);
}

/* For what the log says of itself. */
static size_t render(char *to, enum log_sink sink, enum log_level level, const char *text)
{
	struct log_stamp stamp = {.second = -1};
	struct log_line l = {to, to + LOG_LINE_MAX - LOG_LINE_TAIL};
	put_sentence(&l, &stamp, sink, level, 0, str_from(text));
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
	for (int i = 0; i < LOG_SINKS; i++) {
		config.journal[i] = !r && log_sink_is_journal((enum log_sink)i);
		config.entries[i] = !r && log_sink_has_entries((enum log_sink)i);
	}
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

uint64_t log_new_connection(void)
{
	return atomic_fetch_add_explicit(&connections, 1, memory_order_relaxed) + 1;
}

void log_line_in(const char *file, enum log_level level, uint64_t connection, const char *fmt, ...)
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
	struct log_line l = line_begin(b, LOG_SINK_STDERR);
	put_sentence(&l, &b->stamp, LOG_SINK_STDERR, level, connection,
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
	struct log_line l = line_begin(b, LOG_SINK_STDERR);
	char text[64];
	put_begin(&l, &b->stamp, LOG_SINK_STDERR, LOG_INFO, LOG_TEXT);
	put_colour(&l, LOG_SINK_STDERR, status_colour(status));
	if (status)
		snprintf(text, sizeof text, "%u  ", status);
	else
		snprintf(text, sizeof text, "none ");
	log_put(&l, text, strlen(text));
	put_colour(&l, LOG_SINK_STDERR, COLOUR_END);
	snprintf(text, sizeof text, "%7.1f ms  %-7.16s ", (double)took / CLOCK_MS, method);
	log_put_escaped(&l, str_from(text), ESCAPE_SENTENCE, SIZE_MAX);
	log_put_escaped(&l, str_from(target), ESCAPE_SENTENCE, LOG_VALUE_MAX);
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
	struct log_line l = line_begin(b, LOG_SINK_STDERR);
	put_colour(&l, LOG_SINK_STDERR, COLOUR_COMMAND);
	log_put_escaped(&l, str_from(command), ESCAPE_SENTENCE, SIZE_MAX);
	l.end += LOG_LINE_TAIL;
	put_colour(&l, LOG_SINK_STDERR, COLOUR_END);
	line_end(b, LOG_SINK_STDERR, &l);
}

static enum log_sink access_sink(void)
{
	return config.access_file ? LOG_SINK_ACCESS : LOG_SINK_STDERR;
}

/* Behind the line's text: what the journal has as fields of its own, `log` among them. */
static void put_entry(struct log_line *l, enum log_sink sink, const char *log,
	const struct log_field *fields, size_t n)
{
	const struct log_field which = {.name = "log", .text = str_from(log)};
	if (!config.entries[sink])
		return;
	log_put_entry_fields(l, &which, 1);
	log_put_entry_fields(l, fields, n);
}

void log_access_text(struct str text, const struct log_field *fields, size_t n)
{
	struct batch *b = log_access_enabled() ? batch_get() : NULL;
	if (!b)
		return;
	enum log_sink sink = access_sink();
	struct log_line l = line_begin(b, sink);
	if (config.journal[sink])
		log_put(&l, journal_priority(LOG_INFO), strlen(journal_priority(LOG_INFO)));
	log_put(&l, text.p, text.n);
	put_entry(&l, sink, "access", fields, n);
	line_end(b, sink, &l);
}

void log_access(const struct log_field *fields, size_t n)
{
	struct batch *b = log_access_enabled() ? batch_get() : NULL;
	if (!b)
		return;
	enum log_sink sink = access_sink();
	enum log_format format = config.access_format;
	struct log_line l = line_begin(b, sink);
	put_begin(&l, &b->stamp, sink, LOG_INFO, format);
	if (format == LOG_JSON)
		log_put_literal(&l, "\"level\":\"info\",\"log\":\"access\"");
	else if (format == LOG_LOGFMT)
		log_put_literal(&l, "level=info log=access");
	else
		log_put_literal(&l, "access");
	log_put_fields(&l, fields, n, format);
	if (format == LOG_JSON)
		log_put_end(&l);
	put_entry(&l, sink, "access", fields, n);
	line_end(b, sink, &l);
}

void log_audit(const struct log_field *fields, size_t n)
{
	struct batch *b = log_audit_enabled() ? batch_get() : NULL;
	if (!b)
		return;
	struct log_line l = line_begin(b, LOG_SINK_AUDIT);
	if (config.journal[LOG_SINK_AUDIT])
		log_put(&l, journal_priority(LOG_INFO), strlen(journal_priority(LOG_INFO)));
	log_put_literal(&l, "{\"at\":\"");
	log_put_time(&l, &b->stamp);
	log_put_literal(&l, "\"");
	log_put_fields(&l, fields, n, LOG_JSON);
	log_put_end(&l);
	put_entry(&l, LOG_SINK_AUDIT, "audit", fields, n);
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
