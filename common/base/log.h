/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The log: the one global of the program. A line never makes its writer wait: lines are collected
 * per thread and turn, handed to one log thread through a bounded ring, and dropped (and counted,
 * and the count reported) when the reader of standard error does not keep up.
 *
 * Before log_start() and after log_stop() lines are written at once, which is right for a program
 * that only prints an error and ends.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format {
	LOG_TEXT,
	LOG_JSON,
	LOG_LOGFMT /* of the access log alone: name=value, with quotes where a value needs them */
};

struct log_options {
	enum log_level level; /* lines above it are not made at all */
	enum log_format format;
	/* NULL: access lines go where the others go; else appended here; stays the caller's */
	const char *access_file;
	bool access_off;
	bool access_apart; /* access lines have a format of their own: */
	enum log_format access_format;
	const char *audit_file; /* NULL: there is no audit log; stays the caller's */
};

/* Starts the log thread. -errno with a sentence when a file cannot be opened. */
int log_start(const struct log_options *opts, struct error *err);

/* Writes out what is left for at most one second, joins the thread. */
void log_stop(void);

/*
 * Opens the files of the access log and the audit log again, as they may have been renamed; without one it does
 * nothing. No line is lost or split, no thread waits for it, and the log says whether it succeeded.
 */
void log_reopen(void);

/* Takes effect with the next line, in every room; for a reload. For single rooms see base/log_level.h. */
void log_set_level(enum log_level level);

/* True when a line of this level would be written: ask before computing costly arguments. */
#define log_enabled(level) log_enabled_in(__FILE__, (level))
bool log_enabled_in(const char *file, enum log_level level);
bool log_access_enabled(void);

/* Lines of all logs that were dropped since the start, as nobody took them fast enough. From any thread. */
unsigned long long log_lines_dropped(void);
bool log_audit_enabled(void);

/*
 * A number of its own for a connection (or a UDP flow, or a private stream), by which all lines about it find each other:
 * 1, 2, … since the start, of all threads together. From any thread.
 */
uint64_t log_new_connection(void);

/* One sentence; control characters are escaped, so peers' text may be an argument. */
#define log_line(level, ...) log_line_in(__FILE__, (level), 0, __VA_ARGS__)
/* The same about a connection: connection=N stands behind it, for 0 nothing. */
#define log_line_of(connection, level, ...) \
	log_line_in(__FILE__, (level), (connection), __VA_ARGS__)
void log_line_in(const char *file, enum log_level level, uint64_t connection, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * A command that a person copies. On a terminal it is alone on its line, so that it can be taken with one
 * gesture; elsewhere it is a sentence by itself.
 */
void log_command(const char *command);

/*
 * A request that is over, for a person who reads along (log_has_reader()); nothing elsewhere. `status` 0: it had no
 * answer. `took` in µs.
 */
void log_shown_request(const char *method, const char *target, unsigned status, uint64_t took);

/* Whether the lines are text and standard error is a terminal: a person reads them as they come. */
bool log_has_reader(void);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_debug_of(0, __VA_ARGS__)

#define log_warn_of(connection, ...) log_line_of((connection), LOG_WARN, __VA_ARGS__)
#define log_info_of(connection, ...) log_line_of((connection), LOG_INFO, __VA_ARGS__)
#define log_debug_of(connection, ...)                                      \
	do {                                                               \
		if (log_enabled(LOG_DEBUG))                                \
			log_line_of((connection), LOG_DEBUG, __VA_ARGS__); \
	} while (0)

/* Bytes of a text in a structured line, escaped: a path may be 32 KiB, a log need not be. */
#define LOG_VALUE_MAX 1024

/*
 * One field of a structured line. A text value is escaped and cut at LOG_VALUE_MAX; in text form a value of
 * no bytes is shown as "-". The name is the program's own and taken as it is. LOG_FIELD_JSON is of the audit log
 * alone: a value that is JSON already.
 */
struct log_field {
	const char *name;
	enum { LOG_FIELD_TEXT, LOG_FIELD_NUMBER, LOG_FIELD_JSON } kind;
	struct str text;
	uint64_t number;
};

/* A line of fields for the access log, in the order given: name=value pairs, or a JSON object. */
void log_access(const struct log_field *fields, size_t n);

/*
 * A line of the access log that has its form already, its time included; it is cut where a line is too long. The
 * fields are for the journal, where each stands by itself too, whatever the line's form.
 */
void log_access_text(struct str text, const struct log_field *fields, size_t n);

/*
 * A line of fields for the audit log, always a JSON object, behind the time. A field for which the line has no
 * room is left out.
 */
void log_audit(const struct log_field *fields, size_t n);

/*
 * Ends this thread's turn: hands the collected lines to the log thread. Called by loop/loop. A
 * thread collects only once it has called this; the lines of one that never does are handed over
 * singly.
 */
void log_turn(void);
