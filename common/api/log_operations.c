/* SPDX-License-Identifier: MIT */
/* A change holds until the next reload or start, which take levels from the options again. */
#include "api/log_operations.h"

#include <string.h>

#include "base/log_level.h"
#include "base/macros.h"

static void answer_levels(struct api_request *rq)
{
	struct log_levels levels;
	log_levels_get(&levels);
	json_t *rooms = json_object();
	for (size_t i = 0; rooms && log_rooms[i]; i++) {
		if (levels.rooms[i] == LOG_AS_ALL)
			continue;
		const char *name = log_level_name((enum log_level)levels.rooms[i]);
		json_object_set_new(rooms, log_rooms[i], json_string(name));
	}
	api_answer(rq, 200,
		json_pack("{s:s, s:o}", "level", log_level_name(levels.level), "rooms", rooms));
}

/* False when it was refused. */
static bool read_level(struct api_request *rq, const json_t *value, int *level_out)
{
	char quoted[API_QUOTE_SIZE];
	const char *text = json_string_value(value);
	*level_out = log_level_find(str_from(text));
	if (*level_out < 0)
		api_refuse(rq, API_INVALID,
			"\"%s\" is no level: there are error, warn, info and debug",
			api_quote(text, quoted));
	return *level_out >= 0;
}

/* All rooms that have a level of their own: others have none from now on. */
static bool read_rooms(struct api_request *rq, json_t *rooms, struct log_levels *levels)
{
	char quoted[API_QUOTE_SIZE];
	const char *name;
	json_t *value;
	int level;
	memset(levels->rooms, LOG_AS_ALL, sizeof(levels->rooms));
	json_object_foreach(rooms, name, value)
	{
		int room = log_room_find(str_from(name));
		if (room < 0) {
			api_refuse(rq, API_INVALID,
				"there is no room \"%s\" whose lines could have a level",
				api_quote(name, quoted));
			return false;
		}
		if (!read_level(rq, value, &level))
			return false;
		levels->rooms[room] = (signed char)level;
	}
	return true;
}

static void log_put(struct api_request *rq)
{
	struct log_levels levels;
	log_levels_get(&levels);
	const json_t *level = json_object_get(rq->json, "level");
	json_t *rooms = json_object_get(rq->json, "rooms");
	int all = (int)levels.level;
	if ((level && !read_level(rq, level, &all)) || (rooms && !read_rooms(rq, rooms, &levels)))
		return;
	levels.level = (enum log_level)all;
	log_levels_set(&levels);
	log_warn("%s has changed what is logged (%s); the next reload or start takes it from the "
		 "options",
		rq->actor.name, rq->actor.via);
	answer_levels(rq);
}

static const struct api_member log_members[] = {
	{"level", API_TEXT, .max = sizeof("debug")},
	{"rooms", API_MAP, .max = LOG_ROOMS},
	{NULL},
};

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/log", API_OPERATOR, .run = answer_levels},
	{API_PUT, "/api/v1/log", API_OPERATOR, .members = log_members, .run = log_put},
};
const struct api_operations api_log = {rows, ARRAY_LEN(rows)};
