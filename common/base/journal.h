/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * systemd's journal as a reader of lines. It has the time of each itself. A line begins with its priority, "<N>"
 * (sd-daemon(3)), and either goes as it is to the stream that standard error is, or as an entry with fields of its own to
 * the socket beside that (systemd's "Native Journal Protocol").
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"

/*
 * Whether the descriptor is the stream to the journal that $JOURNAL_STREAM names (systemd.exec(5)). The
 * variable alone says nothing: whatever a service starts inherits it, a shell with a terminal too.
 */
bool journal_has(int fd);

/* "<4>" for LOG_WARN. */
const char *journal_priority(enum log_level level);

/* A socket for entries, which does not wait, to the journal whose stream this is; or -errno. */
int journal_open(int stream);

/*
 * Begins a field of an entry, as STATUS=200, which becomes TUNNEL_STATUS=200. Fields stand behind the line's message.
 * The character is one that nothing else in a line has: base/escape.h.
 */
#define JOURNAL_FIELD_MARK '\x1f'
#define JOURNAL_FIELD      "\x1fTUNNEL_"

/* Sends a line of less than 4,096 bytes, without its end: PRIORITY, SYSLOG_IDENTIFIER, MESSAGE and its fields. 0 or -errno. */
int journal_send(int fd, const char *line, size_t n);
