/* SPDX-License-Identifier: MIT */
#include "panel/panel_live.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/macros.h"
#include "panel/panel_reader.h"

/* Requests that are asked for at a time: a page of the API (docs/openapi.yaml) has no more. */
#define REQUESTS_MAX 500

void panel_live_init(struct panel_live *l, const char *side, const char *version)
{
	*l = (struct panel_live){.side = side, .version = version};
	list_init(&l->readers);
}

void panel_live_deinit(struct panel_live *l)
{
	panel_live_forget(l, ~0u);
}

unsigned panel_live_wanted(const struct panel_live *l)
{
	unsigned wanted = 0;
	list_for_each (it, &l->readers)
		for (unsigned t = 0; t < PANEL_TOPICS; t++)
			if (panel_reader_wants(list_entry(it, struct panel_reader, link), t))
				wanted |= 1u << t;
	return wanted;
}

void panel_live_forget(struct panel_live *l, unsigned topics)
{
	for (unsigned t = 0; t < PANEL_TOPICS; t++)
		if (topics & 1u << t) {
			json_decref(l->items[t]);
			l->items[t] = NULL;
		}
	if (topics & 1u << PANEL_REQUESTS) {
		free(l->after);
		l->after = NULL;
	}
}

char *panel_live_target(const struct panel_live *l, enum panel_topics topic, const char *resource)
{
	char *target;
	int n = topic == PANEL_REQUESTS && l->after ? asprintf(&target, "%s?limit=%d&after=%s",
							      resource, REQUESTS_MAX, l->after)
						    : asprintf(&target, "%s", resource);
	return n < 0 ? NULL : target;
}

/* ---- The tick ---- */

static void take_tick(struct panel_live *l, json_t *value)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	long ms = now.tv_nsec / 1000000;
	json_object_set_new(value, "t", json_string(panel_topic_name(PANEL_TICK)));
	if (!json_object_get(value, "at"))
		json_object_set_new(value, "at", json_real((double)now.tv_sec + (double)ms / 1000));
	char *text = json_dumps(value, JSON_COMPACT);
	struct panel_message *m = panel_message_new(PANEL_TICK, text, text ? strlen(text) : 0);
	free(text);
	list_for_each (it, &l->readers)
		panel_reader_tick(list_entry(it, struct panel_reader, link), m);
	panel_message_unref(m);
}

/* ---- Lists ---- */

static const char *id_of(const json_t *item)
{
	const json_t *id = json_object_get(item, "id");
	return json_string_value(id ? id : json_object_get(item, "name"));
}

/* id -> item; NULL: memory is out. */
static json_t *by_id(const json_t *items)
{
	json_t *map = json_object(), *item;
	size_t i;
	json_array_foreach(items, i,
		item) if (id_of(item) && json_object_set(map, id_of(item), item) < 0)
	{
		json_decref(map);
		return NULL;
	}
	return map;
}

/* Those of `now` that `before` has not or has otherwise. */
static json_t *changed(const json_t *before, json_t *now)
{
	json_t *items = json_array(), *item;
	const char *id;
	json_object_foreach(now, id, item)
	{
		const json_t *old = json_object_get(before, id);
		if (!old || !json_equal(old, item))
			json_array_append(items, item);
	}
	return items;
}

static json_t *gone(json_t *before, const json_t *now)
{
	json_t *ids = json_array(), *item;
	const char *id;
	json_object_foreach(before, id, item) if (!json_object_get(now, id))
		json_array_append_new(ids, json_string(id));
	return ids;
}

static void take_list(struct panel_live *l, enum panel_topics topic, const json_t *items)
{
	struct panel_batch whole = {0}, news = {0};
	json_t *before = l->items[topic], *now = by_id(items);
	if (!now)
		return;
	json_t *new = changed(before, now), *lost = gone(before, now);
	bool some = json_array_size(new) || json_array_size(lost);
	/* What memory is out for is told when it is another again. */
	panel_batch_make(&whole, topic, &(struct panel_news){.items = items, .whole = true});
	if (some)
		panel_batch_make(&news, topic, &(struct panel_news){.items = new, .gone = lost});
	list_for_each (it, &l->readers)
		panel_reader_list(list_entry(it, struct panel_reader, link), topic, &whole, &news);
	panel_batch_deinit(&whole);
	panel_batch_deinit(&news);
	json_decref(new);
	json_decref(lost);
	json_decref(before);
	l->items[topic] = now;
}

/* ---- Requests ---- */

/* Of the newest, those that are looked at again until they have an end. */
#define OPEN_MAX 200

/*
 * What is asked for next is newer than this: the newest one, or the one before those that have no end yet. The newest
 * is first.
 */
static void set_after(struct panel_live *l, const json_t *items)
{
	size_t n = json_array_size(items), at = 0;
	for (size_t i = 0; i < MIN(n, (size_t)OPEN_MAX); i++) {
		const json_t *state = json_object_get(json_array_get(items, i), "state");
		if (str_same(json_string_value(state), "open"))
			at = i + 1;
	}
	const char *id = at < n ? id_of(json_array_get(items, at)) : NULL;
	char *copy = id ? strdup(id) : NULL;
	if (!copy)
		return;
	free(l->after);
	l->after = copy;
}

/* What was there before somebody looked is asked for by who wants it. */
static void take_requests(struct panel_live *l, const json_t *items)
{
	json_t *before = l->items[PANEL_REQUESTS], *now = by_id(items);
	if (!now)
		return;
	json_t *new = before ? changed(before, now) : NULL;
	if (json_array_size(new))
		list_for_each (it, &l->readers)
			panel_reader_requests(list_entry(it, struct panel_reader, link), new);
	set_after(l, items);
	json_decref(new);
	json_decref(before);
	l->items[PANEL_REQUESTS] = now;
}

void panel_live_take(struct panel_live *l, enum panel_topics topic, const char *text, size_t n)
{
	json_t *value = json_loadb(text, n, 0, NULL);
	json_t *items = json_object_get(value, "items");
	if (topic == PANEL_TICK && json_is_object(value))
		take_tick(l, value);
	else if (topic == PANEL_REQUESTS && json_is_array(items))
		take_requests(l, items);
	else if (json_is_array(items))
		take_list(l, topic, items);
	json_decref(value);
}
