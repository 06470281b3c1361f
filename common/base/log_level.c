/* SPDX-License-Identifier: MIT */
/*
 * What is asked for each line costs one comparison with the least severe level of any room; only a line that
 * passes it, while a room has a level of its own, has its file looked at.
 */
#include "base/log_level.h"

#include <stdatomic.h>
#include <string.h>

#include "base/macros.h"

/* tests/lint/layers.py holds it against the folders. */
const char *const log_rooms[LOG_ROOMS + 1] = {"base", "wire", "h2", "crypto", "config", "loop",
	"rules", "policy", "store", "mux", "tls", "link", "net", "panel", "api", "server", "acme",
	"trace", "metrics", "route", "http", "tcp", "udp", "private", "accept", "control", "admin",
	"client", "keys", "files", "publish", "upstream", "local", "session", "cli", "inspector",
	NULL};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* `rooms` has a level and one more; 0: LOG_AS_ALL. */
static struct {
	atomic_int all, least_severe;
	atomic_bool apart;
	atomic_schar rooms[LOG_ROOMS];
} current = {.all = LOG_INFO, .least_severe = LOG_INFO};

void log_levels_set(const struct log_levels *levels)
{
	int least = (int)levels->level;
	bool apart = false;
	for (size_t i = 0; i < LOG_ROOMS; i++) {
		least = MAX(least, levels->rooms[i]);
		apart |= levels->rooms[i] != LOG_AS_ALL;
		atomic_store_explicit(&current.rooms[i], (signed char)(levels->rooms[i] + 1),
			memory_order_relaxed);
	}
	atomic_store_explicit(&current.all, (int)levels->level, memory_order_relaxed);
	atomic_store_explicit(&current.apart, apart, memory_order_relaxed);
	atomic_store_explicit(&current.least_severe, least, memory_order_relaxed);
}

void log_levels_get(struct log_levels *out)
{
	out->level = (enum log_level)atomic_load_explicit(&current.all, memory_order_relaxed);
	for (size_t i = 0; i < LOG_ROOMS; i++)
		out->rooms[i] = (signed char)(atomic_load_explicit(&current.rooms[i],
						      memory_order_relaxed) -
					      1);
}

void log_set_level(enum log_level level)
{
	struct log_levels levels = {.level = level};
	memset(levels.rooms, LOG_AS_ALL, sizeof(levels.rooms));
	log_levels_set(&levels);
}

int log_room_find(struct str name)
{
	for (size_t i = 0; i < LOG_ROOMS && log_rooms[i]; i++)
		if (str_eq(name, str_from(log_rooms[i])))
			return (int)i;
	return -1;
}

int log_level_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
		if (str_eq(name, str_from(level_names[i])))
			return (int)i;
	return -1;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

/* The last folder of "../server/link/server_link.c". */
static struct str folder_of(const char *file)
{
	const char *end = strrchr(file, '/'), *from = end;
	if (!end)
		return STR_NULL;
	while (from > file && from[-1] != '/')
		from--;
	return (struct str){from, (size_t)(end - from)};
}

bool log_enabled_in(const char *file, enum log_level level)
{
	int asked = (int)level;
	if (asked > atomic_load_explicit(&current.least_severe, memory_order_relaxed))
		return false;
	int all = atomic_load_explicit(&current.all, memory_order_relaxed);
	if (!atomic_load_explicit(&current.apart, memory_order_relaxed))
		return asked <= all;
	int room = log_room_find(folder_of(file));
	int own = room < 0 ? 0 : atomic_load_explicit(&current.rooms[room], memory_order_relaxed);
	return asked <= (own ? own - 1 : all);
}
