/* SPDX-License-Identifier: MIT */
#include "server/acme/acme_window.h"

#include "base/clock.h"
#include "base/macros.h"
#include "policy/timestamp.h"

static bool take(const json_t *window, const char *member, int64_t *out)
{
	const char *text = json_string_value(json_object_get(window, member));
	uint64_t us;
	if (!text || !policy_time_parse(str_from(text), &us))
		return false;
	*out = (int64_t)(us / CLOCK_S);
	return true;
}

/* RFC 9773, 4.2: a window that ends before it begins is none. */
static bool take_window(const struct acme_answer *a, int64_t *from_out, int64_t *to_out)
{
	json_t *json = a->status == 200 ? acme_answer_json(a) : NULL;
	const json_t *window = json_object_get(json, "suggestedWindow");
	bool good = take(window, "start", from_out) && take(window, "end", to_out) &&
		    *from_out <= *to_out;
	json_decref(json);
	return good;
}

bool acme_window_read(const struct acme_answer *a, int64_t now, uint32_t random, int64_t *at_out,
	int64_t *look_out)
{
	int64_t wait = (int64_t)acme_retry_after(a->retry_after, now), from, to;
	wait = wait ? wait : ACME_WINDOW_LOOK;
	*look_out =
		now + MIN(MAX(wait, (int64_t)ACME_WINDOW_LOOK_MIN), (int64_t)ACME_WINDOW_LOOK_MAX);
	if (!take_window(a, &from, &to))
		return false;
	uint64_t width = (uint64_t)(to - from) + 1;
	*at_out = MAX(from + (int64_t)((uint64_t)random % width), now);
	return true;
}
