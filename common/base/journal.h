/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * systemd's journal as a reader of lines: it has the time of each itself, and takes its priority from
 * "<N>" at its start (sd-daemon(3)), which it removes.
 */
#include <stdbool.h>

#include "base/log.h"

/*
 * Whether the descriptor is the stream to the journal that $JOURNAL_STREAM names (systemd.exec(5)). The
 * variable alone says nothing: whatever a service starts inherits it, a shell with a terminal too.
 */
bool journal_has(int fd);

/* "<4>" for LOG_WARN. */
const char *journal_priority(enum log_level level);
