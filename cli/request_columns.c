/* SPDX-License-Identifier: MIT */
#include "cli/request_columns.h"

#include <string.h>
#include <time.h>

#include "base/macros.h"

/* "14:00:03" of this place; to programs RFC 3339. */
static int write_time(const json_t *row, bool raw, struct buf *to)
{
	char text[40];
	time_t at = (time_t)json_number_value(json_object_get(row, "at"));
	struct tm tm;
	if (raw)
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &tm));
	else
		strftime(text, sizeof text, "%H:%M:%S", localtime_r(&at, &tm));
	return buf_append(to, text, strlen(text));
}

const struct column request_columns[] = {
	{"TIME", NULL, CELL_TEXT, write_time},
	{"STATUS", "status", CELL_TEXT, NULL},
	{"TOOK", "duration", CELL_TIME, NULL},
	{"METHOD", "method", CELL_TEXT, NULL},
	{"HOST", "host", CELL_TEXT, NULL},
	{"PATH", "path", CELL_TEXT, NULL},
	{"VISITOR", "client", CELL_TEXT, NULL},
	{"WHY", "why", CELL_TEXT, NULL},
};
const size_t request_widths[] = {8, 6, 6, 7, 20, 28, 14, 1};
_Static_assert(ARRAY_LEN(request_widths) == ARRAY_LEN(request_columns), "one for each");
const size_t n_request_columns = ARRAY_LEN(request_columns);
