/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The least severe lines that are made: of all rooms, and of single ones. A line's room is the folder of the file that
 * makes it, by its own name: "link" is common/link and server/link. Any thread may ask and change it.
 */
#include "base/log.h"

#define LOG_ROOMS 48 /* at the most */

extern const char *const log_rooms[LOG_ROOMS + 1]; /* NULL behind the last */

#define LOG_AS_ALL (-1) /* of a room without a level of its own */

struct log_levels {
	enum log_level level;
	signed char rooms[LOG_ROOMS]; /* enum log_level, or LOG_AS_ALL */
};

void log_levels_get(struct log_levels *out);
void log_levels_set(const struct log_levels *levels);

/* Its place in log_rooms; -1: there is no such room. */
int log_room_find(struct str name);

/* "error", "warn", "info", "debug"; -1: it is none. */
int log_level_find(struct str name);
const char *log_level_name(enum log_level level);
