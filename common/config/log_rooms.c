/* SPDX-License-Identifier: MIT */
#include "config/log_rooms.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"

/* All of them in a sentence. */
#define ROOMS_TEXT 512

static const char *all_rooms(char text[ROOMS_TEXT])
{
	size_t n = 0;
	for (size_t i = 0; log_rooms[i] && n < ROOMS_TEXT; i++)
		n += (size_t)snprintf(text + n, ROOMS_TEXT - n, "%s%s", i ? ", " : "",
			log_rooms[i]);
	return text;
}

static int read_pair(struct str text, int *room_out, int *level_out)
{
	const char *sign = memchr(text.p, '=', text.n);
	size_t n = sign ? (size_t)(sign - text.p) : text.n;
	*room_out = log_room_find((struct str){text.p, n});
	*level_out = sign ? log_level_find((struct str){sign + 1, text.n - n - 1}) : -1;
	return sign ? 0 : -EINVAL;
}

int log_rooms_check(struct str text, struct error *err)
{
	char rooms[ROOMS_TEXT];
	int room, level;
	if (read_pair(text, &room, &level) < 0)
		return error_set(err, -EINVAL, "\"%.*s\" says no level: write ROOM=debug",
			STR_ARG(text));
	if (room < 0)
		return error_set(err, -EINVAL, "\"%.*s\" begins with no room: there are %s",
			STR_ARG(text), all_rooms(rooms));
	if (level < 0)
		return error_set(err, -EINVAL,
			"\"%.*s\" ends in no level: there are error, warn, info and debug",
			STR_ARG(text));
	return 0;
}

void log_rooms_apply(enum log_level level, const struct option_list *rooms)
{
	struct log_levels levels = {.level = level};
	memset(levels.rooms, LOG_AS_ALL, sizeof(levels.rooms));
	for (size_t i = 0; i < rooms->n; i++) {
		int room, own;
		read_pair(str_from(rooms->v[i]), &room, &own);
		if (room >= 0 && own >= 0)
			levels.rooms[room] = (signed char)own;
	}
	log_levels_set(&levels);
}
