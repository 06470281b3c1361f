/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where finished lines go: two bounded rings (standard error, the access file) and the one thread
 * that empties them. Inside the room only; everyone else sees base/log.h.
 *
 * A thread that logs never waits for a reader: the mutex is held for a copy, and lines that do not fit are
 * dropped whole and counted.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/log.h"

enum log_sink { LOG_SINK_STDERR, LOG_SINK_ACCESS, LOG_SINK_AUDIT, LOG_SINKS };

/*
 * What waits for a reader at most, for each sink. A guess: about 5,000 access lines, a second of a
 * busy server's log, so that a short stall of the reader loses nothing.
 */
#define LOG_RING_SIZE ((size_t)1 << 20)

/* The longest line, newline included; PIPE_BUF, so that a pipe takes one in a piece. */
#define LOG_LINE_MAX 4096

/* Renders a sentence for a sink as a finished line into LOG_LINE_MAX bytes; its length. */
typedef size_t log_render_fn(char *to, enum log_sink sink, enum log_level level, const char *text);

/*
 * Starts the thread. A path of NULL leaves that sink closed (LOG_SINK_STDERR has none and is open); else it stays
 * the caller's and is opened anew when that is asked for. -errno with a sentence when a file cannot be opened or
 * the thread not made.
 */
int log_sinks_start(const char *const paths[LOG_SINKS], log_render_fn *render, struct error *err);

/* Lines of all sinks that were dropped since the start. From any thread. */
unsigned long long log_sinks_dropped(void);

/* Whether the sink's lines go to the journal, which has an own form (base/journal.h). Once it is started. */
bool log_sink_is_journal(enum log_sink sink);

/* Whether they are entries there, which may have fields of their own. Likewise. */
bool log_sink_has_entries(enum log_sink sink);

/* Opens the files anew, between two lines; what becomes of it is said on standard error. */
void log_sink_reopen(void);

/* Writes what is left for at most one second and joins the thread. */
void log_sinks_stop(void);

/* Takes whole lines, each ending in its only newline. Never waits for a reader. */
void log_sink_put(enum log_sink which, const char *lines, size_t n);

/* Without a thread: writes to standard error at once, and waits a second at most for its reader. */
void log_sink_write_now(const char *lines, size_t n);
